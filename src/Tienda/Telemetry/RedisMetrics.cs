using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Tienda.Telemetry;

/// <summary>How long questions to Redis take, under the name that those to PostgreSQL have.</summary>
public sealed class RedisMetrics
{
    private static readonly InstrumentAdvice<double> Seconds = new()
    {
        HistogramBucketBoundaries = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1],
    };

    private readonly Histogram<double> _duration;
    private long _failures;

    public RedisMetrics(IMeterFactory meters)
    {
        var meter = meters.Create(ShopMetrics.Meter);
        _duration = meter.CreateHistogram("db.client.operation.duration", "s", "Duration of database client operations.", advice: Seconds);
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
