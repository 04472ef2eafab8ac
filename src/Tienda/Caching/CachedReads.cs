using System.Globalization;
using Microsoft.Net.Http.Headers;
using Tienda.Hosting;
using Tienda.Security;
using Tienda.Telemetry;

namespace Tienda.Caching;

/// <summary>
/// Answers cacheable reads from the cache. It stands in the pipeline twice: before routing for requests without credentials, which is where
/// an answer costs nothing but its bytes, and behind authentication for signed-in clients. Administrators, who see more, are always
/// answered by the database.
/// </summary>
public sealed class CachedReads(RequestDelegate next, ResponseCache cache, CacheMetrics metrics, Settings settings)
{
    // What takes longer may be under way on a connection from which nothing will ever come.
    private static readonly TimeSpan FlightPatience = TimeSpan.FromSeconds(3);

    public Task InvokeAsync(HttpContext context)
    {
        var request = context.Request;
        if (!HttpMethods.IsGet(request.Method) || !IsHere(context))
        {
            return next(context);
        }

        Span<char> buffer = stackalloc char[CacheKey.Longest];
        var key = buffer[..CacheKey.Write(request.Path.Value, request.QueryString.Value, buffer)];
        if (key.Length == 0)
        {
            return next(context);
        }

        if (cache.Find(key, out var stale) is { } entry)
        {
            return GiveAsync(context, entry, CacheResult.Memory, stale);
        }

        return MissAsync(context, key.ToString());
    }

    // Whether this is the place in the pipeline where the request is to be answered.
    private bool IsHere(HttpContext context)
    {
        var isBeforeRouting = context.GetEndpoint() is null;
        var isAnonymous = !settings.AuthEnabled || !Authentication.HasCredentials(context.Request);
        return isBeforeRouting ? isAnonymous : !isAnonymous && !context.User.IsAdministrator;
    }

    private async Task MissAsync(HttpContext context, string key)
    {
        var arrival = cache.LastFlight;
        if (await cache.FindBeyondDoubtAsync(key, context.RequestAborted) is ({ } kept, var since))
        {
            await GiveAsync(context, kept, CacheResult.Memory, since);
            return;
        }

        for (; ; )
        {
            var flight = cache.JoinOrLead(key, out var leads);
            if (leads)
            {
                await LeadAsync(context, key, flight);
                return;
            }

            if (!await flight.LandsWithinAsync(FlightPatience, context.RequestAborted))
            {
                cache.GiveUp(key, flight);
                continue;
            }

            if (await flight.Landed.Task is not { } entry)
            {
                // Nothing that can be shared; so nobody waits for anybody. While the database is away, there may be an old answer.
                if (cache.FindAgain(key, out var stale) is { } old)
                {
                    await GiveAsync(context, old, CacheResult.Memory, stale);
                    return;
                }

                metrics.Note(CacheResult.Miss);
                await next(context);
                return;
            }

            // If not, something changed while it was read, and it may not be in it. The next flight begins later than this request.
            if (cache.ForLatecomer(entry, flight, arrival) is { } shared)
            {
                await GiveAsync(context, shared, CacheResult.Shared, null);
                return;
            }
        }
    }

    private async Task LeadAsync(HttpContext context, string key, Flight flight)
    {
        var aborted = context.RequestAborted;
        try
        {
            // Another flight may have landed since this request looked.
            var (level, entry) = (CacheResult.Memory, cache.FindAgain(key, out var stale));
            if (entry is null)
            {
                level = CacheResult.Redis;
                (entry, stale) = await cache.FindInRedisAsync(key);
            }

            if (entry is not null)
            {
                cache.Land(key, flight, stale is null ? entry : null);
                await GiveAsync(context, entry, level, stale);
                return;
            }

            metrics.Note(CacheResult.Miss);
            var lead = context.RequestServices.GetRequiredService<CacheLead>();
            (lead.Key, lead.Flight) = (key, flight);
            // Others wait for it too: it is not given up because the first of them has left.
            context.RequestAborted = CancellationToken.None;
            await next(context);
        }
        finally
        {
            context.RequestAborted = aborted;
            cache.Land(key, flight, null);
        }
    }

    private Task GiveAsync(HttpContext context, CacheEntry entry, CacheResult result, TimeSpan? stale)
    {
        metrics.Note(stale is null ? result : CacheResult.Stale);
        if (stale is { } since)
        {
            // RFC 9111 5.1; RFC 7234 5.5.1, which clients of this system still read.
            context.Response.Headers.Age = ((long)since.TotalSeconds).ToString(CultureInfo.InvariantCulture);
            context.Response.Headers[HeaderNames.Warning] = "110 - \"Response is Stale\"";
        }

        return AnswerWriter.WriteAsync(context, entry, isHit: true);
    }
}
