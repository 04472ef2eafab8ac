using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Npgsql;

namespace Tienda.Data;

/// <summary>The part of it that serves statements which take no parameters, as COPY takes none.</summary>
public sealed partial class ListStatement
{
    /// <summary>Adds a statement that answers the text of such a statement, with the values in it.</summary>
    public void AddQuotedTo(
        NpgsqlBatch batch, Func<string, string> sql, [CallerFilePath] string file = "", [CallerMemberName] string member = "")
    {
        var text = sql($"{tables} {AllConditions}").Replace("%", "%%", StringComparison.Ordinal);
        var places = Enumerable.Range(1, _values.Count).Select(n => "$" + n.ToString(CultureInfo.InvariantCulture)).ToList();
        var template = "$" + (places.Count + 1).ToString(CultureInfo.InvariantCulture);
        var command = batch.Then($"SELECT format({string.Join(", ", places.Prepend(template))})", file, member);
        Supply(command);
        command.With(Placeholder().Replace(text, "%$1$$L"));
    }

    [GeneratedRegex(@"\$([0-9]+)")]
    private static partial Regex Placeholder();
}
