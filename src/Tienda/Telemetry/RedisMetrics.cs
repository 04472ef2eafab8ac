using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Tienda.Telemetry;

/// <summary>How long questions to Redis take, under the name that those to PostgreSQL have.</summary>
public sealed class RedisMetrics
{
    private readonly Histogram<double> _duration;
    private readonly Counter<long> _failures;

    public RedisMetrics(IMeterFactory meters)
    {
        var meter = meters.Create(ShopMetrics.Meter);
        _duration = QueryFigures.CreateDurations(meter);
        _failures = meter.CreateCounter<long>("tienda.redis.failures", "{question}", "Questions to Redis that failed or took too long.");
        _failures.Add(0);
    }

    /// <param name="asked">When, in ticks of <see cref="Stopwatch"/>.</param>
    public void Note(long asked, bool hasFailed)
    {
        _duration.Record(
            Stopwatch.GetElapsedTime(asked).TotalSeconds, new KeyValuePair<string, object?>("db.system.name", "redis"));
        if (hasFailed)
        {
            _failures.Add(1);
        }
    }
}
