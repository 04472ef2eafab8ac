using Tienda.Hosting;
using Tienda.Telemetry;

namespace Tienda.Caching;

/// <summary>The cache's figures for the health check.</summary>
public sealed class CacheReport(CacheMetrics metrics, AnswerMemory memory, CacheClock clock)
{
    public CacheHealth Read()
    {
        var (l1, l2) = (metrics.Count(CacheResult.Memory), metrics.Count(CacheResult.Redis));
        var (shared, stale) = (metrics.Count(CacheResult.Shared), metrics.Count(CacheResult.Stale));
        var misses = metrics.Count(CacheResult.Miss);
        var (hits, reads) = (l1 + l2 + shared + stale, l1 + l2 + shared + stale + misses);
        var lag = clock.SinceLease;
        return new CacheHealth
        {
            HitRatePercent = reads == 0 ? null : Math.Round(100.0 * hits / reads, 1),
            L1Bytes = memory.Bytes,
            L1Entries = memory.Count,
            L1Hits = l1,
            L2Hits = l2,
            SharedHits = shared,
            StaleHits = stale,
            Misses = misses,
            StaleRejections = metrics.Rejections,
            Renewals = metrics.Renewals,
            Fills = metrics.Fills,
            Events = metrics.Events,
            PollLagMs = lag == TimeSpan.MaxValue ? null : Math.Round(lag.TotalMilliseconds),
        };
    }
}
