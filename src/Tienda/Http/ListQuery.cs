using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Tienda.Http;

/// <summary>Which part of a list is wanted. Every list of the shop takes these.</summary>
public record ListQuery
{
    public const int DefaultLimit = 100;
    public const int MaximumLimit = 1000;
    public const int MaximumSkip = 10_000;

    /// <summary>How many records to leave out, 0 to 10000. Beyond that continue with the <c>next</c> link.</summary>
    [Whole(0, MaximumSkip, "; follow the Link header's after to go further")]
    public long? Skip { get; init; }

    /// <summary>How many records to answer at most, 1 to 1000; 100 if absent.</summary>
    [Whole(1, MaximumLimit)]
    public long? Limit { get; init; }

    /// <summary>Continue behind the last record of an earlier answer: the value that its Link header gave.</summary>
    public Cursor? After { get; init; }

    /// <summary>Ask for X-Total-Count: exact, or estimate (exact to 10000, beyond that from the database's statistics).</summary>
    public TotalCount? Count { get; init; }

    /// <summary>One record more than asked for, which tells whether there is a next page.</summary>
    internal int RowsToRead => (int)(Limit ?? DefaultLimit) + 1;
}

/// <summary>How to count a list.</summary>
public readonly record struct TotalCount(bool Exact) : IParsable<TotalCount>
{
    public static TotalCount Parse(string s, IFormatProvider? provider) =>
        TryParse(s, provider, out var count) ? count : throw new FormatException();

    public static bool TryParse(string? s, IFormatProvider? provider, out TotalCount result)
    {
        result = new TotalCount(s == "exact");
        return s is "exact" or "estimate";
    }
}

/// <summary>A place in a list: the last record seen, by its id and, under another order than by id, by what the order compares.</summary>
/// <param name="Id">The last record's id_key.</param>
/// <param name="Sort">The order in which it was the last.</param>
/// <param name="Key">The value that this order compares; empty under the order by id.</param>
public sealed record Cursor(long Id, string Sort = Cursor.ById, string Key = "") : IParsable<Cursor>
{
    public const string ById = "id";

    /// <summary>One opaque token for a URL.</summary>
    public override string ToString() => Base64Url.EncodeToString(
        Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Id}:{Sort}:{Key}")));

    public static Cursor Parse(string s, IFormatProvider? provider) =>
        TryParse(s, provider, out var cursor) ? cursor : throw new FormatException();

    public static bool TryParse(string? s, IFormatProvider? provider, out Cursor result)
    {
        result = new Cursor(0);
        var bytes = new byte[s?.Length ?? 0];
        if (Base64Url.DecodeFromChars(s, bytes, out var read, out var written) is not OperationStatus.Done
            || read != s?.Length
            || Encoding.UTF8.GetString(bytes, 0, written).Split(':', 3) is not [var id, var sort, var key]
            || !long.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var idKey)
            || key.Contains('\0', StringComparison.Ordinal))
        {
            return false;
        }

        result = new Cursor(idKey, sort, key);
        return true;
    }
}
