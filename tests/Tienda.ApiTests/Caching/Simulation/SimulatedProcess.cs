using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Tienda.Caching;
using Tienda.Categories;
using Tienda.Data;
using Tienda.Hosting;
using Tienda.Products;
using Tienda.Reviews;
using Tienda.Telemetry;

namespace Tienda.ApiTests.Caching.Simulation;

/// <summary>
/// The cache of one shop process without its web server: the program's own classes, with every step that takes time cut in two, so that
/// anything can happen in between.
/// </summary>
public sealed class SimulatedProcess : IAsyncDisposable
{
    private readonly Settings _settings;
    private readonly SimulatedTime _time;
    private readonly RedisServer _redis;
    private readonly RedisServer _noRedis;
    private readonly NpgsqlDataSource _database;
    private readonly CacheLog _log;
    private readonly List<SimulatedRead> _reads = [];
    private readonly Dictionary<long, long> _versions = [];
    private readonly LogHorizon _horizon;
    private (Task<LogPoll> Poll, long Started)? _looking;

    public SimulatedProcess(Settings settings, SimulatedTime time, CacheMetrics metrics, RedisMetrics redisMetrics)
    {
        (_settings, _time) = (settings, time);
        _redis = new RedisServer(settings, redisMetrics, TimeProvider.System, NullLogger<RedisServer>.Instance);
        _noRedis = new RedisServer(settings with { Redis = null }, redisMetrics, TimeProvider.System, NullLogger<RedisServer>.Instance);
        _database = Database.CreatePool(settings with { PoolSize = 4, PoolMaxOverflow = 0 });
        _log = CacheLog.Open(settings);
        _horizon = new LogHorizon(time);
        Clock = new CacheClock(time);
        // What this process tells the others is delivered by the simulation.
        Changes = new CacheChanges(Clock, new CacheMessages(_noRedis, Clock, metrics), metrics);
        Cache = new ResponseCache(
            new AnswerMemory(settings, metrics), new RedisLevel(_redis, settings, TimeProvider.System), Clock, metrics, settings,
            TimeProvider.System);
        Stores = new Stores(
            new ProductStore(_database, Changes),
            new ProductListStore(_database, new ProductSearchStore(_database, new CatalogStatisticsStore(_database))),
            new ProductFacetStore(_database), new CategoryStore(_database, Changes), new ReviewStore(_database, Changes));
    }

    public CacheClock Clock { get; }

    public CacheChanges Changes { get; }

    public ResponseCache Cache { get; }

    public Stores Stores { get; }

    public NpgsqlDataSource Connections => _database;

    /// <summary>Messages on their way to this process.</summary>
    public List<(string Incarnation, CacheEvent[] Events)> Inbox { get; } = [];

    /// <summary>What this process has answered to writers: products and the latest version that it has told them.</summary>
    public void Acknowledge(IEnumerable<KeyValuePair<long, long>> versions)
    {
        foreach (var (id, version) in versions)
        {
            _versions[id] = Math.Max(_versions.GetValueOrDefault(id), version);
        }
    }

    /// <summary>Begins to read a page, or is answered at once.</summary>
    public async Task ReadAsync(SimulatedPage page)
    {
        var known = new Dictionary<long, long>(_versions);
        if (Cache.Find(page.Key, isCounted: true, out _) is { } entry)
        {
            Check(page, entry, known, "memory");
            return;
        }

        await JoinAsync(new SimulatedRead(page, known, Cache.LastFlight));
    }

    /// <summary>Ends one of the reads that are under way, and all that wait for it.</summary>
    public async Task LandAsync(Func<int, int> choose)
    {
        var leading = _reads.Where(r => r.Read is not null).ToList();
        if (leading.Count == 0)
        {
            return;
        }

        var lead = leading[choose(leading.Count)];
        var entry = lead.Read!;
        if (entry.Stamp is not null)
        {
            entry = Cache.Keep(lead.Page.Key, entry);
        }

        Cache.Land(lead.Page.Key, lead.Flight!, entry);
        Check(lead.Page, entry, lead.Known, "own read");
        _reads.Remove(lead);
        foreach (var joined in _reads.Where(r => r.Flight == lead.Flight).ToList())
        {
            _reads.Remove(joined);
            if (Cache.ForLatecomer(entry, joined.Flight!, joined.Arrival) is { } shared)
            {
                Check(joined.Page, shared, joined.Known, "shared read");
            }
            else
            {
                await JoinAsync(joined);
            }
        }
    }

    /// <summary>Asks the log; what it answers is taken in another step.</summary>
    public void Look() => _looking ??= (_log.PollAsync(Clock.Polled, CancellationToken.None), _time.GetTimestamp());

    public async Task TakeAsync()
    {
        while (_looking is { } looking)
        {
            var poll = await looking.Poll;
            _looking = null;
            if (Clock.Take(poll, looking.Started))
            {
                if (_horizon.Note(poll.Snapshot) is { } below)
                {
                    await _log.PruneAsync(below, CancellationToken.None);
                }

                return;
            }

            _time.Advance(TimeSpan.FromTicks(1));
            Look();
        }
    }

    /// <summary>A look that is not disturbed; the lease lasts again.</summary>
    public async Task CatchUpAsync()
    {
        await TakeAsync();
        Look();
        await TakeAsync();
        Assert.True(Clock.IsLeased);
    }

    /// <summary>Fails if anything that would be given, from memory or from Redis, is not what the database has now.</summary>
    public async Task<int> CompareAsync(IReadOnlyList<SimulatedPage> pages, string who)
    {
        var compared = 0;
        foreach (var page in pages)
        {
            var fresh = SimulatedPage.TextOf(await page.FetchAsync(Stores, kept: false));
            foreach (var (level, kept) in new[] { ("memory", Cache.Find(page.Key, isCounted: true, out _)), ("Redis", (await Cache.FindInRedisAsync(page.Key)).Entry) })
            {
                if (kept is not null)
                {
                    compared++;
                    Assert.True(fresh == SimulatedPage.TextOf(kept), $"""
                        {who} would give an old {page.Key} from {level}.
                        fresh {fresh}
                        old   {SimulatedPage.TextOf(kept)}
                        read at {kept.Stamp!.Snapshot}, tags {string.Join(' ', kept.Tags)}
                        log last seen at {Clock.Polled}; it has {await LogOfAsync(kept.Tags)}
                        """);
                }
            }
        }

        return compared;
    }

    public async ValueTask DisposeAsync()
    {
        await (_looking?.Poll ?? Task.CompletedTask);
        await _redis.DisposeAsync();
        await _noRedis.DisposeAsync();
        await _log.DisposeAsync();
        await _database.DisposeAsync();
    }

    private async Task<string> LogOfAsync(IReadOnlyList<string> tags)
    {
        await using var command = _database.CreateCommand(
            """
            SELECT coalesce(string_agg(xid || ' ' || array_to_string(tags, ' '), '; '), 'nothing about them')
            FROM cache_events WHERE tags && $1
            """).With(tags.ToArray());
        return (string)(await command.ExecuteScalarAsync())!;
    }

    private async Task JoinAsync(SimulatedRead read)
    {
        read.Flight = Cache.JoinOrLead(read.Page.Key, out var leads);
        if (leads)
        {
            read.Read = (await Cache.FindInRedisAsync(read.Page.Key)).Entry ?? await read.Page.FetchAsync(Stores, kept: true);
        }

        _reads.Add(read);
    }

    // Whoever was told of a change by this process sees it here.
    private static void Check(SimulatedPage page, CacheEntry entry, Dictionary<long, long> known, string way)
    {
        foreach (var (id, version) in SimulatedPage.VersionsIn(entry))
        {
            Assert.True(version >= known.GetValueOrDefault(id), $"""
                {page.Key} by {way}: product {id} is of {new DateTime(version):O},
                but {new DateTime(known.GetValueOrDefault(id)):O} was acknowledged here before.
                """);
        }
    }

    private sealed record SimulatedRead(SimulatedPage Page, Dictionary<long, long> Known, long Arrival)
    {
        public Flight? Flight { get; set; }

        public CacheEntry? Read { get; set; }
    }
}
