namespace Tienda.Telemetry;

/// <summary>
/// A path as logs show it, without its query, which may hold what somebody looks for. No path of the shop contains an e-mail address or a
/// long word; what does was put there by mistake, and may be somebody's address or token.
/// </summary>
public static class LoggedPath
{
    private const int LongestWord = 40;
    private const string Hidden = "...";

    /// <summary>Escaped as in a URL: a line break in it would begin a log line of the client's own.</summary>
    public static string Of(PathString path)
    {
        if (path.Value is not { Length: > 0 } text)
        {
            return "/";
        }

        var isPlain = !text.Contains('@', StringComparison.Ordinal) && (text.Length <= LongestWord || HasShortWords(text));
        return (isPlain ? path : new PathString(string.Join('/', text.Split('/').Select(word => IsPlain(word) ? word : Hidden))))
            .ToUriComponent();
    }

    private static bool HasShortWords(ReadOnlySpan<char> path)
    {
        foreach (var word in path.Split('/'))
        {
            if (path[word].Length > LongestWord)
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsPlain(string word) => word.Length <= LongestWord && !word.Contains('@', StringComparison.Ordinal);
}
