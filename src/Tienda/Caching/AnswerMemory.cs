using System.Diagnostics.CodeAnalysis;
using BitFaster.Caching;
using BitFaster.Caching.Lfu;
using Tienda.Hosting;
using Tienda.Telemetry;

namespace Tienda.Caching;

/// <summary>
/// The answers in this process, bounded in bytes. What is asked for again and again stays when something else is asked for once: what
/// was asked for only once is dropped first (the segments of W-TinyLFU, Einziger and others, 2017).
/// </summary>
public sealed class AnswerMemory
{
    // The smallest entry takes about this much, so the limit that is reached is that of bytes.
    private const int SmallestEntry = 1024;

    private readonly ConcurrentLfu<string, CacheEntry> _entries;
    private readonly IAlternateLookup<ReadOnlySpan<char>, string, CacheEntry> _bySpan;
    private readonly long _most;
    private long _bytes;

    public AnswerMemory(Settings settings, CacheMetrics metrics)
    {
        _most = settings.Cache.MemoryMegabytes * 1024L * 1024;
        _entries = new ConcurrentLfu<string, CacheEntry>((int)Math.Min(_most / SmallestEntry, 1 << 20));
        _bySpan = _entries.GetAlternateLookup<ReadOnlySpan<char>>();
        _entries.Events.Value!.ItemRemoved += (_, removed) => Interlocked.Add(ref _bytes, -removed.Value!.Size);
        _entries.Events.Value.ItemUpdated += (_, updated) => Interlocked.Add(ref _bytes, -updated.OldValue!.Size);
        metrics.ObserveMemory(() => Bytes, () => Count);
    }

    public long Bytes => Volatile.Read(ref _bytes);

    public int Count => _entries.Count;

    public bool TryGet(ReadOnlySpan<char> key, [NotNullWhen(true)] out CacheEntry? entry) => _bySpan.TryGet(key, out entry);

    public void Set(string key, CacheEntry entry)
    {
        if (entry.Size > _most / 4)
        {
            return;
        }

        Interlocked.Add(ref _bytes, entry.Size);
        _entries.AddOrUpdate(key, entry);
        while (Bytes > _most && _entries.Count > 0)
        {
            _entries.Policy.Eviction.Value!.Trim(1 + (_entries.Count / 64));
        }
    }
}
