using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Tienda.ApiTests;

/// <summary>
/// Everything that the shops of the tests write, in this process and in others, is searched for what must never be there. The test run fails
/// at its end if something was found, and names the line.
/// </summary>
public static partial class ShopOutput
{
    /// <summary>A word that stands in what tests make passwords, names and addresses of.</summary>
    public const string Planted = "indecible";

    private const int MostShown = 20;

    private static readonly string[] Secrets =
    [
        Planted, "@example.com", "%40example.com", "+34600", ShopApp.AdminApiKey, ShopApp.JwtSecret,
        "eyJhbGciOi", // how every access token begins
        "AQAAAA", // how every hash of a password begins
    ];

    private static readonly List<string> Leaks = [];
    private static readonly Lock Gate = new();
    private static long _searched;

    /// <summary>Where shops of this process write their log.</summary>
    public static Stream Stream { get; } = new SearchedStream(null);

    /// <summary>The same, and a copy of it.</summary>
    public static Stream CopiedTo(Action<string> copy) => new SearchedStream(copy);

    public static void Search(string text)
    {
        Interlocked.Add(ref _searched, text.Length);
        if (!MayLeak(text))
        {
            return;
        }

        foreach (var line in text.Split('\n').Where(IsLeak))
        {
            lock (Gate)
            {
                Leaks.Add(line);
            }
        }
    }

    /// <summary>Whether a line shows what it must not.</summary>
    public static bool IsLeak(string line) => MayLeak(line)
        // The operator's own mistake, told to the operator at the start.
        && !line.Contains("ADMIN_EMAIL=", StringComparison.Ordinal);

    public static void AssertNoLeak()
    {
        TestReport.Tell(string.Create(
            CultureInfo.InvariantCulture, $"{_searched / 1e6:F1} MB of the shops' output were searched for what must not be there"));
        Assert.True(_searched > 0, "Nothing of what the shops say was searched.");
        lock (Gate)
        {
            Assert.True(Leaks.Count == 0, $"{Leaks.Count} lines of the shops' output tell too much:\n{string.Join('\n', Leaks.Take(MostShown))}");
        }
    }

    private static bool MayLeak(string text) =>
        Secrets.Any(secret => text.Contains(secret, StringComparison.OrdinalIgnoreCase))
        || RefreshToken().EnumerateMatches(text).MoveNext();

    // 48 random bytes in base64url. What has no capital letter is a checksum.
    [GeneratedRegex(@"(?<![\w-])(?=[\w-]*[A-Z])[\w-]{64}(?![\w-])")]
    private static partial Regex RefreshToken();

    private sealed class SearchedStream(Action<string>? copy) : MemoryStream
    {
        public override void Write(ReadOnlySpan<byte> buffer)
        {
            var text = Encoding.UTF8.GetString(buffer);
            Search(text);
            copy?.Invoke(text);
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));
    }
}

/// <summary>The log of one shop of this process, for a test that reads it.</summary>
public sealed class CapturedLog
{
    private readonly StringBuilder _text = new();

    public CapturedLog() => Output = ShopOutput.CopiedTo(text =>
    {
        lock (_text)
        {
            _text.Append(text);
        }
    });

    public Stream Output { get; }

    public string[] Lines
    {
        get
        {
            lock (_text)
            {
                return _text.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
            }
        }
    }

    /// <summary>The lines with a text in them, as soon as there are so many.</summary>
    public async Task<string[]> LinesWithAsync(string text, int count = 1)
    {
        string[] found = [];
        await Eventually.HoldsAsync(() =>
        {
            found = [.. Lines.Where(line => line.Contains(text, StringComparison.Ordinal))];
            return found.Length >= count;
        });
        return found;
    }
}
