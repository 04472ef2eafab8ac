using System.Globalization;
using System.Text;

namespace Tienda.Telemetry;

/// <summary>The time at the beginning of a line, <c>2025-11-18 10:00:00</c> in UTC: written once a second instead of once a line.</summary>
public sealed class LogTime(TimeProvider time)
{
    private Second _latest = new(0, []);

    public ReadOnlySpan<byte> Now()
    {
        var now = time.GetUtcNow();
        var second = now.UtcTicks / TimeSpan.TicksPerSecond;
        var latest = Volatile.Read(ref _latest);
        if (latest.Number != second)
        {
            latest = new Second(second, Encoding.ASCII.GetBytes(now.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)));
            Volatile.Write(ref _latest, latest);
        }

        return latest.Text;
    }

    private sealed record Second(long Number, byte[] Text);
}
