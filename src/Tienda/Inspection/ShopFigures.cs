using System.Globalization;
using Tienda.Telemetry;

namespace Tienda.Inspection;

/// <summary>The guide's figures of a shop over a while. Null is what nothing has happened of.</summary>
public sealed record ShopFigures
{
    public required double Requests { get; init; }

    public double? RequestsPerSecond { get; init; }

    public double? MedianMs { get; init; }

    public double? P95Ms { get; init; }

    public double? P99Ms { get; init; }

    /// <summary>Answers of the 500s: what the shop has failed at.</summary>
    public double? ErrorPercent { get; init; }

    /// <summary>Answers of the 400s: what it has refused, for good reason as a rule.</summary>
    public double? RefusedPercent { get; init; }

    public double? HitPercent { get; init; }

    public double? PoolPercent { get; init; }

    public double? PoolUsed { get; init; }

    public double? PoolMost { get; init; }

    /// <summary>Orders that wait for their turn.</summary>
    public double? Queue { get; init; }

    private const string Duration = "http_server_request_duration_seconds";

    // Who asks how the shop is, is no customer.
    private static readonly string[] Watchers = ["/metrics", "/health_check", "/health/live", "/health/ready"];

    /// <param name="before">An earlier look, or null for all that was counted since the workers started.</param>
    public static ShopFigures Between(Scrape? before, Scrape now)
    {
        var answers = Answers(before, now).ToList();
        var requests = answers.Sum(answer => answer.Count);
        var buckets = now.Named(Duration + "_bucket").Where(IsOfCustomers)
            .GroupBy(sample => Bound(sample.Label("le")))
            .OrderBy(bucket => bucket.Key)
            .Select(bucket => (bucket.Key, bucket.Sum(sample => Scrape.Increase(sample, before))))
            .ToList();
        var (used, most) = Pool(now);
        return new ShopFigures
        {
            Requests = requests,
            RequestsPerSecond = before is null ? null : requests / Math.Max(0.001, (now.Time - before.Time).TotalSeconds),
            MedianMs = HistogramQuantile.Of(0.5, buckets) * 1000,
            P95Ms = HistogramQuantile.Of(0.95, buckets) * 1000,
            P99Ms = HistogramQuantile.Of(0.99, buckets) * 1000,
            ErrorPercent = Share(answers, requests, '5'),
            RefusedPercent = Share(answers, requests, '4'),
            HitPercent = HitRate(before, now),
            PoolPercent = most > 0 ? 100 * used / most : null,
            PoolUsed = used,
            PoolMost = most,
            Queue = now.Named("tienda_orders_queue_length").Select(sample => (double?)sample.Value).DefaultIfEmpty().Sum(),
        };
    }

    private static IEnumerable<(string Status, double Count)> Answers(Scrape? before, Scrape now) =>
        now.Named(Duration + "_count").Where(IsOfCustomers)
            .Select(sample => (sample.Label("http_response_status_code") ?? "", Scrape.Increase(sample, before)));

    private static bool IsOfCustomers(MetricSample sample) => !Watchers.Contains(sample.Label("http_route"));

    private static double? Share(List<(string Status, double Count)> answers, double all, char kind) => all > 0
        ? 100 * answers.Where(answer => answer.Status.StartsWith(kind)).Sum(answer => answer.Count) / all
        : null;

    private static double? HitRate(Scrape? before, Scrape now)
    {
        var reads = now.Named("tienda_cache_reads_total")
            .Select(sample => (Result: sample.Label("result"), Count: Scrape.Increase(sample, before)))
            .ToList();
        var all = reads.Sum(read => read.Count);
        return all > 0 ? 100 * reads.Where(read => read.Result != CacheMetrics.Name(CacheResult.Miss)).Sum(read => read.Count) / all : null;
    }

    // The pool that requests use is the one that may grow largest; its name can be another one. The others have one connection each.
    private static (double? Used, double? Most) Pool(Scrape now)
    {
        const string Name = "db_client_connection_pool_name";
        var pools = now.Named("db_client_connection_max")
            .GroupBy(sample => sample.Label(Name))
            .Select(pool => (Name: pool.Key, Most: pool.Sum(sample => sample.Value)))
            .ToList();
        if (pools.Count == 0)
        {
            return (null, null);
        }

        var (name, most) = pools.MaxBy(pool => pool.Most);
        var used = now.Named("db_client_connection_count")
            .Where(sample => sample.Label(Name) == name && sample.Label("db_client_connection_state") == "used")
            .Sum(sample => sample.Value);
        return (used, most);
    }

    private static double Bound(string? text) =>
        text is null or "+Inf" ? double.PositiveInfinity : double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);
}
