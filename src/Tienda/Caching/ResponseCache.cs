using System.Collections.Concurrent;
using Tienda.Hosting;
using Tienda.Telemetry;

namespace Tienda.Caching;

/// <summary>
/// Keeps answers in memory and in Redis and gives those that still hold; and lets one request read what several ask for at a moment.
/// </summary>
public sealed class ResponseCache(
    AnswerMemory memory, RedisLevel redis, CacheClock clock, CacheMetrics metrics, Settings settings, TimeProvider time)
{
    private readonly ConcurrentDictionary<string, Flight> _flights = new();
    private readonly SeenOnce _deepPages = new();
    private const long MillisecondsBetweenShares = 1000;

    // Two looks that fail, and the way to the second.
    private static readonly TimeSpan LongestDoubt = TimeSpan.FromSeconds(2);

    private long _lastFlight;

    /// <summary>The number of the latest flight; one with a higher number begins later than now.</summary>
    public long LastFlight => Volatile.Read(ref _lastFlight);

    /// <summary>The answer in memory, if it can be given.</summary>
    /// <param name="isCounted">Whether an answer that no longer holds is counted as such.</param>
    /// <param name="age">How long nothing has been heard of the database, if it may be given only because of that; else null.</param>
    public CacheEntry? Find(ReadOnlySpan<char> key, bool isCounted, out TimeSpan? age)
    {
        age = null;
        return memory.TryGet(key, out var entry) ? Current(key, entry, isCounted ? CacheResult.Memory : null, out age) : null;
    }

    /// <summary>
    /// The same when it is known whether the database answers. Between the end of a lease and the discovery that it does not, an answer in
    /// which nothing has changed would otherwise be read anew by all who ask for it, from a database that may never answer.
    /// </summary>
    public async Task<(CacheEntry? Entry, TimeSpan? Age)> FindBeyondDoubtAsync(string key, CancellationToken ct)
    {
        for (var began = time.GetTimestamp(); time.GetElapsedTime(began) < LongestDoubt;)
        {
            var look = clock.NextLook;
            if (Find(key, isCounted: false, out var age) is { } entry)
            {
                return (entry, age);
            }

            if (clock.IsLeased || clock.IsCutOff || !memory.TryGet(key, out var kept) || UpToDate(kept) is null)
            {
                break;
            }

            await look.WaitAsync(LongestDoubt, time, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            ct.ThrowIfCancellationRequested();
        }

        return default;
    }

    /// <summary>The answer in Redis, if it can be given; it is kept in memory then.</summary>
    public async Task<(CacheEntry? Entry, TimeSpan? Age)> FindInRedisAsync(string key)
    {
        if (await redis.GetAsync(key) is not { } entry || Current(key, entry, CacheResult.Redis, out var age) is not { } current)
        {
            return default;
        }

        memory.Set(key, current);
        return (current, age);
    }

    /// <summary>
    /// The last answer, for a read that the database has just failed to make; unless something in it is known to have changed, or it is
    /// older than CACHE_STALE_IF_ERROR allows.
    /// </summary>
    public (CacheEntry Entry, TimeSpan Age)? FindOld(string key)
    {
        var age = clock.IsLeased ? TimeSpan.Zero : clock.SinceLease;
        return settings.Cache.StaleIfErrorSeconds > 0 && age.TotalSeconds <= settings.Cache.StaleIfErrorSeconds
            && memory.TryGet(key, out var entry) && clock.Certain(entry) is { } current
                ? (current, age)
                : null;
    }

    /// <summary>
    /// Keeps an answer that was just read, unless something in it has changed since, or nobody has asked for so deep a page before.
    /// </summary>
    /// <returns>What was kept: the same with the sales of the meantime; or the answer as it was read.</returns>
    public CacheEntry Keep(string key, CacheEntry entry)
    {
        clock.See(entry.Stamp!.Incarnation);
        if (UpToDate(entry) is not { } current)
        {
            return entry;
        }

        if (CacheKey.IsDeep(key) && !_deepPages.Note(key))
        {
            return current;
        }

        metrics.NoteFill();
        memory.Set(key, current);
        redis.Set(key, current);
        return current;
    }

    /// <summary>When an answer that is read now is to be read anew.</summary>
    public long ExpiryOf(string key) => time.GetUtcNow().ToUnixTimeMilliseconds()
        + (1000L * (CacheKey.IsOfCategories(key) ? settings.Cache.CategorySeconds : settings.Cache.Seconds));

    /// <summary>Joins the request that is just reading this answer, or becomes it.</summary>
    public Flight JoinOrLead(string key, out bool leads)
    {
        var mine = new Flight(Interlocked.Increment(ref _lastFlight));
        var flight = _flights.GetOrAdd(key, mine);
        leads = flight == mine;
        return flight;
    }

    /// <summary>Lets those who come from now on begin another flight.</summary>
    public void GiveUp(string key, Flight flight) => _flights.TryRemove(new KeyValuePair<string, Flight>(key, flight));

    /// <summary>Ends a flight: who waits for it goes on, and who comes from now on begins another one.</summary>
    /// <param name="entry">What was read, or null if it is nothing that others can be given.</param>
    public void Land(string key, Flight flight, CacheEntry? entry)
    {
        GiveUp(key, flight);
        flight.Landed.TrySetResult(entry);
    }

    /// <summary>Ends a flight that the database has failed; so it has for all who wait for it.</summary>
    public void LandFailed(string key, Flight flight, Exception failure)
    {
        _flights.TryRemove(new KeyValuePair<string, Flight>(key, flight));
        if (flight.Landed.TrySetException(failure))
        {
            // There may be nobody who waits.
            _ = flight.Landed.Task.Exception;
        }
    }

    /// <summary>What a flight brought, if it can be given to a request that came when the flight was already under way.</summary>
    public CacheEntry? ForLatecomer(CacheEntry entry, Flight flight, long lastFlightAtArrival) =>
        flight.Number > lastFlightAtArrival ? entry
        : clock.IsLeased && entry.Stamp is not null ? UpToDate(entry)
        : null;

    private CacheEntry? Current(ReadOnlySpan<char> key, CacheEntry entry, CacheResult? level, out TimeSpan? age)
    {
        age = null;
        // Most answers are asked for many times between two looks at the log. Whether they are too old is looked at once.
        if (clock.IsKnownToHold(entry) && clock.IsLeased)
        {
            return entry;
        }

        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        if (!clock.IsLeased)
        {
            // The database is away, and nobody can say whether anything has changed.
            age = clock.SinceLease;
            if (!clock.IsCutOff || age.Value.TotalSeconds > settings.Cache.StaleIfErrorSeconds)
            {
                return null;
            }
        }
        else if (entry.ExpiresAt <= now)
        {
            return null;
        }

        var current = age is null ? UpToDate(entry) : clock.Certain(entry);
        if (current is null && level is { } rejecting)
        {
            metrics.NoteRejection(rejecting);
        }

        if (current is not null && current != entry)
        {
            Replace(key.ToString(), current, now);
        }

        return current;
    }

    // Every process brings up to date what it has; the others need it only to begin with.
    private void Replace(string key, CacheEntry renewed, long now)
    {
        metrics.NoteRenewal();
        memory.Set(key, renewed);
        if (now - renewed.SharedAt >= MillisecondsBetweenShares)
        {
            redis.Set(key, renewed);
        }
    }

    private CacheEntry? UpToDate(CacheEntry entry) => clock.Holds(entry) ? entry : clock.Renew(entry);
}

/// <summary>A read of the database that several requests wait for.</summary>
public sealed class Flight(long number)
{
    public long Number => number;

    public TaskCompletionSource<CacheEntry?> Landed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Waits for its end, but only for a while; false if it goes on.</summary>
    public async Task<bool> LandsWithinAsync(TimeSpan patience, CancellationToken ct)
    {
        await ((Task)Landed.Task).WaitAsync(patience, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        ct.ThrowIfCancellationRequested();
        return Landed.Task.IsCompleted;
    }
}
