using System.Diagnostics;
using System.Text.Json.Nodes;
using StackExchange.Redis;
using Tienda.Caching;

namespace Tienda.ApiTests.Caching;

/// <summary>The answers that processes share in Redis, and that everything goes on without it.</summary>
public sealed class RedisLevelTests(ShopApp shop)
{
    private const string ListPath = "/products?skip=0&limit=20";
    private const string ListKey = "products:list:skip:0:limit:20";

    [Fact]
    public async Task The_keys_are_those_that_operators_know()
    {
        await using var redis = await TestRedis.StartAsync();
        await using var workers = await WorkersAsync(redis, 1);
        var product = await workers.Given.ProductAsync();
        using var anyone = workers.Anonymous(0);
        foreach (var path in new[] { ListPath, $"/products/{product.Id()}", $"/products/{product.Id()}/reviews", "/categories", "/clients", "/orders" })
        {
            using var answer = await anyone.GottenAsync(path);
        }

        await using var client = await redis.ConnectAsync();
        var (database, keys) = (client.GetDatabase(), Array.Empty<string>());
        await Eventually.HoldsAsync(() => (keys = Keys(client)).Length >= 4);
        Assert.Equal(
            ["categories:list:skip:0:limit:100", $"products:id:{product.Id()}", ListKey, $"reviews:product:{product.Id()}:skip:0:limit:100"],
            keys.Order(StringComparer.Ordinal));
        Assert.InRange((await database.KeyTimeToLiveAsync(ListKey))!.Value.TotalSeconds, 290, 300);
        Assert.InRange((await database.KeyTimeToLiveAsync("categories:list:skip:0:limit:100"))!.Value.TotalSeconds, 3590, 3600);
        var lines = ((string)(await database.StringGetAsync($"products:id:{product.Id()}"))!).Split('\n');
        Assert.Equal([.. new[] { "catalog", $"product:{product.Id()}" }], JsonNode.Parse(lines[0])!["tags"]!.AsArray().Select(t => (string)t!));
        Assert.Equal(product.Id(), JsonNode.Parse(lines[1])!.Id());
    }

    [Fact]
    public async Task The_lifetime_follows_the_settings()
    {
        await using var redis = await TestRedis.StartAsync();
        await using var workers = await WorkersAsync(redis, 1, ("REDIS_CACHE_TTL", "77"), ("CACHE_TTL_CATEGORIES", "88"));
        using var anyone = workers.Anonymous(0);
        await anyone.GetJsonAsync(ListPath);
        await anyone.GetJsonAsync("/categories");

        await using var client = await redis.ConnectAsync();
        await Eventually.HoldsAsync(() => Keys(client).Length == 2);
        Assert.InRange((await client.GetDatabase().KeyTimeToLiveAsync(ListKey))!.Value.TotalSeconds, 70, 77);
        Assert.InRange((await client.GetDatabase().KeyTimeToLiveAsync("categories:list:skip:0:limit:100"))!.Value.TotalSeconds, 80, 88);
    }

    [Long]
    [Fact]
    public async Task What_one_worker_has_read_the_others_need_not()
    {
        await using var redis = await TestRedis.StartAsync();
        await using var workers = await WorkersAsync(redis, 3);
        await workers.Given.ProductAsync();
        Assert.Equal("false", await HitAsync(workers, 0));
        await Eventually.HoldsAsync(async () => await HitAsync(workers, 1) == "true");
        // Also one that has only just started.
        await workers.CrashAsync(2);
        Assert.Equal("true", await HitAsync(workers, 2));
    }

    [Fact]
    public async Task A_change_reaches_the_other_workers_at_once()
    {
        await using var redis = await TestRedis.StartAsync();
        await using var workers = await WorkersAsync(redis, 2);
        var path = $"/products/{(await workers.Given.ProductAsync(stock: 1)).Id()}";
        using var other = workers.Anonymous(1);
        var lags = new List<double>();
        for (var stock = 2; stock < 40; stock++)
        {
            await other.GetJsonAsync(path);
            await workers[0].PatchAsync(path, new { stock }).ShouldBeAsync(200);
            var since = Stopwatch.StartNew();
            await Eventually.HoldsAsync(async () => (int)(await other.GetJsonAsync(path))["stock"]! == stock, TimeSpan.FromSeconds(2));
            lags.Add(since.Elapsed.TotalMilliseconds);
        }

        // The log alone would take a quarter of a second on average.
        Assert.InRange(lags.Order().ElementAt(lags.Count / 2), 0, 100);
    }

    [Fact]
    public async Task Two_shops_on_one_redis_do_not_see_each_others_answers()
    {
        await using var redis = await TestRedis.StartAsync();
        await using var one = await WorkersAsync(redis, 1);
        await using var two = await WorkersAsync(redis, 1);
        var ids = ((await one.Given.ProductAsync(price: 1)).Id(), (await two.Given.ProductAsync(price: 2)).Id());
        Assert.Equal(ids.Item1, ids.Item2);
        using var anyoneOfOne = one.Anonymous(0);
        using var anyoneOfTwo = two.Anonymous(0);
        for (var round = 0; round < 5; round++)
        {
            Assert.Equal(1, (decimal)(await anyoneOfOne.GetJsonAsync($"/products/{ids.Item1}"))["price"]!);
            Assert.Equal(2, (decimal)(await anyoneOfTwo.GetJsonAsync($"/products/{ids.Item1}"))["price"]!);
            await two[0].PatchAsync($"/products/{ids.Item1}", new { stock_change = 1 }).ShouldBeAsync(200);
        }
    }

    [Fact]
    public async Task Strange_values_under_the_keys_are_overwritten()
    {
        await using var redis = await TestRedis.StartAsync();
        await using var workers = await WorkersAsync(redis, 1);
        await using var client = await redis.ConnectAsync();
        var database = client.GetDatabase();
        foreach (var strange in new[] { "", "nonsense", "{}\n[]", "{\"writer\":1}\n", "null\n[]", "[1,2\n" })
        {
            await database.StringSetAsync(ListKey, strange);
            await workers.Given.ProductAsync();
            Assert.Equal("false", await HitAsync(workers, 0));
        }

        foreach (var field in new[] { "tags", "stock", "snapshot", "incarnation", "besides" })
        {
            foreach (var nothing in new[] { "null", "[null]" })
            {
                // As this program writes it, but for one field.
                await HitAsync(workers, 0);
                var kept = ((string)(await database.StringGetAsync(ListKey))!).Split('\n', 2);
                var head = JsonNode.Parse(kept[0])!.AsObject();
                head[field] = JsonNode.Parse(nothing);
                // Another worker begins with nothing in memory; this one has an answer that does not hold.
                await workers.Given.ProductAsync();
                await database.StringSetAsync(ListKey, $"{head.ToJsonString()}\n{kept[1]}");
                Assert.NotNull(await HitAsync(workers, 0));
            }
        }

        // At once, since the worker may just be writing what it has read.
        var exchange = database.CreateTransaction();
        _ = exchange.KeyDeleteAsync(ListKey);
        _ = exchange.ListRightPushAsync(ListKey, "of another type");
        await exchange.ExecuteAsync();
        await workers.Given.ProductAsync();
        Assert.Equal("false", await HitAsync(workers, 0));
        await Eventually.HoldsAsync(async () => await database.KeyTypeAsync(ListKey) == RedisType.String);
    }

    [Fact]
    public async Task A_message_that_cannot_be_read_is_passed_over_as_a_whole()
    {
        await using var redis = await TestRedis.StartAsync();
        await using var workers = await WorkersAsync(redis, 1);
        await using var client = await redis.ConnectAsync();
        var id = (await workers.Given.ProductAsync(stock: 7)).Id();
        using var anyone = workers.Anonymous(0);
        await anyone.GetJsonAsync($"/products/{id}");
        var incarnation = await workers.Database.ValueAsync<string>("SELECT incarnation FROM cache_now");
        var next = await workers.Database.ValueAsync<long>("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint") + 1000;
        async Task<int> StockAfterAsync(string message)
        {
            client.GetSubscriber().Publish(RedisChannel.Literal("tienda:cache"), message);
            await Task.Delay(100);
            return (int)(await anyone.GetJsonAsync($"/products/{id}"))["stock"]!;
        }

        foreach (var message in new[]
        {
            "", "\n", $"somebody  1\n{next} product:{id} ={id}:1:5", $"somebody {incarnation}\n{next} product:{id} ={id}:1:5",
            $"somebody {incarnation} 2\n{next} product:{id} ={id}:1:5", $"somebody {incarnation} 1\n{next} product:{id} ={id}:1:5\nx",
            $"somebody {incarnation} 1\n{next} product:{id} ={id}:1", $"somebody {incarnation} 1\n{next} product:{id} ={id}:1:5 =x",
            $"somebody {incarnation} 1\nx product:{id} ={id}:1:5",
            $"somebody {incarnation} 1\n{ulong.MaxValue} product:{id} ={id}:1:5",
        })
        {
            Assert.Equal(7, await StockAfterAsync(message));
        }

        // Whole, it is believed: so the ones before were read, and passed over.
        Assert.Equal(5, await StockAfterAsync($"somebody {incarnation} 1\n{next} product:{id} ={id}:1:5"));
    }

    [Fact]
    public async Task A_redis_that_dies_and_returns_costs_no_request()
    {
        await using var redis = await TestRedis.StartAsync();
        await using var workers = await WorkersAsync(redis, 2, ("LOG_LEVEL", "INFO"));
        var path = $"/products/{(await workers.Given.ProductAsync(stock: 1)).Id()}";
        await AskForAWhileAsync(workers, path, TimeSpan.FromSeconds(1));

        await redis.KillAsync();
        await AskForAWhileAsync(workers, path, TimeSpan.FromSeconds(3));
        await redis.OpenAsync();
        await Eventually.HoldsAsync(() => workers.Program(0).Output.Split("Redis answers.").Length > 2);
        await AskForAWhileAsync(workers, path, TimeSpan.FromSeconds(1));

        await using var client = await redis.ConnectAsync();
        await Eventually.HoldsAsync(() => Keys(client).Length > 0);
        // One line for each change of state, however many requests met it.
        Assert.Equal(2, workers.Program(0).Output.Split("Redis cannot be reached").Length);
        Assert.Equal(3, workers.Program(0).Output.Split("Redis answers.").Length);
    }

    [Fact]
    public async Task A_redis_that_is_down_at_the_start_is_used_when_it_comes()
    {
        await using var redis = await TestRedis.StartAsync();
        await redis.KillAsync();
        await using var workers = await WorkersAsync(redis, 2);
        var path = $"/products/{(await workers.Given.ProductAsync(stock: 1)).Id()}";
        await AskForAWhileAsync(workers, path, TimeSpan.FromSeconds(1));

        await redis.OpenAsync();
        await using var client = await redis.ConnectAsync();
        await Eventually.HoldsAsync(async () =>
        {
            await workers[0].PatchAsync(path, new { stock_change = 1 }).ShouldBeAsync(200);
            using var anyone = workers.Anonymous(0);
            await anyone.GetJsonAsync(path);
            return Keys(client).Length > 0 && client.GetSubscriber().Publish(RedisChannel.Literal("tienda:cache"), "hello") == 2;
        });
    }

    [Fact]
    public async Task A_redis_that_answers_nothing_holds_up_one_request_a_second_and_no_more_than_a_moment()
    {
        await using var redis = await TestRedis.StartAsync();
        await using var workers = await WorkersAsync(redis, 1, ("LOG_LEVEL", "INFO"));
        var path = $"/products/{(await workers.Given.ProductAsync(stock: 1)).Id()}";
        await AskForAWhileAsync(workers, path, TimeSpan.FromSeconds(1));

        await redis.PauseAsync();
        var slowest = await AskForAWhileAsync(workers, path, TimeSpan.FromSeconds(4));
        await redis.ResumeAsync();

        Assert.InRange(slowest, TimeSpan.Zero, TimeSpan.FromSeconds(1));
        Assert.Equal(2, workers.Program(0).Output.Split("Redis takes longer").Length);
        await using var client = await redis.ConnectAsync();
        await Eventually.HoldsAsync(async () =>
        {
            await AskForAWhileAsync(workers, path, TimeSpan.FromMilliseconds(100));
            return workers.Program(0).Output.Contains("Redis answers in time again.", StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task A_redis_that_is_full_or_flushed_costs_no_request()
    {
        await using var redis = await TestRedis.StartAsync();
        await using var workers = await WorkersAsync(redis, 2);
        var path = $"/products/{(await workers.Given.ProductAsync(stock: 1)).Id()}";
        await using var client = await redis.ConnectAsync();
        await client.GetServers()[0].ConfigSetAsync("maxmemory", "1mb");
        await AskForAWhileAsync(workers, path, TimeSpan.FromSeconds(1));

        await client.GetServers()[0].ConfigSetAsync("maxmemory", "0");
        await client.GetServers()[0].FlushAllDatabasesAsync();
        await AskForAWhileAsync(workers, path, TimeSpan.FromSeconds(1));
        await Eventually.HoldsAsync(() => Keys(client).Length > 0);
    }

    /// <summary>Changes a product and reads it through every worker, again and again; the one that changed it has to show it at once.</summary>
    /// <returns>The longest that a read took.</returns>
    private static async Task<TimeSpan> AskForAWhileAsync(ShopWorkers workers, string path, TimeSpan time)
    {
        var slowest = TimeSpan.Zero;
        for (var (asked, round) = (Stopwatch.StartNew(), 0); asked.Elapsed < time; round++)
        {
            var worker = round % workers.Count;
            var changed = await workers[worker].PatchAsync(path, new { stock_change = 1 }).ShouldBeAsync(200);
            foreach (var reader in Enumerable.Range(0, workers.Count))
            {
                using var anyone = workers.Anonymous(reader);
                var began = Stopwatch.StartNew();
                var read = await anyone.GetJsonAsync(path);
                slowest = began.Elapsed > slowest ? began.Elapsed : slowest;
                Assert.True(reader != worker || (int)read["stock"]! == (int)changed["stock"]!, "The worker that changed it does not show it.");
            }
        }

        return slowest;
    }

    private Task<ShopWorkers> WorkersAsync(TestRedis redis, int count, params (string Name, string Value)[] settings) =>
        WorkersAsync(shop, redis, count, settings);

    private static async Task<ShopWorkers> WorkersAsync(ShopApp shop, TestRedis redis, int count, (string Name, string Value)[] settings)
    {
        var all = redis.Settings;
        foreach (var (name, value) in settings)
        {
            all[name] = value;
        }

        return await ShopWorkers.StartAsync(await shop.Postgres.CreateDatabaseAsync($"own_{Guid.NewGuid():N}"), count, all);
    }

    private static async Task<string?> HitAsync(ShopWorkers workers, int worker)
    {
        using var anyone = workers.Anonymous(worker);
        using var answer = await anyone.GottenAsync(ListPath);
        Assert.Equal(200, (int)answer.StatusCode);
        return answer.Headers.GetValues(AnswerWriter.HitHeader).Single();
    }

    private static string[] Keys(ConnectionMultiplexer client) => [.. client.GetServers()[0].Keys().Select(key => key.ToString())];
}
