using Npgsql;
using Tienda.ApiTests.Data;
using Tienda.Data;
using Tienda.Hosting;

namespace Tienda.ApiTests;

/// <summary>Shops in processes of their own, on ports of their own, all on one database.</summary>
public sealed class ShopWorkers : IAsyncDisposable
{
    private readonly ShopFolder _folder = new();
    private readonly Dictionary<string, string> _settings;
    private readonly TiendaProgram[] _programs;
    private readonly HttpClient[] _http;
    private int _next;

    private ShopWorkers(PostgresServer server, int count, Dictionary<string, string>? settings)
    {
        (_programs, _http) = (new TiendaProgram[count], new HttpClient[count]);
        Database = Tienda.Data.Database.CreateUnhurried(new Settings { Postgres = server });
        _settings = new Dictionary<string, string>
        {
            ["POSTGRES_HOST"] = server.Host,
            ["POSTGRES_DB"] = server.Database,
            ["POSTGRES_USER"] = server.User,
            ["RATE_LIMIT_ENABLED"] = "false",
            ["ACCESS_LOG"] = "false",
            ["LOG_LEVEL"] = "ERROR",
        };
        foreach (var (name, value) in settings ?? [])
        {
            _settings[name] = value;
        }
    }

    public int Count => _programs.Length;

    /// <summary>Looks behind the workers' backs.</summary>
    public NpgsqlDataSource Database { get; }

    /// <summary>The workers in turn, spoken to as an administrator.</summary>
    public HttpClient Http => _http[(uint)Interlocked.Increment(ref _next) % _http.Length];

    public Given Given => new(Http);

    /// <summary>One worker, spoken to as an administrator.</summary>
    public HttpClient this[int worker] => _http[worker];

    public TiendaProgram Program(int worker) => _programs[worker];

    /// <summary>Speaks to one worker as nobody in particular.</summary>
    public HttpClient Anonymous(int worker) => new() { BaseAddress = _http[worker].BaseAddress };

    public static async Task<ShopWorkers> StartAsync(PostgresServer server, int count, Dictionary<string, string>? settings = null)
    {
        var workers = new ShopWorkers(server, count, settings);
        await new Migrator(workers.Database, Migration.All).MigrateAsync(CancellationToken.None);
        await Task.WhenAll(Enumerable.Range(0, count).Select(workers.StartAsync));
        return workers;
    }

    /// <summary>Ends one worker as a crash does, and starts another one in its place.</summary>
    public async Task CrashAsync(int worker)
    {
        await _programs[worker].KillAsync();
        await _programs[worker].DisposeAsync();
        await StartAsync(worker);
    }

    /// <summary>Waits until every worker has noticed that the connections of before a crash are gone.</summary>
    public async Task RecoveredAsync()
    {
        Database.Clear();
        foreach (var http in _http)
        {
            for (var tries = 0; (int)(await http.GottenAsync("/orders?limit=1")).StatusCode != 200; tries++)
            {
                Assert.True(tries < 100, "A worker does not recover.");
                await Task.Delay(50);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var http in _http)
        {
            http?.Dispose();
        }

        foreach (var program in _programs.Where(p => p is not null))
        {
            await program.DisposeAsync();
        }

        await Database.DisposeAsync();
        await _folder.DisposeAsync();
    }

    private async Task StartAsync(int worker)
    {
        _programs[worker] = TiendaProgram.Start(_folder.Path, ["serve", "--port", "0"], _settings);
        var http = await _programs[worker].OpenAsync();
        http.Timeout = TimeSpan.FromSeconds(30);
        _http[worker] = http;
    }
}
