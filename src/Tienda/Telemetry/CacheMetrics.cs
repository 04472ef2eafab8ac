using System.Diagnostics.Metrics;

namespace Tienda.Telemetry;

/// <summary>How a cacheable read was answered.</summary>
public enum CacheResult
{
    /// <summary>From the memory of this process.</summary>
    Memory,

    /// <summary>From Redis.</summary>
    Redis,

    /// <summary>With the answer that another request was just waiting for.</summary>
    Shared,

    /// <summary>By asking the database.</summary>
    Miss,

    /// <summary>From memory or Redis, marked as stale, while the database is away.</summary>
    Stale,
}

/// <summary>What the cache does, counted without allocating: hits are the fastest answers there are.</summary>
public sealed class CacheMetrics
{
    public const string FromLog = "log";
    public const string FromRedis = "redis";
    public const string FromHere = "here";

    private static readonly string[] Results = ["memory", "redis", "shared", "miss", "stale"];

    private readonly Meter _meter;
    private readonly long[] _reads = new long[Results.Length];
    private readonly Counter<long> _events;
    private long _heard;
    private long _fills;
    private long _renewals;
    private long _rejectedInMemory;
    private long _rejectedFromRedis;

    public CacheMetrics(IMeterFactory meters)
    {
        _meter = meters.Create(ShopMetrics.Meter);
        _events = _meter.CreateCounter<long>("tienda.cache.events", "{event}", "Changes that the cache has heard of, by their way.");
        _meter.CreateObservableCounter(
            "tienda.cache.reads",
            () => Enum.GetValues<CacheResult>().Select(r => Tagged(Count(r), "result", Name(r))),
            "{request}",
            "Cacheable reads by how they were answered.");
        _meter.CreateObservableCounter("tienda.cache.fills", () => Fills, "{answer}", "Answers that were kept.");
        _meter.CreateObservableCounter(
            "tienda.cache.renewals",
            () => Renewals,
            "{answer}",
            "Kept answers whose stocks were brought up to date without asking the database.");
        _meter.CreateObservableCounter(
            "tienda.cache.rejections",
            () => new[]
            {
                Tagged(Volatile.Read(ref _rejectedInMemory), "level", "memory"),
                Tagged(Volatile.Read(ref _rejectedFromRedis), "level", "redis"),
            },
            "{answer}",
            "Kept answers that were not given because something in them has changed.");
    }

    public long Fills => Volatile.Read(ref _fills);

    public long Renewals => Volatile.Read(ref _renewals);

    public long Rejections => Volatile.Read(ref _rejectedInMemory) + Volatile.Read(ref _rejectedFromRedis);

    public long Events => Volatile.Read(ref _heard);

    public static string Name(CacheResult result) => Results[(int)result];

    public long Count(CacheResult result) => Volatile.Read(ref _reads[(int)result]);

    public void Note(CacheResult result) => Interlocked.Increment(ref _reads[(int)result]);

    public void NoteFill() => Interlocked.Increment(ref _fills);

    public void NoteRenewal() => Interlocked.Increment(ref _renewals);

    public void NoteRejection(CacheResult level) =>
        Interlocked.Increment(ref level == CacheResult.Memory ? ref _rejectedInMemory : ref _rejectedFromRedis);

    /// <param name="way">One of the constants of this class.</param>
    public void NoteEvents(string way, int count)
    {
        Interlocked.Add(ref _heard, count);
        _events.Add(count, new KeyValuePair<string, object?>("from", way));
    }

    public void ObserveLag(Func<TimeSpan> sinceLease) => _meter.CreateObservableGauge(
        "tienda.cache.poll.lag", () => Math.Min(sinceLease().TotalSeconds, 1e6), "s", "Time since the log of changes was last read.");

    private static Measurement<long> Tagged(long value, string tag, string name) =>
        new(value, new KeyValuePair<string, object?>(tag, name));

    public void ObserveMemory(Func<long> bytes, Func<long> entries)
    {
        _meter.CreateObservableGauge("tienda.cache.memory", bytes, "By", "Memory of the answers that are kept.");
        _meter.CreateObservableGauge("tienda.cache.entries", entries, "{answer}", "Answers that are kept in memory.");
    }
}
