namespace Tienda.Telemetry.Reports;

/// <summary>How a gauge of several workers becomes one.</summary>
public enum Adding
{
    Sum,
    Largest,
    Smallest,
}

/// <summary>
/// Adds the figures of workers. Counters and histograms add up, also those of workers that have ended: a sum that got smaller would look
/// like a restart to Prometheus. Gauges are of those that live.
/// </summary>
public static class MetricSum
{
    // Gauges that do not add up; docs/metrics.md says so of each, which a test compares.
    private static readonly Dictionary<string, Adding> Gauges = new()
    {
        ["dotnet_process_cpu_count"] = Adding.Largest,
        ["tienda_build_info"] = Adding.Largest,
        ["tienda_cache_poll_lag_seconds"] = Adding.Largest,
        ["tienda_database_latency_seconds"] = Adding.Largest,
        ["tienda_database_up"] = Adding.Smallest,
        ["tienda_redis_latency_seconds"] = Adding.Largest,
        ["tienda_redis_up"] = Adding.Smallest,
    };

    public static Adding Of(string metric) => Gauges.GetValueOrDefault(metric, Adding.Sum);

    /// <param name="isAlive">Whether the worker still is, so that its gauges count.</param>
    public static void Add(MetricReport sum, MetricReport worker, bool isAlive)
    {
        foreach (var family in worker.Families.Where(family => isAlive || family.Kind != MetricKind.Gauge))
        {
            var all = sum.Family(family.Name, family.Kind, family.Help);
            // Of two builds in a rolling upgrade, one may know the metric as something else.
            if (all.Kind == family.Kind)
            {
                Add(all, family);
            }
        }
    }

    private static void Add(MetricFamily all, MetricFamily one)
    {
        var adding = all.Kind == MetricKind.Gauge ? Of(all.Name) : Adding.Sum;
        foreach (var (sample, value) in one.Samples)
        {
            all.Samples[sample] = !all.Samples.TryGetValue(sample, out var before) ? value : adding switch
            {
                Adding.Largest => Math.Max(before, value),
                Adding.Smallest => Math.Min(before, value),
                _ => before + value,
            };
        }
    }
}
