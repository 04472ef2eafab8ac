namespace Tienda.Telemetry;

/// <summary>
/// Quantiles of a histogram as Prometheus' <c>histogram_quantile()</c> computes them for classic ones, so that the same question gets the
/// same answer here and there (https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile).
/// </summary>
public static class HistogramQuantile
{
    /// <param name="quantile">Between 0 and 1.</param>
    /// <param name="buckets">Counts of what is not above each bound, the last of which is infinite.</param>
    /// <returns>The value, or null if nothing was counted.</returns>
    public static double? Of(double quantile, IReadOnlyList<(double Bound, double Count)> buckets)
    {
        if (buckets.Count < 2 || buckets[^1].Count <= 0)
        {
            return null;
        }

        var rank = quantile * buckets[^1].Count;
        var found = 0;
        while (found < buckets.Count - 1 && buckets[found].Count < rank)
        {
            found++;
        }

        // How far beyond the last bound nobody knows.
        if (found == buckets.Count - 1)
        {
            return buckets[^2].Bound;
        }

        if (found == 0 && buckets[0].Bound <= 0)
        {
            return buckets[0].Bound;
        }

        // Within a bucket values are taken to be spread evenly, in the first one from zero.
        var (below, less) = found == 0 ? (0, 0) : buckets[found - 1];
        var (bound, count) = buckets[found];
        return below + ((bound - below) * (rank - less) / (count - less));
    }
}
