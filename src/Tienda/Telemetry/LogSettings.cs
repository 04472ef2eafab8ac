using Tienda.Hosting;

namespace Tienda.Telemetry;

/// <summary>What is worth a line of its own, and where lines go.</summary>
public sealed record LogSettings
{
    /// <summary>Milliseconds from which a request is logged as slow (SLOW_REQUEST_MS).</summary>
    public int SlowRequestMs { get; init; } = 500;

    /// <summary>Milliseconds from which a question to the database is logged as slow (SLOW_QUERY_MS).</summary>
    public int SlowQueryMs { get; init; } = 100;

    /// <summary>Where the lines go instead of to standard output; no variable sets it.</summary>
    public Stream? Output { get; init; }

    public static LogSettings Read(SettingsReader read)
    {
        var defaults = new LogSettings();
        return new LogSettings
        {
            SlowRequestMs = read.Whole(["SLOW_REQUEST_MS"], defaults.SlowRequestMs, 0, 3_600_000),
            SlowQueryMs = read.Whole(["SLOW_QUERY_MS"], defaults.SlowQueryMs, 0, 3_600_000),
        };
    }
}
