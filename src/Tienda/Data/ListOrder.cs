using System.Globalization;
using Tienda.Http;

namespace Tienda.Data;

/// <summary>An order of a list and how to continue in it behind a cursor.</summary>
/// <param name="Sql">What follows ORDER BY.</param>
/// <param name="Accepts">Whether a cursor, which a client can make up, has a key that this order can compare.</param>
/// <param name="ContinueAfter">Adds the condition that leaves out everything up to the cursor.</param>
public sealed record ListOrder(string Sql, Func<Cursor, bool> Accepts, Action<ListStatement, Cursor> ContinueAfter)
{
    /// <summary>Reads a cursor's key back as the type that an order compares.</summary>
    public delegate bool TryParseKey<TKey>(string text, out TKey key);

    /// <summary>A time as a cursor's key.</summary>
    public static string KeyOf(DateTime time) => time.ToString("O", CultureInfo.InvariantCulture);

    /// <summary>Reads what <see cref="KeyOf"/> has written.</summary>
    public static bool TryParseTime(string text, out DateTime key) =>
        DateTime.TryParseExact(text, "O", CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out key)
        && key.Kind == DateTimeKind.Utc;

    public static ListOrder ById(string idColumn) =>
        new(idColumn, _ => true, (list, after) => list.Where(idColumn + " > {0}", after.Id));

    /// <summary>By an expression, then by id in the same direction, so that one index serves both.</summary>
    /// <param name="expression">The SQL expression that an index has.</param>
    /// <param name="parse">Reads the cursor's key back as the expression's type.</param>
    /// <param name="idColumn">The id's name, where the bare one would not say which.</param>
    public static ListOrder By<TKey>(string expression, bool descending, TryParseKey<TKey> parse, string idColumn = "id_key")
    {
        var (direction, beyond) = descending ? ("DESC", "<") : ("ASC", ">");
        return new ListOrder(
            $"{expression} {direction}, {idColumn} {direction}",
            after => parse(after.Key, out _),
            (list, after) =>
            {
                parse(after.Key, out var value);
                var key = list.Bind(value);
                var id = list.Bind(after.Id);
                list.And($"({expression}, {idColumn}) {beyond} (${key}, ${id})");
            });
    }
}
