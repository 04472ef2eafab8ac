using System.Diagnostics;

namespace Tienda.ApiTests.Data;

/// <summary>What DB_POOL_* do, as the database server sees it.</summary>
public sealed class PoolTests(ShopApp shop)
{
    // The list of bills waits for this one, for as long as a request waits for a lock: five seconds.
    private const string HoldBills = "LOCK TABLE bills IN ACCESS EXCLUSIVE MODE";

    private const string Pids =
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'tienda' ORDER BY pid";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_is_open_beyond_the_size_closes_when_it_is_idle_and_the_others_stay()
    {
        await using var own = await OwnShop.OpenAsync(shop, s => s with { PoolSize = 3, PoolMaxOverflow = 5, PoolIdleSeconds = 1 });
        await FillAsync(own, 8);
        Assert.Equal(8, (await PidsAsync(own)).Count);

        await Eventually.HoldsAsync(async () => (await PidsAsync(own)).Count <= 3);

        var left = await PidsAsync(own);
        Assert.Equal(3, left.Count);
        // Three times the time after which the others went.
        for (var idle = Stopwatch.StartNew(); idle.Elapsed < TimeSpan.FromSeconds(4); await Task.Delay(200, Ct))
        {
            Assert.Equal(left, await PidsAsync(own));
        }
    }

    [Fact]
    public async Task Who_finds_the_pool_full_waits_for_as_long_as_is_set_and_is_told_when_to_come_back()
    {
        await using var own = await OwnShop.OpenAsync(shop, s => s with { PoolSize = 1, PoolMaxOverflow = 1, PoolTimeoutSeconds = 2 });
        List<Task<HttpResponseMessage>> served;
        await using (await own.HoldAsync(HoldBills))
        {
            served = [own.Http.GottenAsync("/bills"), own.Http.GottenAsync("/bills")];
            await Eventually.HoldsAsync(async () => (await PidsAsync(own)).Count == 2);

            var asked = Stopwatch.StartNew();
            using var answer = await own.Http.GottenAsync("/orders");
            Assert.Equal(503, (int)answer.StatusCode);
            Assert.InRange(asked.Elapsed.TotalSeconds, 1.9, 6);
            Assert.NotNull(answer.Headers.RetryAfter);
        }

        foreach (var request in served)
        {
            await request.ShouldBeAsync(200);
        }

        await own.Http.GottenAsync("/orders").ShouldBeAsync(200);
    }

    [Fact]
    public async Task A_connection_is_replaced_when_it_is_as_old_as_is_set()
    {
        await using var own = await OwnShop.OpenAsync(shop, s => s with { PoolRecycleSeconds = 2 });
        var age = Stopwatch.StartNew();
        await own.Http.GottenAsync("/orders").ShouldBeAsync(200);
        // And one more if something in the background asked at the same time.
        var first = await PidsAsync(own);
        Assert.NotEmpty(first);

        await Eventually.HoldsAsync(async () =>
        {
            await own.Http.GottenAsync("/orders").ShouldBeAsync(200);
            return !(await PidsAsync(own)).Intersect(first).Any();
        });

        Assert.InRange(age.Elapsed.TotalSeconds, 1.9, 4);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Connections_that_broke_in_the_pool_are_noticed_by_readers_only_without_pre_ping(bool prePing)
    {
        await using var own = await OwnShop.OpenAsync(shop, s => s with { PoolPrePing = prePing });
        await FillAsync(own, 6);
        await BreakAsync(own);

        var statuses = new List<int>();
        for (var i = 0; i < 12; i++)
        {
            using var answer = await own.Http.GottenAsync("/orders");
            statuses.Add((int)answer.StatusCode);
            Assert.Equal(answer.StatusCode is System.Net.HttpStatusCode.ServiceUnavailable, answer.Headers.RetryAfter is not null);
        }

        // The one who finds the first of them lets the driver throw all of them away.
        Assert.Equal(prePing ? [] : [503], statuses.Where(status => status != 200));
    }

    [Fact]
    public async Task Half_a_second_after_a_restart_those_who_write_notice_nothing_either()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        var (product, client) = (await own.Given.ProductAsync(stock: 50), (await own.Given.ClientAsync()).Id());
        await own.Given.OrderForAsync(client, (product, 1)).ShouldBeAsync(201);
        await FillAsync(own, 6);
        var before = await PidsAsync(own);
        await BreakAsync(own);

        // The reader of the log comes by, and shows on the server as a connection that was not there before.
        const string Readers = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'tienda-cache'";
        await Eventually.HoldsAsync(async () => await own.Database.ValueAsync<long>(Readers) == 1);
        await Task.Delay(TimeSpan.FromMilliseconds(100), Ct);

        await own.Given.OrderForAsync(client, (product, 1)).ShouldBeAsync(201);
        for (var i = 0; i < 8; i++)
        {
            await own.Http.PatchAsync($"/products/{product.Id()}", new { stock = 10 + i }).ShouldBeAsync(200);
        }

        Assert.Empty(before.Intersect(await PidsAsync(own)));
    }

    /// <summary>Has so many requests at the same time that the pool opens as many connections.</summary>
    private static async Task FillAsync(OwnShop own, int connections)
    {
        var requests = new List<Task<HttpResponseMessage>>();
        await using (await own.HoldAsync(HoldBills))
        {
            requests.AddRange(Enumerable.Range(0, connections).Select(_ => own.Http.GottenAsync("/bills")));
            await Eventually.HoldsAsync(async () => await own.Database.ValueAsync<long>(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()") == connections);
        }

        foreach (var request in requests)
        {
            await request.ShouldBeAsync(200);
        }
    }

    // As a restart does, but only to this database.
    private static async Task BreakAsync(OwnShop own)
    {
        await own.Database.ValueAsync<long>(
            """
            SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name IN ('tienda', 'tienda-orders', 'tienda-cache')
            """);
        await Eventually.HoldsAsync(async () => (await PidsAsync(own)).Count == 0);
    }

    private static async Task<List<int>> PidsAsync(OwnShop own)
    {
        await using var command = own.Database.CreateCommand(Pids);
        await using var reader = await command.ExecuteReaderAsync(Ct);
        var pids = new List<int>();
        while (await reader.ReadAsync(Ct))
        {
            pids.Add(reader.GetInt32(0));
        }

        return pids;
    }
}
