using System.Text.RegularExpressions;

namespace Tienda.Data.Monitoring;

/// <summary>
/// A statement as people may see it: on one line, without comments and without values. What a shop is asked with parameters has none;
/// what somebody types by hand, or a CREATE ROLE, may have an address or a password in it.
/// </summary>
/// <param name="Name">What a comment in front of the statement calls it, or null.</param>
/// <param name="Text">The statement, each value replaced by a question mark.</param>
public sealed partial record SqlText(string? Name, string Text)
{
    /// <summary>What PostgreSQL shows of the sessions of others to whom it does not tell everything.</summary>
    public const string Hidden = "<insufficient privilege>";

    public static SqlText Read(string sql)
    {
        if (sql == Hidden)
        {
            return new SqlText(null, sql);
        }

        var name = LeadingComment().Match(sql).Groups["name"].Value.Trim();
        var text = Parts().Replace(sql, part => part.Groups["value"].Success ? "?" : part.Groups["kept"].Success ? part.Value : " ");
        return new SqlText(IsName(name) ? name : null, Blanks().Replace(text, " ").Trim().TrimEnd(';'));
    }

    /// <summary>What to call it where there is little room.</summary>
    public override string ToString() => Name ?? Text;

    // A remark of several words is none.
    private static bool IsName(string comment) => comment.Length is > 0 and <= 80 && !comment.Any(char.IsWhiteSpace);

    [GeneratedRegex(@"^\s*(?:/\*(?<name>.*?)\*/|--(?<name>[^\n]*)(?:\n|$))", RegexOptions.Singleline)]
    private static partial Regex LeadingComment();

    // Comments; values: dollar quotes, texts in quotes (in those with an E a backslash hides the next sign) and numbers; and what stays:
    // names in double quotes, parameters and words. A text that was cut off, as pg_stat_activity cuts long ones off, ends where it ends.
    [GeneratedRegex(
        """
        /\*.*?(?:\*/|$)|--[^\n]*
        |(?<value>(?<tag>\$(?:[\p{L}_]\w*)?\$).*?(?:\k<tag>|$)
            |[eE]'(?:[^'\\]|''|\\.)*(?:'|$)|(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*(?:'|$)|(?<![\w$])\.?\d[\w.]*)
        |(?<kept>"(?:[^"]|"")*(?:"|$)|\$\d+|[\p{L}_]\w*)
        """,
        RegexOptions.Singleline | RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Parts();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();
}
