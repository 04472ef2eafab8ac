namespace Tienda.Hosting;

/// <summary>Reads files of <c>NAME=value</c> lines. White space and # begin a comment behind a value, unless it is quoted.</summary>
public static class EnvironmentFile
{
    /// <summary>The settings in the text of a file.</summary>
    /// <exception cref="FormatException">A line is neither a comment nor an assignment; the message names it.</exception>
    public static IReadOnlyDictionary<string, string> Parse(string text)
    {
        var values = new Dictionary<string, string>();
        var number = 0;
        foreach (var raw in text.Split('\n'))
        {
            number++;
            var line = raw.Trim();
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }

            var name = line.Split('=', 2)[0].Trim();
            name = name.StartsWith("export ", StringComparison.Ordinal) ? name["export ".Length..].Trim() : name;
            if (!line.Contains('=', StringComparison.Ordinal)
                || name.Length == 0
                || !name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_'))
            {
                throw new FormatException($"line {number} is not NAME=value");
            }

            values[name] = Value(line.Split('=', 2)[1].Trim(), number);
        }

        return values;
    }

    private static string Value(string text, int number)
    {
        if (text.Length > 0 && text[0] is '"' or '\'')
        {
            var end = text.IndexOf(text[0], 1);
            return end > 0 ? text[1..end] : throw new FormatException($"line {number} has a quote that does not end");
        }

        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '#' && (i == 0 || char.IsWhiteSpace(text[i - 1])))
            {
                return text[..i].TrimEnd();
            }
        }

        return text;
    }
}
