using Tienda.ApiTests.Hosting;

namespace Tienda.ApiTests.Telemetry;

/// <summary>A shop of two workers with small pools, a Redis and a wire to PostgreSQL that can be made slow, and Prometheus, which watches it.</summary>
public sealed class WatchedShop(ShopApp shop) : IAsyncLifetime
{
    private readonly List<IAsyncDisposable> _owned = [];

    public SupervisedShop Shop { get; private set; } = null!;

    public TestRedis Redis { get; private set; } = null!;

    public PostgresWire Wire { get; private set; } = null!;

    public TestPrometheus Prometheus { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Redis = Own(await TestRedis.StartAsync());
        Wire = Own(new PostgresWire(shop.Postgres.Server("").Host));
        Shop = Own(await SupervisedShop.OpenAsync(shop, workers: 2, new(Redis.Settings)
        {
            ["POSTGRES_HOST"] = Wire.Host,
            ["DB_POOL_SIZE"] = "4",
            ["DB_MAX_OVERFLOW"] = "0",
            ["DB_POOL_TIMEOUT"] = "2",
            // Nobody gets there, but everybody is counted.
            ["RATE_LIMIT_ENABLED"] = "true",
            ["RATE_LIMIT_CALLS"] = "1000000",
        }));
        Prometheus = Own(await TestPrometheus.StartAsync(Shop.Url));
    }

    /// <summary>Customers who do what a shop is there for: nearly all they ask for is in the cache.</summary>
    public Lanes Customers() => Lanes.Start(Shop.Url, count: 4, async (http, round) =>
    {
        using var answer = await http.GetAsync(round % 2 == 0 ? "/products?limit=20" : "/categories?limit=5");
        await Task.Delay(50);
    });

    public async ValueTask DisposeAsync()
    {
        foreach (var owned in Enumerable.Reverse(_owned))
        {
            await owned.DisposeAsync();
        }
    }

    private T Own<T>(T owned) where T : IAsyncDisposable
    {
        _owned.Add(owned);
        return owned;
    }
}

/// <summary>Administrators' or customers' requests, on some lanes one after the other, each on a connection of its own, so that every worker gets some.</summary>
public sealed class Lanes : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly SocketsHttpHandler _connections = new() { PooledConnectionLifetime = TimeSpan.Zero };
    private readonly HttpClient _http;
    private Task _lanes = Task.CompletedTask;

    private Lanes(Uri shop) => _http = new HttpClient(_connections) { BaseAddress = shop };

    /// <param name="ask">Asks once; the number counts up over all lanes.</param>
    public static Lanes Start(Uri shop, int count, Func<HttpClient, int, Task> ask, bool asAdministrator = false)
    {
        var lanes = new Lanes(shop);
        if (asAdministrator)
        {
            ShopApp.AsAdministrator(lanes._http);
        }

        var round = 0;
        lanes._lanes = Task.WhenAll(Enumerable.Range(0, count).Select(_ => Task.Run(async () =>
        {
            while (!lanes._stop.IsCancellationRequested)
            {
                try
                {
                    await ask(lanes._http, Interlocked.Increment(ref round));
                }
                catch (HttpRequestException)
                {
                    // A worker that is killed breaks connections.
                }
            }
        })));
        return lanes;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _lanes;
        _http.Dispose();
        _connections.Dispose();
        _stop.Dispose();
    }
}
