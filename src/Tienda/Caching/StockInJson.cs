using System.Buffers.Text;

namespace Tienda.Caching;

/// <summary>Writes stocks into the body of an answer.</summary>
public static class StockInJson
{
    // A quotation mark within a text is escaped, so this stands nowhere but before a stock.
    private static ReadOnlySpan<byte> Name => "\"stock\":"u8;

    /// <summary>The body with these stocks, or null if it does not show one for each of them.</summary>
    public static byte[]? Write(ReadOnlySpan<byte> body, ReadOnlySpan<StockNow> stocks)
    {
        // A number of 32 bits takes up to 11 characters.
        var result = new byte[body.Length + (11 * stocks.Length)];
        var written = 0;
        foreach (var stock in stocks)
        {
            var start = body.IndexOf(Name);
            if (start < 0)
            {
                return null;
            }

            start += Name.Length;
            var end = start + body[start..].IndexOfAny((byte)',', (byte)'}');
            var kept = stock.Stock is null ? end : start;
            body[..kept].CopyTo(result.AsSpan(written));
            written += kept;
            if (stock.Stock is { } now)
            {
                Utf8Formatter.TryFormat(now, result.AsSpan(written), out var digits);
                written += digits;
            }

            body = body[end..];
        }

        if (body.IndexOf(Name) >= 0)
        {
            return null;
        }

        body.CopyTo(result.AsSpan(written));
        return result[..(written + body.Length)];
    }
}
