using System.Diagnostics;
using System.Text.Json.Nodes;
using Npgsql;
using Tienda.Hosting;

namespace Tienda.ApiTests.Hosting;

/// <summary>What the health routes say while something is wrong.</summary>
public sealed class HealthTests(ShopApp shop)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_slow_database_is_a_warning_from_100_ms_and_critical_from_500()
    {
        await using var wire = new PostgresWire(shop.Postgres.Server("shop").Host);
        await using var own = await OwnShop.OpenAsync(shop, s => s with { Postgres = s.Postgres! with { Host = wire.Host } });
        await ComesToAsync(own.Http, "healthy");

        wire.Delay = TimeSpan.FromMilliseconds(200);
        var slow = await ComesToAsync(own.Http, "warning");
        Assert.InRange((double)slow["checks"]!["database"]!["latency_ms"]!, 190, 500);
        wire.Delay = TimeSpan.FromMilliseconds(700);
        var slower = await ComesToAsync(own.Http, "critical");
        Assert.Equal("up", (string)slower["checks"]!["database"]!["status"]!);
        Assert.InRange((double)slower["checks"]!["database"]!["latency_ms"]!, 690, 1500);
        wire.Delay = TimeSpan.Zero;
        await ComesToAsync(own.Http, "healthy");
    }

    [Fact]
    public async Task A_pool_that_fills_is_a_warning_above_70_percent_and_critical_above_90()
    {
        await using var own = await OwnShop.OpenAsync(shop, s => s with { PoolSize = 4, PoolMaxOverflow = 6 });
        var pool = (NpgsqlDataSource)own.App.Services.GetService(typeof(NpgsqlDataSource))!;
        var taken = new List<NpgsqlConnection>();
        foreach (var (count, status) in new[] { (7, "healthy"), (8, "warning"), (9, "warning"), (10, "critical") })
        {
            while (taken.Count < count)
            {
                taken.Add(await pool.OpenConnectionAsync(Ct));
            }

            var health = await ComesToAsync(own.Http, status, utilization: 10 * count);
            Assert.Equal(
                $$"""{"size":4,"checked_in":0,"checked_out":{{count}},"overflow":{{count - 4}},"total_capacity":10,"utilization_percent":{{count}}0}""",
                health["checks"]!["db_pool"]!.ToJsonString());
        }

        foreach (var connection in taken)
        {
            await connection.DisposeAsync();
        }

        await ComesToAsync(own.Http, "healthy");
    }

    [Fact]
    public async Task A_stopped_database_is_critical_but_no_reason_to_restart_the_shop_or_to_go_elsewhere()
    {
        await using var postgres = await TestPostgres.StartAsync();
        var (app, http) = await ShopApp.OpenShopAsync(await postgres.CreateDatabaseAsync("shop"));
        await using var running = app;
        using var client = http;
        await ComesToAsync(http, "healthy");

        await postgres.StopAsync();
        var health = await ComesToAsync(http, "critical");
        Assert.Equal("""{"status":"down"}""", health["checks"]!["database"]!.ToJsonString());
        await http.GottenAsync("/health/live").ShouldBeAsync(200);
        await http.GottenAsync("/health/ready").ShouldBeAsync(200);

        await postgres.OpenAsync();
        await ComesToAsync(http, "healthy");
    }

    [Fact]
    public async Task A_database_that_takes_no_changes_is_critical_and_named()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        await ComesToAsync(own.Http, "healthy");
        var product = await own.Given.ProductAsync();

        await MakeAsync(own, readOnly: true);
        var health = await ComesToAsync(own.Http, "critical");
        Assert.Equal("up", (string)health["checks"]!["database"]!["status"]!);
        Assert.True((bool)health["checks"]!["database"]!["read_only"]!);
        Assert.StartsWith("The database takes no changes", (string)health["warnings"]!.AsArray().Single()!, StringComparison.Ordinal);
        await own.Http.GottenAsync($"/products/{product.Id()}").ShouldBeAsync(200);
        await own.Http.PatchAsync($"/products/{product.Id()}", new { stock = 1 }).ShouldBeAsync(503);

        await MakeAsync(own, readOnly: false);
        Assert.Null((await ComesToAsync(own.Http, "healthy"))["checks"]!["database"]!["read_only"]);
    }

    [Fact]
    public async Task A_stand_by_is_critical_and_still_read_from()
    {
        await using var primary = await TestPostgres.StartAsync();
        var server = await primary.CreateDatabaseAsync("shop");
        JsonNode product;
        var (app, http) = await ShopApp.OpenShopAsync(server);
        await using (app)
        using (http)
        {
            product = await new Given(http).ProductAsync();
        }

        await using var standby = await primary.CopyAsync();
        var program = Program.Build(shop.Settings with { Postgres = standby.Server("shop"), PoolName = "stand-by" });
        await using var running = program;
        await program.StartAsync(Ct);
        using var client = ShopApp.AsAdministrator(new HttpClient { BaseAddress = new Uri(program.Urls.First()) });

        Assert.True((bool)(await ComesToAsync(client, "critical"))["checks"]!["database"]!["read_only"]!);
        using var anybody = new HttpClient { BaseAddress = client.BaseAddress };
        foreach (var reader in new[] { client, anybody })
        {
            await reader.GottenAsync($"/products/{product.Id()}").ShouldBeAsync(200);
            await reader.GottenAsync("/products?limit=3").ShouldBeAsync(200);
        }

        await client.PatchAsync($"/products/{product.Id()}", new { stock = 1 }).ShouldBeAsync(503);
    }

    [Fact]
    public async Task A_redis_that_hangs_is_degraded()
    {
        await using var redis = await TestRedis.StartAsync();
        await using var own = await OwnShop.OpenAsync(shop, s => s with { Redis = new RedisAddress("127.0.0.1", redis.Port, 0, null) });
        await ComesToAsync(own.Http, "healthy");

        await redis.PauseAsync();
        await ComesToAsync(own.Http, "degraded");
        await using (var late = await OwnShop.OpenAsync(shop, s => s with { Redis = new RedisAddress("127.0.0.1", redis.Port, 0, null) }))
        {
            Assert.Equal("down", (string)(await ComesToAsync(late.Http, "degraded"))["checks"]!["redis"]!["status"]!);
        }

        await redis.ResumeAsync();
        await ComesToAsync(own.Http, "healthy");
    }

    [Fact]
    public async Task Requests_to_a_database_that_hangs_are_told_to_come_back_and_leave_no_connection_behind()
    {
        await using var wire = new PostgresWire(shop.Postgres.Server("shop").Host);
        await using var own = await OwnShop.OpenAsync(shop, s => s with
        {
            Postgres = s.Postgres! with { Host = wire.Host },
            PoolSize = 10,
            PoolMaxOverflow = 0,
            PoolTimeoutSeconds = 1,
            DatabasePatienceSeconds = 1,
        });
        await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => own.Http.GottenAsync("/orders").ShouldBeAsync(200)));

        wire.Block();
        var asked = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => (i % 2 == 0
            ? own.Http.GottenAsync("/orders")
            : own.Http.PostAsync("/categories", new { name = Given.Unique("Stuck") })).ShouldBeAsync(503)));
        Assert.InRange(asked.Elapsed.TotalSeconds, 1, 15);

        wire.Unblock();
        var health = await ComesToAsync(own.Http, "healthy");
        Assert.Equal(0, (int)health["checks"]!["db_pool"]!["checked_out"]!);
        await own.Http.GottenAsync("/orders").ShouldBeAsync(200);
    }

    [Fact]
    public async Task A_flood_of_checks_costs_the_database_nothing()
    {
        await using var wire = new PostgresWire(shop.Postgres.Server("shop").Host);
        await using var own = await OwnShop.OpenAsync(shop, s => s with { Postgres = s.Postgres! with { Host = wire.Host } });
        await ComesToAsync(own.Http, "healthy");
        await own.Http.GottenAsync("/health/ready").ShouldBeAsync(200);
        wire.TakeRoundTrips();

        var flood = Stopwatch.StartNew();
        var asked = 0;
        while (flood.Elapsed < TimeSpan.FromSeconds(2))
        {
            await Task.WhenAll(Enumerable.Range(0, 50).Select(i =>
                own.Http.GottenAsync(i % 2 == 0 ? "/health_check" : "/health/ready").ShouldBeAsync(200)));
            asked += 50;
        }

        Assert.True(asked > 200);
        // One a second, of however many thousand.
        Assert.InRange(wire.TakeRoundTrips(), 1, 3);
    }

    [Fact]
    public async Task However_they_are_written_they_are_not_limited()
    {
        await using var own = await OwnShop.OpenAsync(shop, s => s with { RateLimitEnabled = true, RateLimitCalls = 1 });
        using var anybody = own.Anonymous();

        foreach (var path in new[] { "/health_check", "/health_check/", "/Health/Live", "/health/ready/" })
        {
            await anybody.GottenAsync(path).ShouldBeAsync(200);
            await anybody.GottenAsync(path).ShouldBeAsync(200);
        }
    }

    private static async Task MakeAsync(OwnShop own, bool readOnly)
    {
        await using var connection = await own.Database.OpenConnectionAsync(Ct);
        await using var command = new NpgsqlCommand(
            $"""
            SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE;
            ALTER DATABASE {own.Server.Database} SET default_transaction_read_only = {(readOnly ? "on" : "off")};
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
            """,
            connection);
        await command.ExecuteNonQueryAsync(Ct);
    }

    /// <summary>Waits for a status and answers the report, each of which may be a second old.</summary>
    /// <param name="utilization">If given, what the pool must have come to as well.</param>
    internal static async Task<JsonNode> ComesToAsync(HttpClient http, string status, double? utilization = null)
    {
        for (var waited = Stopwatch.StartNew(); ; await Task.Delay(100, Ct))
        {
            using var answer = await http.GottenAsync("/health_check");
            var report = await answer.JsonAsync();
            Assert.Equal((string)report["status"]! == "critical" ? 503 : 200, (int)answer.StatusCode);
            if ((string)report["status"]! == status
                && (utilization is null || utilization == (double)report["checks"]!["db_pool"]!["utilization_percent"]!))
            {
                return report;
            }

            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(30), $"It does not come to {status}: {report.ToJsonString()}");
        }
    }
}
