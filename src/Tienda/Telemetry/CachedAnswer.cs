namespace Tienda.Telemetry;

/// <summary>How the cache answered a request, for the log. There is one for each way, so that a hit allocates none.</summary>
public sealed class CachedAnswer
{
    private static readonly CachedAnswer[] All =
        [.. Enum.GetValues<CacheResult>().Select(result => new CachedAnswer(CacheMetrics.Name(result)))];

    private readonly string _name;

    private CachedAnswer(string name) => _name = name;

    public static void Note(HttpContext context, CacheResult result) => context.Features.Set(All[(int)result]);

    /// <summary>memory, redis, shared, miss or stale; null if the cache had nothing to do with it, or nobody has noted it.</summary>
    public static string? Of(HttpContext context) => context.Features.Get<CachedAnswer>()?._name;
}
