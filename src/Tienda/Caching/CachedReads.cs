using System.Globalization;
using Microsoft.Net.Http.Headers;
using Tienda.Data;
using Tienda.Hosting;
using Tienda.Http;
using Tienda.Security;
using Tienda.Telemetry;

namespace Tienda.Caching;

/// <summary>Whom the cache answers at a place of the pipeline.</summary>
public enum CachedFor
{
    /// <summary>Requests without credentials, before routing, which is where an answer costs nothing but its bytes.</summary>
    Strangers,

    /// <summary>Signed-in clients, behind authentication.</summary>
    Clients,
}

/// <summary>
/// Answers cacheable reads from the cache. It stands in the pipeline twice. Administrators, who see more, are always answered by the
/// database.
/// </summary>
public sealed class CachedReads(RequestDelegate next, CachedFor whom, ResponseCache cache, CacheMetrics metrics, Settings settings)
{
    // What takes longer may be under way on a connection from which nothing will ever come.
    private static readonly TimeSpan FlightPatience = TimeSpan.FromSeconds(3);

    private readonly bool _notesHits = settings is { AccessLog: true, JsonLogs: true };

    public Task InvokeAsync(HttpContext context)
    {
        var request = context.Request;
        if (!HttpMethods.IsGet(request.Method) || !IsMeant(context))
        {
            return next(context);
        }

        Span<char> buffer = stackalloc char[CacheKey.Longest];
        var key = buffer[..CacheKey.Write(request.Path.Value, request.QueryString.Value, buffer)];
        if (key.Length == 0)
        {
            return next(context);
        }

        if (cache.Find(key, isCounted: true, out var age) is { } entry)
        {
            return GiveAsync(context, entry, CacheResult.Memory, age);
        }

        return MissAsync(context, key.ToString());
    }

    private bool IsMeant(HttpContext context)
    {
        var isStranger = !settings.AuthEnabled || !Authentication.HasCredentials(context.Request);
        return whom == CachedFor.Strangers ? isStranger : !isStranger && !context.User.IsAdministrator;
    }

    private async Task MissAsync(HttpContext context, string key)
    {
        try
        {
            await ReadAsync(context, key);
        }
        catch (Exception failure) when (IsOutage(failure) && !context.Response.HasStarted)
        {
            if (cache.FindOld(key) is not { } old)
            {
                throw;
            }

            await GiveAsync(context, old.Entry, CacheResult.Stale, old.Age);
        }
    }

    private async Task ReadAsync(HttpContext context, string key)
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
                // Nothing that can be shared; so nobody waits for anybody.
                Note(context, CacheResult.Miss);
                await next(context);
                return;
            }

            // If not, something changed while it was read, and it may not be in it. The next flight begins later than this request.
            if (cache.ForLatecomer(entry, flight, arrival) is { } shared)
            {
                await GiveAsync(context, shared, CacheResult.Shared);
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
            var (level, entry) = (CacheResult.Memory, cache.Find(key, isCounted: false, out var age));
            if (entry is null)
            {
                level = CacheResult.Redis;
                (entry, age) = await cache.FindInRedisAsync(key);
            }

            if (entry is not null)
            {
                cache.Land(key, flight, age is null ? entry : null);
                await GiveAsync(context, entry, level, age);
                return;
            }

            Note(context, CacheResult.Miss);
            var lead = context.RequestServices.GetRequiredService<CacheLead>();
            (lead.Key, lead.Flight) = (key, flight);
            // Others wait for it too: it is not given up because the first of them has left.
            context.RequestAborted = CancellationToken.None;
            await next(context);
        }
        catch (Exception failure) when (IsOutage(failure))
        {
            // Each of those who wait would find out the same, after waiting as long again.
            cache.LandFailed(key, flight, failure);
            throw;
        }
        finally
        {
            context.RequestAborted = aborted;
            cache.Land(key, flight, null);
        }
    }

    // A hit is too fast to be logged as slow, so only the log of all requests asks for it.
    private void Note(HttpContext context, CacheResult result)
    {
        metrics.Note(result);
        if (_notesHits || result != CacheResult.Memory)
        {
            CachedAnswer.Note(context, result);
        }
    }

    private static bool IsOutage(Exception failure) =>
        failure is BusyException || DatabaseFailure.Read(failure) is { IsOutage: true };

    private Task GiveAsync(HttpContext context, CacheEntry entry, CacheResult result, TimeSpan? age = null)
    {
        Note(context, age is null ? result : CacheResult.Stale);
        if (age is { } since)
        {
            // RFC 9111 5.1; RFC 7234 5.5.1, which clients of this system still read.
            context.Response.Headers.Age = ((long)since.TotalSeconds).ToString(CultureInfo.InvariantCulture);
            context.Response.Headers[HeaderNames.Warning] = "110 - \"Response is Stale\"";
        }

        return AnswerWriter.WriteAsync(context, entry, isHit: true, isCurrent: age is null);
    }
}
