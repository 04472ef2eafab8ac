using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Npgsql;
using Tienda.ApiTests.Hosting;

namespace Tienda.ApiTests.Outages;

/// <summary>
/// A supervised shop of two workers on a PostgreSQL and a Redis of its own, with forty products that are in every worker's cache, and
/// what has to hold of it when an outage is over.
/// </summary>
public sealed class OutageShop : IAsyncDisposable
{
    private const int Workers = 2;
    private const int Products = 40;
    private const int Stock = 1_000_000;
    private const int PoolSize = 10;
    private const int PoolOverflow = 10;

    /// <summary>Seconds that the shop's requests wait for a connection, and orders for their answer.</summary>
    public const int PoolTimeout = 4;

    private readonly List<IAsyncDisposable> _owned = [];
    private long[] _products = [];
    private long[] _buyers = [];

    private OutageShop(TestPostgres postgres, TestRedis redis) => (Postgres, Redis) = (postgres, redis);

    /// <summary>How long each outage lasts.</summary>
    public static TimeSpan Length => TimeSpan.FromSeconds(
        Environment.GetEnvironmentVariables()["OUTAGE_SECONDS"] is string seconds ? int.Parse(seconds, CultureInfo.InvariantCulture) : 5);

    public TestPostgres Postgres { get; }

    public TestRedis Redis { get; }

    public SupervisedShop Shop { get; private set; } = null!;

    /// <summary>Between the shop and PostgreSQL, if it was asked for.</summary>
    public Wire PostgresWire { get; private set; } = null!;

    public Wire RedisWire { get; private set; } = null!;

    /// <param name="wired">Whether there is a network between the shop and the servers that can be cut.</param>
    /// <param name="postgres">Another server than an ordinary one.</param>
    /// <param name="settings">Environment of the shop beside the usual.</param>
    public static async Task<OutageShop> OpenAsync(
        bool wired = false, TestPostgres? postgres = null, Dictionary<string, string>? settings = null)
    {
        postgres ??= await TestPostgres.StartAsync();
        var outage = new OutageShop(postgres, await TestRedis.StartAsync());
        outage._owned.AddRange([outage.Postgres, outage.Redis]);
        var all = new Dictionary<string, string>(settings ?? [])
        {
            ["REDIS_HOST"] = "127.0.0.1",
            ["REDIS_PORT"] = $"{outage.Redis.Port}",
            ["DB_POOL_SIZE"] = $"{PoolSize}",
            ["DB_MAX_OVERFLOW"] = $"{PoolOverflow}",
            ["DB_POOL_TIMEOUT"] = $"{PoolTimeout}",
            ["RATE_LIMIT_ENABLED"] = "true",
            // Nobody gets there, but everybody is counted, with Redis.
            ["RATE_LIMIT_CALLS"] = "100000",
        };
        if (wired)
        {
            outage.PostgresWire = new Wire(new UnixDomainSocketEndPoint(Path.Combine(postgres.Server("").Host, ".s.PGSQL.5432")));
            outage.RedisWire = new Wire(new IPEndPoint(IPAddress.Loopback, outage.Redis.Port));
            outage._owned.AddRange([outage.PostgresWire, outage.RedisWire]);
            (all["POSTGRES_HOST"], all["POSTGRES_PORT"]) = ("127.0.0.1", $"{outage.PostgresWire.Port}");
            all["REDIS_PORT"] = $"{outage.RedisWire.Port}";
        }

        outage.Shop = await SupervisedShop.OpenAsync(postgres, Workers, all);
        outage._owned.Add(outage.Shop);
        await outage.FillAsync();
        return outage;
    }

    /// <summary>Lets the guide's users loose on the shop.</summary>
    public GuideTraffic Open(bool clerks) => new(Shop.Url, _products, _buyers, clerks);

    /// <summary>What has to hold when everything is back and nobody asks any more.</summary>
    public async Task CheckAsync(GuideTraffic traffic)
    {
        // The first look since the servers are back may be at a connection of before.
        await Eventually.HoldsAsync(async () =>
        {
            try
            {
                return await Shop.Database.ValueAsync<int>("SELECT 1") == 1;
            }
            catch (NpgsqlException)
            {
                return false;
            }
        });
        await Books.CheckAsync(Shop.Database, _products.ToDictionary(id => id, _ => (long)Stock));
        await HaveOrderedOnceAsync(traffic);
        await Eventually.HoldsAsync(
            async () => await Shop.Database.ValueAsync<long>(
                """
                SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND application_name LIKE 'tienda%' AND pid <> pg_backend_pid()
                """) <= (Workers * (PoolSize + PoolOverflow)) + ((Workers + 1) * Tienda.Data.Database.ConnectionsBesideThePool));
        await EachWorkerAsync(async http =>
        {
            await Eventually.HoldsAsync(async () => (int)(await HealthAsync(http))["checks"]!["db_pool"]!["checked_out"]! == 0);
            await Eventually.HoldsAsync(() => ShowsTheStockAsync(http), TimeSpan.FromSeconds(2));
        });
    }

    /// <summary>Does something with each worker, through a client of its own that stays connected to it.</summary>
    public async Task EachWorkerAsync(Func<HttpClient, Task> act)
    {
        var met = new HashSet<int>();
        for (var tries = 0; met.Count < Workers; tries++)
        {
            Assert.True(tries < 1000, "A worker takes no connections.");
            using var http = new HttpClient { BaseAddress = Shop.Url };
            if (met.Add((int)(await HealthAsync(http))["worker"]!))
            {
                await act(http);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var owned in Enumerable.Reverse(_owned))
        {
            await owned.DisposeAsync();
        }
    }

    private static async Task<JsonNode> HealthAsync(HttpClient http)
    {
        using var answer = await http.GottenAsync("/health_check");
        return await answer.JsonAsync();
    }

    private async Task FillAsync()
    {
        var given = new Given(Shop.Http);
        _products = [.. (await Task.WhenAll(Enumerable.Range(0, Products).Select(_ => given.ProductAsync(Stock)))).Select(p => p.Id())];
        _buyers = [.. (await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => given.ClientAsync()))).Select(c => c.Id())];
        await EachWorkerAsync(async http =>
        {
            foreach (var path in _products.Select(id => $"/products/{id}").Append("/products?skip=0&limit=20"))
            {
                await http.GetJsonAsync(path);
            }
        });
    }

    // Every order was insisted on until it was answered, so there is none beside those that were.
    private async Task HaveOrderedOnceAsync(GuideTraffic traffic)
    {
        var orders = new Dictionary<string, long>();
        await using var command = Shop.Database.CreateCommand(
            $"SELECT key, order_id FROM idempotency_keys WHERE key LIKE '{traffic.Name}%'");
        await using (var row = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken))
        {
            while (await row.ReadAsync(TestContext.Current.CancellationToken))
            {
                orders.Add(row.GetString(0), row.GetInt64(1));
            }
        }

        Assert.Equal(traffic.Placed.OrderBy(order => order.Key), orders.OrderBy(order => order.Key));
        Assert.Equal(
            await Shop.Database.ValueAsync<long>("SELECT count(*) FROM orders"),
            await Shop.Database.ValueAsync<long>("SELECT count(DISTINCT order_id) FROM idempotency_keys"));
    }

    private async Task<bool> ShowsTheStockAsync(HttpClient http)
    {
        var stock = new Dictionary<long, int>();
        await using var command = Shop.Database.CreateCommand("SELECT id_key, stock FROM products");
        await using var row = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        while (await row.ReadAsync(TestContext.Current.CancellationToken))
        {
            stock[row.GetInt64(0)] = row.GetInt32(1);
        }

        var shown = (await http.GetJsonAsync("/products?skip=0&limit=20")).AsArray().Select(p => p!).ToList();
        foreach (var id in _products)
        {
            shown.Add(await http.GetJsonAsync($"/products/{id}"));
        }

        return shown.TrueForAll(product => (int)product["stock"]! == stock[product.Id()]);
    }
}

/// <summary>One shop for several outages, after each of which it has to be as before. There is a network between it and its servers.</summary>
public sealed class SharedOutageShop : IAsyncLifetime
{
    public OutageShop Shop { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Shop = await OutageShop.OpenAsync(wired: true);

    public ValueTask DisposeAsync() => Shop.DisposeAsync();
}
