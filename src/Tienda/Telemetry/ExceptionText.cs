using System.Text;
using System.Text.RegularExpressions;

namespace Tienda.Telemetry;

/// <summary>
/// An exception as logs show it: what it is, where it came from, and its message without what stands in quotes there, which is as a rule
/// the value that nobody could do anything with, and may be somebody's name or password.
/// </summary>
public static partial class ExceptionText
{
    public static string Of(Exception exception)
    {
        var text = new StringBuilder();
        Append(text, exception);
        return text.ToString();
    }

    /// <summary>A message without the values in it.</summary>
    public static string MessageOf(Exception exception) => Quoted().Replace(exception.Message, "'...'");

    private static void Append(StringBuilder text, Exception exception)
    {
        text.Append(exception.GetType().FullName).Append(": ").Append(MessageOf(exception));
        if (exception.InnerException is { } inner)
        {
            text.Append("\n ---> ");
            Append(text, inner);
            text.Append("\n   --- End of inner exception stack trace ---");
        }

        if (exception.StackTrace is { } stack)
        {
            text.Append('\n').Append(stack);
        }
    }

    // From the first quote to the last: a value may have some of its own. The one in "it's" opens none.
    [GeneratedRegex("""(?<!\w)['"“«].*['"”»]""", RegexOptions.Singleline)]
    private static partial Regex Quoted();
}
