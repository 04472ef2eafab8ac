using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using Npgsql;
using Tienda.ApiTests.Data;
using Tienda.Hosting;

namespace Tienda.ApiTests.Hosting;

/// <summary>
/// The guide's .env.production as it stands, and what each line of it does. Alone, since it opens the 600 connections that the guide
/// speaks of.
/// </summary>
[CollectionDefinition(nameof(GuideFileTests), DisableParallelization = true)]
[Collection(nameof(GuideFileTests))]
public sealed class GuideFileTests(GuideShop guide) : IClassFixture<GuideShop>
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_variable_of_the_file_is_known_and_comes_from_it()
    {
        await using var command = TiendaProgram.Start(guide.Folder, ["config"]);
        Assert.Equal(0, await command.ExitCodeAsync());
        var told = command.Output.Split('\n').Select(line => line.Split("# ", 2)).Where(parts => parts.Length == 2)
            .ToDictionary(parts => parts[0].Trim(), parts => parts[1].Trim());

        var file = EnvironmentFile.Parse(GuideShop.FileText);
        Assert.Equal(26, file.Count);
        foreach (var (name, value) in file)
        {
            // LOG_LEVEL is the stronger of the two names that the guide gives.
            var shown = name switch { "POSTGRES_PASSWORD" => $"{name}=…", "UVICORN_LOG_LEVEL" => "LOG_LEVEL=INFO", _ => $"{name}={value}" };
            Assert.Equal(".env.production", told.GetValueOrDefault(shown, $"{shown} is missing"));
        }
    }

    [Fact]
    public async Task Four_workers_serve_and_write_json_from_info_on()
    {
        Assert.Equal([1, 2, 3, 4], guide.Workers.Order());
        Assert.DoesNotContain("may open", guide.Program.Output, StringComparison.Ordinal);
        using var asked = new HttpRequestMessage(HttpMethod.Get, "/products?limit=2");
        asked.Headers.Add("X-Request-ID", "the-guides-own");
        using var answer = await guide.Admin.SendAsync(asked, Ct);

        await Eventually.HoldsAsync(() => guide.Program.Output.Contains("the-guides-own", StringComparison.Ordinal));
        var lines = guide.Program.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Parsed).ToList();
        Assert.DoesNotContain(lines, line => line["level"] is { } level && (string)level! is "Debug" or "Trace");
        Assert.Contains(lines, line => line["level"] is { } level && (string)level! == "Information");

        static JsonNode Parsed(string line)
        {
            try
            {
                return JsonNode.Parse(line)!;
            }
            catch (JsonException)
            {
                throw new InvalidOperationException($"No JSON: {line}");
            }
        }
    }

    [Fact]
    public async Task The_password_is_the_one_of_the_file()
    {
        Assert.Equal(200, (int)(await guide.Admin.GottenAsync("/orders?limit=1")).StatusCode);
        await using var wrong = new NpgsqlConnection(
            $"Host={guide.Postgres.Host};Username=postgres;Password=tu_password;Database=ecommerce_prod;Pooling=false");

        await Assert.ThrowsAsync<PostgresException>(() => wrong.OpenAsync(Ct));
    }

    [Fact]
    public async Task A_hundred_requests_a_minute_from_one_address_over_all_workers()
    {
        var statuses = new List<int>();
        for (var i = 0; i < 103; i++)
        {
            // Each on a connection of its own, so that every worker counts.
            using var http = ClientAt.Address("127.0.0.77", guide.Admin.BaseAddress!);
            using var answer = await http.GottenAsync("/products?skip=0&limit=20");
            Assert.Equal("\"default\";q=100;w=60", answer.Headers.GetValues("RateLimit-Policy").Single());
            Assert.Equal(answer.StatusCode == HttpStatusCode.TooManyRequests, answer.Headers.RetryAfter is not null);
            statuses.Add((int)answer.StatusCode);
        }

        Assert.Equal([.. Enumerable.Repeat(200, 100), 429, 429, 429], statuses);
    }

    [Theory]
    [InlineData("https://tuapp.com", true)]
    [InlineData("https://www.tuapp.com", true)]
    [InlineData("https://tuapp.com.example", false)]
    public async Task Pages_of_the_two_origins_may_call_the_shop(string origin, bool allowed)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/products?limit=1");
        request.Headers.Add("Origin", origin);
        using var answer = await guide.Admin.SendAsync(request, Ct);

        Assert.Equal(allowed ? origin : null, answer.Headers.TryGetValues("Access-Control-Allow-Origin", out var told) ? told.Single() : null);
    }

    [Fact]
    public async Task Answers_are_kept_in_redis_for_five_minutes_on_no_more_than_fifty_connections()
    {
        using var anybody = ClientAt.Address("127.0.0.78", guide.Admin.BaseAddress!);
        await anybody.GottenAsync("/products?skip=0&limit=20").ShouldBeAsync(200);
        await using var redis = await guide.Redis.ConnectAsync();

        await Eventually.HoldsAsync(() => redis.GetDatabase(0).KeyExists("products:list:skip:0:limit:20"));
        Assert.InRange(redis.GetDatabase(0).KeyTimeToLive("products:list:skip:0:limit:20")!.Value.TotalSeconds, 200, 300);
        var clients = redis.GetServers().Single().ClientList().Count(client => client.Name == "tienda");
        // Four, and the one that waits.
        Assert.InRange(clients, 4 * RedisAddress.Connections, 5 * RedisAddress.Connections);
    }

    [Long]
    [Fact]
    public async Task Four_workers_open_six_hundred_connections_and_whoever_finds_none_is_told_so_after_ten_seconds()
    {
        var pool = (await guide.Admin.GetJsonAsync("/health_check"))["checks"]!["db_pool"]!;
        Assert.Equal((50, 150), ((int)pool["size"]!, (int)pool["total_capacity"]!));
        await using var database = Tienda.Data.Database.CreateUnhurried(new Settings { Postgres = guide.Postgres });
        // Every look at the bills takes fourteen seconds, which is longer than anybody waits for a connection.
        await database.ValueAsync<int>(
            """
            ALTER TABLE bills RENAME TO bills_kept;
            CREATE VIEW bills AS SELECT b.* FROM bills_kept b WHERE (SELECT pg_sleep(14)::text) IS NOT NULL;
            SELECT 1
            """);
        var requests = new List<Task<(int Status, double Seconds, bool ToldWhen)>>();
        long open = 0;
        for (var filling = Stopwatch.StartNew(); open < 600 && filling.Elapsed < TimeSpan.FromSeconds(12); await Task.Delay(100, Ct))
        {
            var before = open;
            open = await OpenAsync();
            // The connections of clients spread unevenly over the workers, so that some have more requests than connections.
            if (open == before && requests.Count < 2000)
            {
                Ask(100);
            }
        }

        Ask(300);
        var answers = await Task.WhenAll(requests);
        await database.ValueAsync<int>("DROP VIEW bills; ALTER TABLE bills_kept RENAME TO bills; SELECT 1");

        var refused = answers.Where(answer => answer.Status != 200).ToList();
        TestReport.Tell(string.Create(
            CultureInfo.InvariantCulture,
            $"the guide's pool: {open} connections open, {answers.Length - refused.Count} requests served and {refused.Count} refused after "
            + $"{refused.Min(answer => answer.Seconds):F1} to {refused.Max(answer => answer.Seconds):F1} s"));
        Assert.Equal(600, open);
        // A few connections are those of the worker that waits, and of what the shop does for itself.
        Assert.True(answers.Length - refused.Count >= 580);
        Assert.All(refused, answer => Assert.Equal((503, true), (answer.Status, answer.ToldWhen)));
        // The others are told later by as long as so many clients need to be connected, on a machine that has other work as well.
        Assert.InRange(refused.Min(answer => answer.Seconds), 9.9, 13);
        Assert.All(refused, answer => Assert.InRange(answer.Seconds, 9.9, 60));

        Task<long> OpenAsync() =>
            database.ValueAsync<long>("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'tienda/%'");

        void Ask(int count) => requests.AddRange(Enumerable.Range(0, count).Select(_ => AskAsync()));

        async Task<(int Status, double Seconds, bool ToldWhen)> AskAsync()
        {
            var asked = Stopwatch.StartNew();
            using var answer = await guide.Admin.GottenAsync("/bills");
            return ((int)answer.StatusCode, asked.Elapsed.TotalSeconds, answer.Headers.RetryAfter is not null);
        }
    }

    [Fact]
    public async Task Connections_that_broke_are_noticed_by_no_reader()
    {
        await using var database = Tienda.Data.Database.CreateUnhurried(new Settings { Postgres = guide.Postgres });
        await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => guide.Admin.GottenAsync("/orders").ShouldBeAsync(200)));
        await database.ValueAsync<long>("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'tienda/%'");

        await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => guide.Admin.GottenAsync("/orders").ShouldBeAsync(200)));
    }
}

/// <summary>The real program, started with the guide's file. Only the hosts are others, and they come from the environment.</summary>
public sealed class GuideShop : IAsyncLifetime
{
    // Addresses of this machine on which nobody else is likely to listen, so that the ports can be the guide's.
    private readonly string _address = $"127.{Environment.ProcessId >> 14 & 127}.{Environment.ProcessId >> 7 & 127}.{(Environment.ProcessId & 127) + 1}";
    private readonly ShopFolder _folder = new();
    private TestPostgres _postgres = null!;

    public static string FileText { get; } = File.ReadAllText(Repository.PathOf("tests/guide.env.production"));

    public string Folder => _folder.Path;

    public PostgresServer Postgres => _postgres.Server("ecommerce_prod");

    public TestRedis Redis { get; private set; } = null!;

    public TiendaProgram Program { get; private set; } = null!;

    public HttpClient Admin { get; private set; } = null!;

    /// <summary>The workers that have said that they take requests.</summary>
    public IEnumerable<int> Workers => Program.Output.Split('\n').Where(line => line.Contains("takes requests", StringComparison.Ordinal))
        .Select(line => (int)JsonNode.Parse(line)!["Worker"]!);

    public async ValueTask InitializeAsync()
    {
        _postgres = await TestPostgres.StartAsync(maxConnections: 640);
        await _postgres.CreateUserAsync("postgres", "tu_password_seguro_aqui");
        await _postgres.CreateDatabaseAsync("ecommerce_prod");
        Redis = await TestRedis.StartAsync(_address, IsFree(6379) ? 6379 : null);
        await File.WriteAllTextAsync(Path.Combine(Folder, ".env.production"), FileText);
        var environment = new Dictionary<string, string>
        {
            ["POSTGRES_HOST"] = Postgres.Host,
            ["REDIS_HOST"] = Redis.Host,
            ["UVICORN_HOST"] = _address,
        };
        if (Redis.Port != 6379)
        {
            environment["REDIS_PORT"] = Redis.Port.ToString(CultureInfo.InvariantCulture);
        }

        if (!IsFree(8000))
        {
            environment["UVICORN_PORT"] = "0";
        }

        await using (var migrate = TiendaProgram.Start(Folder, ["migrate"], environment))
        {
            Assert.True(await migrate.ExitCodeAsync() == 0, migrate.Output);
        }

        Program = TiendaProgram.Start(Folder, [], environment);
        Admin = await Program.OpenAsync();
        await Eventually.HoldsAsync(() => Workers.Count() == 4);
    }

    public async ValueTask DisposeAsync()
    {
        // After a start that failed some of these are not there, and its own exception is the one to show.
        Admin?.Dispose();
        await (Program?.DisposeAsync() ?? default);
        await (Redis?.DisposeAsync() ?? default);
        await (_postgres?.DisposeAsync() ?? default);
        await _folder.DisposeAsync();
    }

    private bool IsFree(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Parse(_address), port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
