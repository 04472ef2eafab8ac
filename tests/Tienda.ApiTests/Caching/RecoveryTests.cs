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
            foreach (var early in new[] { "/Products", "/products?limit=7", path, "/products/1/reviews", "/categories" })
            {
                using var answer = await own.Anyone.GottenAsync(early);
                Assert.Contains((int)answer.StatusCode, Possible);
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
    public async Task A_copy_of_the_database_is_another_shop_also_on_the_same_redis()
    {
        await using var redis = await TestRedis.StartAsync();
        await using var postgres = await TestPostgres.StartAsync();
        var server = await postgres.CreateDatabaseAsync("shop");
        string path;
        await using (var own = await CachedShop.OpenAsync(server, redis))
        {
            path = await own.WarmAsync();
        }

        NpgsqlConnection.ClearAllPools();
        var copy = await postgres.CreateDatabaseAsync("copy TEMPLATE shop", "copy");
        await using (var database = Database.CreateUnhurried(new Settings { Postgres = copy }))
        await using (var change = database.CreateCommand("SET session_replication_role = replica; UPDATE products SET stock = 12345"))
        {
            await change.ExecuteNonQueryAsync(Ct);
        }

        await using var staging = await CachedShop.OpenAsync(copy, redis);
        Assert.Equal(12345, (int)(await staging.Anyone.GetJsonAsync(path))["stock"]!);
    }

    [Fact]
    public async Task A_log_that_was_emptied_by_hand_makes_everything_void()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        var path = $"/products/{(await own.Given.ProductAsync(stock: 1)).Id()}";
        using var anyone = own.Anonymous();
        await anyone.GetJsonAsync(path);

        await using (var change = own.Database.CreateCommand("UPDATE products SET stock = 2; TRUNCATE cache_events"))
        {
            await change.ExecuteNonQueryAsync(Ct);
        }

        await Eventually.HoldsAsync(async () => (int)(await anyone.GetJsonAsync(path))["stock"]! == 2, TimeSpan.FromSeconds(2));
    }

    [Fact]
    public async Task The_log_is_asked_for_what_is_new_however_long_a_transaction_stays_open()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        await using var log = CacheLog.Open(new Settings { Postgres = own.Server });
        var product = (await own.Given.ProductAsync(stock: 1)).Id();
        var held = await own.HoldAsync($"UPDATE products SET stock = 99 WHERE id_key = {product}");
        await using (held)
        {
            var before = await log.PollAsync(null, Ct);
            await using (var others = own.Database.CreateCommand(
                "INSERT INTO cache_events (tags) SELECT ARRAY['products'] FROM generate_series(1, 100000); ANALYZE cache_events"))
            {
                await others.ExecuteNonQueryAsync(Ct);
            }

            // A process that begins is content with the latest, and knows from where on it has all.
            var late = await log.PollAsync(null, Ct);
            Assert.True(late.Events.Count >= 50_000 && late.PrunedBelow > before.Snapshot.Xmin, $"{late.Events.Count} from {late.PrunedBelow}");

            var missed = await log.PollAsync(before.Snapshot, Ct);
            Assert.Equal(100_000, missed.Events.Count);
            Assert.Empty((await log.PollAsync(missed.Snapshot, Ct)).Events);
            Assert.DoesNotContain("Seq Scan on cache_events", await own.PlanAsync(
                $"SELECT * FROM cache_now n LEFT JOIN cache_events e ON e.xid >= '{missed.Snapshot.Xmax}' "
                + $"OR e.xid = ANY('{{{string.Join(',', missed.Snapshot.Running)}}}'::xid8[])"), StringComparison.Ordinal);
            await held.CommitAsync();
            Assert.Equal($"product:{product}", Assert.Single((await log.PollAsync(missed.Snapshot, Ct)).Events).Tags[0]);
        }
    }

    [Fact]
    public async Task A_log_that_refuses_while_the_database_answers_is_no_outage()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        var path = $"/products/{(await own.Given.ProductAsync(stock: 1)).Id()}";
        using var anyone = own.Anonymous();
        await anyone.GetJsonAsync(path);
        // The reader's statement fails, and every other one too that asks for the log; so the cache is out of use, and the shop is not.
        await using (var broken = own.Database.CreateCommand(
            """
            CREATE FUNCTION fail() RETURNS uuid LANGUAGE plpgsql AS $$
            BEGIN
                IF current_setting('application_name') = 'tienda-cache' THEN RAISE 'refused'; END IF;
                RETURN (SELECT incarnation FROM cache_clock);
            END $$;
            CREATE OR REPLACE VIEW cache_now AS SELECT pg_current_snapshot() AS snapshot, fail()::text AS incarnation, pruned_below FROM cache_clock;
            """))
        {
            await broken.ExecuteNonQueryAsync(Ct);
        }

        var clock = own.App.Services.GetRequiredService<CacheClock>();
        await Eventually.HoldsAsync(() => clock.SinceLease > CacheClock.Lease + TimeSpan.FromSeconds(1.5));
        await using (var change = own.Database.CreateCommand("UPDATE products SET stock = 2"))
        {
            await change.ExecuteNonQueryAsync(Ct);
        }

        using var answer = await anyone.GottenAsync(path);
        Assert.Equal(2, (int)(await answer.JsonAsync())["stock"]!);
        Assert.False(answer.Headers.Contains("Warning"));
    }

    [Fact]
    public async Task The_first_who_meets_an_outage_gets_the_last_answer_too()
    {
        await using var postgres = await TestPostgres.StartAsync();
        var (app, http) = await ShopApp.OpenShopAsync(await postgres.CreateDatabaseAsync("shop"));
        await using var disposal = app;
        using var administrator = http;
        using var anyone = new HttpClient { BaseAddress = http.BaseAddress };
        var path = $"/products/{(await new Given(http).ProductAsync(stock: 1)).Id()}";
        using var first = await anyone.GottenAsync(path);

        await postgres.StopAsync();
        var warned = 0;
        for (var asked = Stopwatch.StartNew(); asked.Elapsed < TimeSpan.FromSeconds(4);)
        {
            // It cannot be said that nothing has changed.
            using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { IfNoneMatch = { first.Headers.ETag! } } };
            using var answer = await anyone.SendAsync(request, Ct);
            Assert.True((int)answer.StatusCode is 200 or 304);
            Assert.True((int)answer.StatusCode == 200 || !answer.Headers.Contains("Warning"));
            warned += answer.Headers.Contains("Warning") ? 1 : 0;
        }

        Assert.True(warned > 10);
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
