using Tienda.Hosting;

namespace Tienda.Caching;

/// <summary>The settings of the cache.</summary>
public sealed record CacheSettings
{
    /// <summary>Seconds after which products and reviews are read anew although nothing has changed (REDIS_CACHE_TTL).</summary>
    public int Seconds { get; init; } = 300;

    /// <summary>The same for categories (CACHE_TTL_CATEGORIES).</summary>
    public int CategorySeconds { get; init; } = 3600;

    /// <summary>Memory that a process gives to answers, in MiB (CACHE_MEMORY_MB).</summary>
    public int MemoryMegabytes { get; init; } = 64;

    /// <summary>
    /// Seconds for which the last answers are still given, marked as stale, while the database cannot be reached; 0 for never
    /// (CACHE_STALE_IF_ERROR).
    /// </summary>
    public int StaleIfErrorSeconds { get; init; } = 300;

    public static CacheSettings Read(SettingsReader read)
    {
        var defaults = new CacheSettings();
        return new CacheSettings
        {
            Seconds = read.Whole(["REDIS_CACHE_TTL"], defaults.Seconds, 1, 86_400),
            CategorySeconds = read.Whole(["CACHE_TTL_CATEGORIES"], defaults.CategorySeconds, 1, 86_400),
            MemoryMegabytes = read.Whole(["CACHE_MEMORY_MB"], defaults.MemoryMegabytes, 1, 65_536),
            StaleIfErrorSeconds = read.Whole(["CACHE_STALE_IF_ERROR"], defaults.StaleIfErrorSeconds, 0, 86_400),
        };
    }
}
