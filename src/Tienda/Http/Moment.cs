using System.Globalization;

namespace Tienda.Http;

/// <summary>A time in a query: RFC 3339, or a date alone, which is its midnight in UTC.</summary>
/// <param name="Utc">The instant, of kind UTC.</param>
public readonly record struct Moment(DateTime Utc) : IParsable<Moment>
{
    private static readonly string[] Forms =
        ["yyyy-MM-dd", "yyyy-MM-dd'T'HH:mmK", "yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK"];

    public static Moment Parse(string s, IFormatProvider? provider) =>
        TryParse(s, provider, out var moment) ? moment : throw new FormatException();

    public static bool TryParse(string? s, IFormatProvider? provider, out Moment result)
    {
        // Without an offset the machine's own would be assumed, and the same request would mean something else elsewhere.
        const DateTimeStyles AsUtc = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
        var understood = DateTime.TryParseExact(s, Forms, CultureInfo.InvariantCulture, AsUtc, out var utc);
        result = new Moment(utc);
        return understood;
    }
}
