using System.Globalization;
using System.Text;

namespace Tienda.Telemetry;

/// <summary>The time at the beginning of a line, in UTC: written once a second instead of once a line.</summary>
/// <param name="format">Of a date and time down to its second.</param>
public sealed class LogTime(TimeProvider time, string format)
{
    private Second _latest = new(0, []);

    /// <summary>Of a line of text: <c>2025-11-18 10:00:00</c>.</summary>
    public const string Plain = "yyyy-MM-dd HH:mm:ss";

    /// <summary>Of a line of JSON, which has the fraction of the second behind it.</summary>
    public const string Json = "yyyy-MM-ddTHH:mm:ss";

    public ReadOnlySpan<byte> Now() => Now(out _);

    /// <param name="fraction">Ticks of <see cref="TimeSpan"/> since the second began.</param>
    public ReadOnlySpan<byte> Now(out long fraction)
    {
        var now = time.GetUtcNow();
        (var second, fraction) = Math.DivRem(now.UtcTicks, TimeSpan.TicksPerSecond);
        var latest = Volatile.Read(ref _latest);
        if (latest.Number != second)
        {
            latest = new Second(second, Encoding.ASCII.GetBytes(now.ToString(format, CultureInfo.InvariantCulture)));
            Volatile.Write(ref _latest, latest);
        }

        return latest.Text;
    }

    private sealed record Second(long Number, byte[] Text);
}
