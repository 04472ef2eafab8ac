using System.Text.Json.Serialization;
using Tienda.Caching;
using Tienda.Data;
using Tienda.Telemetry;

namespace Tienda.Hosting;

/// <summary>How the shop and what it depends on are.</summary>
public sealed record HealthReport
{
    /// <summary>healthy, warning (slow or filling up), degraded (Redis is away) or critical; the worst wins.</summary>
    public required string Status { get; init; }

    public required DateTime Timestamp { get; init; }

    public required string Version { get; init; }

    /// <summary>The number of the worker that answered.</summary>
    public required int Worker { get; init; }

    public required HealthChecks Checks { get; init; }

    /// <summary>What the operator should change; left out if there is nothing.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Warnings { get; init; }
}

/// <summary>One entry per thing that was looked at.</summary>
public sealed record HealthChecks
{
    public required DatabaseHealth Database { get; init; }

    public required DependencyHealth Redis { get; init; }

    public required PoolHealth DbPool { get; init; }

    public required CacheHealth Cache { get; init; }
}

/// <summary>What the cache of the worker that answered has done since it started. See docs/caching.md.</summary>
public sealed record CacheHealth
{
    /// <summary>Share of cacheable reads that were answered without asking the database; null before the first.</summary>
    public required double? HitRatePercent { get; init; }

    /// <summary>Memory of the answers that are kept.</summary>
    public required long L1Bytes { get; init; }

    public required int L1Entries { get; init; }

    /// <summary>Answered from memory.</summary>
    public required long L1Hits { get; init; }

    /// <summary>Answered from Redis.</summary>
    public required long L2Hits { get; init; }

    /// <summary>Answered with what another request was just reading.</summary>
    public required long SharedHits { get; init; }

    /// <summary>Answered with the last answer, marked as stale, while the database was away.</summary>
    public required long StaleHits { get; init; }

    public required long Misses { get; init; }

    /// <summary>Kept answers that were not given because something in them had changed.</summary>
    public required long StaleRejections { get; init; }

    /// <summary>Kept answers whose stocks were brought up to date without asking the database.</summary>
    public required long Renewals { get; init; }

    /// <summary>Answers that were kept.</summary>
    public required long Fills { get; init; }

    /// <summary>Changes that the cache has heard of, each as often as it came.</summary>
    public required long Events { get; init; }

    /// <summary>Milliseconds since the log of changes was read; beyond 1500 no kept answer is given as fresh. Null if not known.</summary>
    public required double? PollLagMs { get; init; }
}

/// <summary>PostgreSQL.</summary>
public sealed record DatabaseHealth
{
    /// <summary>up or down.</summary>
    public required string Status { get; init; }

    /// <summary>Milliseconds of one question and its answer.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? LatencyMs { get; init; }

    /// <summary>True if it takes no changes, as a stand-by; left out otherwise.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? ReadOnly { get; init; }
}

/// <summary>Something the shop can do without.</summary>
public sealed record DependencyHealth
{
    /// <summary>up, down or disabled.</summary>
    public required string Status { get; init; }

    /// <summary>Milliseconds of one question and its answer.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? LatencyMs { get; init; }
}

/// <summary>The connections to PostgreSQL.</summary>
public sealed record PoolHealth
{
    /// <summary>Connections that the pool is meant to hold.</summary>
    public required int Size { get; init; }

    /// <summary>Open and free.</summary>
    public required int CheckedIn { get; init; }

    /// <summary>In use by requests.</summary>
    public required int CheckedOut { get; init; }

    /// <summary>In use beyond <c>size</c>.</summary>
    public required int Overflow { get; init; }

    /// <summary>The most connections that may be open.</summary>
    public required int TotalCapacity { get; init; }

    /// <summary>Share of the total capacity that is in use.</summary>
    public required double UtilizationPercent { get; init; }
}

/// <summary>
/// Looks at the database on a connection of its own, so that a full pool cannot hide behind the check that should report it.
/// A report up to one second old is given again: a flood of checks costs the database nothing.
/// </summary>
public sealed class HealthCheck(
    Settings settings, DatabaseProbe database, RedisServer redis, PoolGauge pool, CacheReport cache, TimeProvider time)
{
    private const double WarningLatencyMs = 100;
    private const double CriticalLatencyMs = 500;
    private const double WarningPoolPercent = 70;
    private const double CriticalPoolPercent = 90;
    private static readonly TimeSpan Reuse = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private Task<HealthReport>? _latest;
    private long _askedAt;

    public Task<HealthReport> ReportAsync()
    {
        lock (_gate)
        {
            if (_latest is null || (_latest.IsCompleted && time.GetElapsedTime(_askedAt) > Reuse))
            {
                _askedAt = time.GetTimestamp();
                _latest = LookAsync();
            }

            return _latest;
        }
    }

    private async Task<HealthReport> LookAsync()
    {
        var asked = redis.LatencyMsAsync();
        var seen = await database.LookAsync();
        var redisLatency = await asked;
        var connections = pool.Read();
        return new HealthReport
        {
            Status = Status(seen, isRedisDown: redis.IsEnabled && redisLatency is null, connections.UtilizationPercent),
            Timestamp = time.GetUtcNow().UtcDateTime,
            Version = BuildInfo.Version,
            Worker = settings.Place?.Number ?? 1,
            Warnings = Warnings(seen) is { Count: > 0 } warnings ? warnings : null,
            Checks = new HealthChecks
            {
                Database = new DatabaseHealth
                {
                    Status = seen is null ? "down" : "up",
                    LatencyMs = seen?.LatencyMs,
                    ReadOnly = seen?.IsReadOnly is true ? true : null,
                },
                Redis = new DependencyHealth
                {
                    Status = !redis.IsEnabled ? "disabled" : redisLatency is null ? "down" : "up",
                    LatencyMs = redisLatency,
                },
                DbPool = connections,
                Cache = cache.Read(),
            },
        };
    }

    // A shop whose database takes no changes sells nothing, which is as bad as one without.
    private static string Status(DatabaseLook? seen, bool isRedisDown, double poolPercent) =>
        seen is null or { LatencyMs: > CriticalLatencyMs } or { IsReadOnly: true } || poolPercent > CriticalPoolPercent ? "critical"
        : isRedisDown ? "degraded"
        : seen.LatencyMs > WarningLatencyMs || poolPercent > WarningPoolPercent ? "warning"
        : "healthy";

    private List<string> Warnings(DatabaseLook? seen)
    {
        var warnings = new List<string>();
        if (!settings.AuthEnabled)
        {
            warnings.Add(SafeStart.OpenWarning);
        }

        if (seen is { IsReadOnly: true })
        {
            warnings.Add("The database takes no changes: POSTGRES_HOST is a stand-by, or default_transaction_read_only is on.");
        }

        return warnings;
    }
}
