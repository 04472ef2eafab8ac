using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Tienda.Telemetry;

/// <summary>How long questions to Redis take, under the name that those to PostgreSQL have.</summary>
public sealed class RedisMetrics
{
    private readonly Histogram<double> _duration;
    private long _failures;

    public RedisMetrics(IMeterFactory meters)
    {
        var meter = meters.Create(ShopMetrics.Meter);
        _duration = QueryFigures.CreateDurations(meter);
        // Looked at rather than told, so that it is there, as 0, before the first failure.
        meter.CreateObservableCounter(
            "tienda.redis.failures", () => Volatile.Read(ref _failures), "{question}", "Questions to Redis that failed or took too long.");
    }

    /// <param name="asked">When, in ticks of <see cref="Stopwatch"/>.</param>
    public void Note(long asked, bool hasFailed)
    {
        _duration.Record(
            Stopwatch.GetElapsedTime(asked).TotalSeconds, new KeyValuePair<string, object?>("db.system.name", "redis"));
        if (hasFailed)
        {
            Interlocked.Increment(ref _failures);
        }
    }
}
