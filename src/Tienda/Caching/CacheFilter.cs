using System.Text.Json;
using Tienda.Data;
using Tienda.Http;
using Tienda.Security;

namespace Tienda.Caching;

/// <summary>The answer of the endpoint can be cached; for the OpenAPI document.</summary>
public sealed record Cacheable;

/// <summary>The request that reads an answer for all who wait for it. One for each request; without a key it reads for itself.</summary>
public sealed class CacheLead
{
    public string? Key { get; set; }

    public Flight? Flight { get; set; }
}

/// <summary>
/// Makes an entry of what a cacheable endpoint has read, keeps it if that is wanted, and answers with it: so every answer of the endpoint
/// has its ETag, whoever asks.
/// </summary>
public sealed class CacheFilter(ResponseCache cache, CacheClock clock, Hosting.Settings settings) : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        var fill = http.RequestServices.GetRequiredService<CacheFill>();
        var lead = http.RequestServices.GetRequiredService<CacheLead>();
        fill.IsWanted = lead.Flight is not null && !clock.IsUnreadable;

        var result = await next(context);
        result = result is INestedHttpResult nested ? nested.Result : result;
        if (Entry(http, result, lead, fill) is not { } entry)
        {
            return result;
        }

        if (entry.Stamp is not null)
        {
            entry = cache.Keep(lead.Key!, entry);
            cache.Land(lead.Key!, lead.Flight!, entry);
        }

        // Without authentication there is nobody who sees more than others.
        return new EntryResult(entry, isPrivate: settings.AuthEnabled && http.User.IsAdministrator);
    }

    private CacheEntry? Entry(HttpContext http, object? result, CacheLead lead, CacheFill fill)
    {
        var (body, absent, shown) = result switch
        {
            IPage list => (list.ToJson(), null, list),
            IValueHttpResult { Value: { } record } =>
                (JsonSerializer.SerializeToUtf8Bytes(record, record.GetType(), TiendaJson.Wire), null, record),
            Problem { StatusCode: StatusCodes.Status404NotFound } missing => ([], missing.Detail, null),
            _ => default((byte[]?, string?, object?)),
        };
        if (body is null)
        {
            return null;
        }

        var page = shown as IPage;
        return new CacheEntry(body, absent, page?.LinkOf(http.Request), page?.TotalText, (shown as ISearched)?.Corrected)
        {
            Stamp = fill.Snapshot is { } snapshot ? new CacheStamp(fill.Incarnation!, snapshot) : null,
            Tags = [.. fill.Tags],
            Stock = [.. fill.Stock],
            ExpiresAt = lead.Key is { } key ? cache.ExpiryOf(key) : 0,
        };
    }

    private sealed class EntryResult(CacheEntry entry, bool isPrivate) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext) => AnswerWriter.WriteAsync(httpContext, entry, isHit: false, isPrivate);
    }
}

/// <summary>The cache's services and what endpoints say about it.</summary>
public static class CacheSetup
{
    public static IServiceCollection AddResponseCache(this IServiceCollection services, Hosting.Settings settings) => services
        .AddSingleton(services => CacheLog.Open(settings, services.GetRequiredService<ConnectionPools>()))
        .AddSingleton<CacheClock>()
        .AddSingleton<CacheChanges>()
        .AddSingleton<AnswerMemory>()
        .AddSingleton<RedisLevel>()
        .AddSingleton<ResponseCache>()
        .AddSingleton<CacheReport>()
        .AddSingleton<CacheMessages>()
        .AddHostedService(provider => provider.GetRequiredService<CacheMessages>())
        .AddHostedService<CachePoller>()
        .AddScoped<CacheFill>()
        .AddScoped<CacheLead>();

    /// <summary>The answers are cached under the names of <see cref="CacheKey"/>; the store stamps and tags what it reads.</summary>
    public static RouteHandlerBuilder Cached(this RouteHandlerBuilder endpoint) =>
        endpoint.AddEndpointFilter<CacheFilter>().WithMetadata(new Cacheable());
}
