using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Tienda.ApiTests.Data;
using Tienda.Caching;
using Tienda.Data;
using Tienda.Hosting;

namespace Tienda.ApiTests.Caching;

/// <summary>
/// What ends or turns back the time of the database: a crash, a stand-by that takes over, a dump. Each with answers in memory and in Redis
/// from before.
/// </summary>
public sealed class RecoveryTests(ShopApp shop)
{
    private static readonly int[] Possible = [200, 503];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task After_a_crash_no_answer_from_before_is_given()
    {
        await using var redis = await TestRedis.StartAsync();
        await using var postgres = await TestPostgres.StartAsync();
        var server = await postgres.CreateDatabaseAsync("shop");
        await using var own = await CachedShop.OpenAsync(server, redis);
        var path = await own.WarmAsync();

        // Transaction ids that were given to nobody who committed are given again after the crash: a write gets one that the answers in
        // the cache believe to have seen.
        await using (var admin = new NpgsqlConnection($"Host={server.Host};Username=tienda;Database=shop;Pooling=false"))
        {
            await admin.OpenAsync(Ct);
            for (var i = 0; i < 50; i++)
            {
                await using var command = new NpgsqlCommand("BEGIN; SELECT pg_current_xact_id(); ROLLBACK", admin);
                await command.ExecuteNonQueryAsync(Ct);
            }

            await own.WarmAsync(path);
            await TiendaProgram.SignalAsync("KILL", admin.ProcessID);
        }

        await own.ChangesAsync(path);
    }

    [Fact]
    public async Task After_a_stand_by_took_over_no_answer_from_before_is_given()
    {
        await using var redis = await TestRedis.StartAsync();
        await using var first = await TestPostgres.StartAsync();
        var server = await first.CreateDatabaseAsync("shop");
        var link = Path.Combine(Path.GetTempPath(), $"tienda-test-{Guid.NewGuid():N}");
        Directory.CreateSymbolicLink(link, server.Host);
        try
        {
            await using var own = await CachedShop.OpenAsync(server with { Host = link }, redis);
            await using var second = await first.CopyAsync();
            var path = await own.WarmAsync();
            await using var standBy = Database.CreateUnhurried(new Settings { Postgres = second.Server("shop") });
            await Eventually.HoldsAsync(async () => await standBy.ValueAsync<long>("SELECT count(*) FROM products") > 0);

            await first.StopAsync();
            File.Delete(link);
            Directory.CreateSymbolicLink(link, second.Server("shop").Host);
            // It takes no writes yet, and has no log that could be read: nothing is fresh, and nothing is an error of ours.
            using (var early = await own.Anyone.GottenAsync("/Products"))
            {
                Assert.Contains((int)early.StatusCode, Possible);
            }

            await second.PromoteAsync();
            await own.ChangesAsync(path);
        }
        finally
        {
            File.Delete(link);
        }
    }

    [Fact]
    public async Task A_restored_dump_is_another_shop()
    {
        await using var redis = await TestRedis.StartAsync();
        await using var postgres = await TestPostgres.StartAsync();
        string path;
        var server = await postgres.CreateDatabaseAsync("shop");
        await using (var own = await CachedShop.OpenAsync(server, redis))
        {
            path = await own.WarmAsync();
        }

        var restored = await postgres.RestoreAsync("shop", "restored");
        await using (var database = Database.CreateUnhurried(new Settings { Postgres = restored }))
        await using (var change = database.CreateCommand("SET session_replication_role = replica; UPDATE products SET stock = 12345"))
        {
            // Without triggers, as a restore itself writes: only another incarnation keeps the old answers away.
            await change.ExecuteNonQueryAsync(Ct);
        }

        await using var again = await CachedShop.OpenAsync(restored, redis);
        Assert.Equal(12345, (int)(await again.Anyone.GetJsonAsync(path))["stock"]!);
        await again.ChangesAsync(path);
    }

    [Fact]
    public async Task The_log_of_another_server_in_a_dump_does_not_disable_the_cache()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        var path = $"/products/{(await own.Given.ProductAsync(stock: 1)).Id()}";
        await using (var strange = own.Database.CreateCommand(
            """
            INSERT INTO cache_events VALUES ((pg_current_xact_id()::text::numeric + 1000000)::text::xid8, '{catalog}');
            UPDATE cache_clock SET pruned_below = (pg_current_xact_id()::text::numeric + 1000000)::text::xid8;
            """))
        {
            await strange.ExecuteNonQueryAsync(Ct);
        }

        using var anyone = own.Anonymous();
        await Eventually.HoldsAsync(async () =>
        {
            using var answer = await anyone.GottenAsync(path);
            return answer.Headers.GetValues(AnswerWriter.HitHeader).Single() == "true" && await own.Database.ValueAsync<long>(
                "SELECT count(*) FROM cache_events WHERE xid > pg_current_xact_id()") == 0;
        });
        await own.Http.PatchAsync(path, new { stock = 2 }).ShouldBeAsync(200);
        Assert.Equal(2, (int)(await anyone.GetJsonAsync(path))["stock"]!);
    }

    [Fact]
    public async Task A_worker_that_was_stopped_for_a_while_gives_nothing_from_before()
    {
        await using var workers = await ShopWorkers.StartAsync(await shop.Postgres.CreateDatabaseAsync($"own_{Guid.NewGuid():N}"), 2);
        var path = $"/products/{(await workers.Given.ProductAsync(stock: 1)).Id()}";
        using var sleeper = workers.Anonymous(1);
        for (var round = 2; round < 5; round++)
        {
            await sleeper.GetJsonAsync(path);
            await sleeper.GetJsonAsync(path);
            await workers.Program(1).SignalAsync("STOP");
            await workers[0].PatchAsync(path, new { stock = round }).ShouldBeAsync(200);
            await Task.Delay(TimeSpan.FromSeconds(2.1), Ct);
            // Sent before it wakes, so it is the first thing that it sees.
            var first = sleeper.GetJsonAsync(path);
            await workers.Program(1).SignalAsync("CONT");

            Assert.Equal(round, (int)(await first)["stock"]!);
        }
    }

    [Fact]
    public async Task A_worker_that_ends_in_the_midst_of_writes_leaves_nothing_old_with_the_others()
    {
        await using var redis = await TestRedis.StartAsync();
        await using var workers = await ShopWorkers.StartAsync(
            await shop.Postgres.CreateDatabaseAsync($"own_{Guid.NewGuid():N}"), 2, redis.Settings);
        var path = $"/products/{(await workers.Given.ProductAsync(stock: 1)).Id()}";
        using var other = workers.Anonymous(1);
        for (var round = 0; round < 4; round++)
        {
            var writes = Enumerable.Range(0, 20).Select(async i =>
            {
                try
                {
                    using var answer = await workers[0].PatchAsync(path, new { stock_change = 1 });
                }
                catch (HttpRequestException)
                {
                }
            }).ToList();
            await other.GetJsonAsync(path);
            await workers.CrashAsync(0);
            await Task.WhenAll(writes);
            await Eventually.HoldsAsync(
                async () => (int)(await other.GetJsonAsync(path))["stock"]! == await workers.Database.ValueAsync<int>("SELECT stock FROM products"),
                TimeSpan.FromSeconds(2));
        }
    }

    [Theory]
    [InlineData(300, 200)]
    [InlineData(0, 503)]
    public async Task Cut_off_from_the_database_it_gives_the_last_answers_as_stale_or_none(int seconds, int status)
    {
        var server = await shop.Postgres.CreateDatabaseAsync($"own_{Guid.NewGuid():N}");
        await using var wire = new PostgresWire(server.Host);
        var (app, http) = await ShopApp.OpenShopAsync(
            server with { Host = wire.Host },
            settings => settings with { PoolTimeoutSeconds = 1, Cache = settings.Cache with { StaleIfErrorSeconds = seconds } });
        await using var disposal = app;
        using var anyone = new HttpClient { BaseAddress = http.BaseAddress };
        var path = $"/products/{(await new Given(http).ProductAsync(stock: 1)).Id()}";
        await anyone.GetJsonAsync(path);

        wire.Block();
        var clock = app.Services.GetRequiredService<CacheClock>();
        await Eventually.HoldsAsync(() => clock.IsCutOff);
        using (var answer = await anyone.GottenAsync(path))
        {
            Assert.Equal(status, (int)answer.StatusCode);
            if (status == 200)
            {
                Assert.Equal("110 - \"Response is Stale\"", answer.Headers.GetValues("Warning").Single());
                Assert.InRange(answer.Headers.Age!.Value.TotalSeconds, 1, 10);
            }
        }

        wire.Unblock();
        await using (var database = Database.CreateUnhurried(new Settings { Postgres = server }))
        await using (var change = database.CreateCommand("UPDATE products SET stock = 2"))
        {
            await change.ExecuteNonQueryAsync(Ct);
        }

        await Eventually.HoldsAsync(async () =>
        {
            using var answer = await anyone.GottenAsync(path);
            return answer.IsSuccessStatusCode && !answer.Headers.Contains("Warning") && (int)(await answer.JsonAsync())["stock"]! == 2;
        });
        http.Dispose();
    }

    [Fact]
    public async Task A_transaction_that_stays_open_does_not_keep_answers_from_being_kept()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        var products = new[] { (await own.Given.ProductAsync()).Id(), (await own.Given.ProductAsync()).Id() };
        using var anyone = own.Anonymous();
        await using (await own.HoldAsync($"UPDATE products SET stock = 99 WHERE id_key = {products[0]}"))
        {
            for (var i = 0; i < 40; i++)
            {
                await own.Http.PatchAsync($"/products/{products[1]}", new { stock_change = 1 }).ShouldBeAsync(200);
                await anyone.GetJsonAsync("/products");
                using var second = await anyone.GottenAsync("/products");
                Assert.Equal("true", second.Headers.GetValues(AnswerWriter.HitHeader).Single());
                await Task.Delay(20, Ct);
            }
        }
    }

    /// <summary>A shop in this process with a product that is in its memory and in Redis.</summary>
    private sealed class CachedShop(WebApplication app, HttpClient http, TestRedis redis) : IAsyncDisposable
    {
        public HttpClient Anyone { get; } = new() { BaseAddress = http.BaseAddress };

        public static async Task<CachedShop> OpenAsync(PostgresServer server, TestRedis redis)
        {
            var (app, http) = await ShopApp.OpenShopAsync(
                server,
                settings => settings with { Redis = new RedisAddress("127.0.0.1", redis.Port, 0, null), DataFolder = Path.GetTempPath() });
            return new CachedShop(app, http, redis);
        }

        public async Task<string> WarmAsync(string? path = null)
        {
            path ??= $"/products/{(await new Given(http).ProductAsync(stock: 1)).Id()}";
            await using var client = await redis.ConnectAsync();
            await Eventually.HoldsAsync(async () =>
            {
                await Anyone.GetJsonAsync(path);
                await Anyone.GetJsonAsync("/products?limit=5");
                return await client.GetDatabase().KeyExistsAsync(path[1..].Replace("/", ":id:", StringComparison.Ordinal))
                    && await client.GetDatabase().KeyExistsAsync("products:list:skip:0:limit:5");
            });
            return path;
        }

        /// <summary>Writes as soon as that is possible again, and asserts that what follows shows it.</summary>
        public async Task ChangesAsync(string path)
        {
            for (var stock = 100; stock < 110; stock++)
            {
                await Eventually.HoldsAsync(async () =>
                {
                    using var answer = await http.PatchAsync(path, new { stock });
                    Assert.Contains((int)answer.StatusCode, Possible);
                    return answer.IsSuccessStatusCode;
                });
                for (var watched = Stopwatch.StartNew(); watched.ElapsedMilliseconds < 100;)
                {
                    using var read = await Anyone.GottenAsync(path);
                    Assert.Contains((int)read.StatusCode, Possible);
                    Assert.True(!read.IsSuccessStatusCode || (int)(await read.JsonAsync())["stock"]! == stock, "An old answer was given.");
                    using var list = await Anyone.GottenAsync("/products?limit=5");
                    Assert.True(
                        !list.IsSuccessStatusCode || (await list.JsonAsync()).AsArray().Any(p => (int)p!["stock"]! == stock),
                        "An old list was given.");
                }
            }
        }

        public async ValueTask DisposeAsync()
        {
            Anyone.Dispose();
            http.Dispose();
            await app.DisposeAsync();
        }
    }
}
