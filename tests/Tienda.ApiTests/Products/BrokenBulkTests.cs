using Tienda.ApiTests.Contract;
using Tienda.ApiTests.Orders;
using static Tienda.ApiTests.Products.BulkSteps;

namespace Tienda.ApiTests.Products;

/// <summary>PATCH /products/bulk when the database fails in the middle of it, and when it is sent again.</summary>
public sealed class BrokenBulkTests(ShopApp shop, CountedShop counted) : IClassFixture<CountedShop>
{
    // To its end: every transaction begins as READ COMMITTED.
    private const string CommitText = "COMMIT\0";

    private readonly string _word = Guid.NewGuid().ToString("N");

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Under_a_key_it_is_503_and_completed_when_it_is_sent_again()
    {
        await shop.Database.AddProductsAsync(_word, Portion + 1);
        var (key, late) = (Guid.NewGuid().ToString(), await shop.Database.ValueAsync<long>("SELECT max(id_key) + 1000000000 FROM products"));
        object ofLate = new { id_key = late, stock_change = 1 };
        object body = new { items = Changes(1, Portion - 1).Append(ofLate).Concat(Changes(Portion, 2)).Concat(Changes(1, 1)).Append(ofLate) };
        await BreakAtAsync(Portion + 1, () => shop.Http.KeyedAsync(body, key)).ShouldBeAsync(503);
        Assert.Equal(Portion - 1, await StocksAsync(11));
        // The first portion has not found it, and that is answered again; it is no change that counts before the one in the second.
        await using var add = shop.Database.CreateCommand(
            $"INSERT INTO products (id_key, name, price, stock) OVERRIDING SYSTEM VALUE VALUES ({late}, 'Late', 950, 10)");
        await add.ExecuteNonQueryAsync(Ct);

        using var completed = await shop.Http.KeyedAsync(body, key);
        using var again = await shop.Http.KeyedAsync(body, key);

        var answer = await completed.JsonAsync();
        Assert.Equal((Portion + 2, 2, 0), ((int)answer["changed"]!, (int)answer["refused"]!, (int)answer["unfinished"]!));
        Assert.Equal(
            ["not_found", "ok", "ok", "duplicate", "ok"], Items(answer).Skip(Portion - 1).Select(item => (string)item["outcome"]!));
        Assert.Equal((false, true), (completed.IsReplayed(), again.IsReplayed()));
        Assert.Equal(answer.ToJsonString(), (await again.JsonAsync()).ToJsonString());
        Assert.Equal(Portion + 1, await StocksAsync(11));
        Assert.Equal(11, await shop.Database.ValueAsync<int>($"DELETE FROM products WHERE id_key = {late} RETURNING stock"));
    }

    [Fact]
    public async Task Without_a_key_the_answer_tells_what_was_made_and_what_was_not()
    {
        await shop.Database.AddProductsAsync(_word, (2 * Portion) + 1);
        var (missing, ids) = (new { sku = "nobody has this", stock = 1 }, await IdsAsync());
        object[] items = [missing, .. ids.Select(id => new { id_key = id, stock_change = 1 })];

        var answer = await BreakAtAsync(Portion, () => shop.Http.PatchAsync(Route, new { items })).ShouldBeAsync(200);

        Assert.Equal((Portion - 1, 1, Portion + 2), ((int)answer["changed"]!, (int)answer["refused"]!, (int)answer["unfinished"]!));
        var rest = Items(answer)[Portion..];
        Assert.All(rest, item => Assert.Equal(("not_made", (string?)null), ((string)item["outcome"]!, (string?)item["etag"])));
        Assert.Equal(ids[(Portion - 1)..], rest.Select(item => item.Id()));
        Assert.Equal(Portion - 1, await StocksAsync(11));
        // What was not made can be sent again.
        var others = await shop.Http.PatchAsync(Route, new { items = items[Portion..] }).ShouldBeAsync(200);
        Assert.Equal((Portion + 2, 0), ((int)others["changed"]!, (int)others["unfinished"]!));
        Assert.Equal((2 * Portion) + 1, await StocksAsync(11));
    }

    [Fact]
    public async Task Without_a_key_it_is_503_as_long_as_nothing_was_made()
    {
        await shop.Database.AddProductsAsync(_word, 2);
        object[] items = [.. Enumerable.Repeat(new { sku = "nobody has this", stock = 1 }, Portion), .. Changes(1, 2)];

        await BreakAtAsync(2, () => shop.Http.PatchAsync(Route, new { items })).ShouldBeAsync(503);

        Assert.Equal(2, await StocksAsync(10));
    }

    [Fact]
    public async Task What_the_connection_broke_at_the_commit_of_is_in_doubt()
    {
        await shop.Database.AddProductsAsync(_word, Portion + 1);
        object[] items = [.. Changes(1, Portion + 1), .. Changes(1, 1)];

        var answer = await LoseCommitAsync(2, () => counted.Http.PatchAsync(Route, new { items })).ShouldBeAsync(200);

        Assert.Equal((Portion, 1, 1), ((int)answer["changed"]!, (int)answer["refused"]!, (int)answer["unfinished"]!));
        Assert.Equal(
            new (string, string?)[] { ("in_doubt", null), ("duplicate", null) },
            Items(answer)[Portion..].Select(item => ((string)item["outcome"]!, (string?)item["etag"])));
        // This one was made: only the answer was lost.
        Assert.Equal(Portion + 1, await StocksAsync(11));
    }

    [Fact]
    public async Task So_are_the_first_changes_or_whoever_repeats_them_counts_them_twice()
    {
        await shop.Database.AddProductsAsync(_word, Portion);
        object[] items = [new { sku = "nobody has this", stock = 1 }, .. Changes(1, Portion)];

        var answer = await LoseCommitAsync(1, () => counted.Http.PatchAsync(Route, new { items })).ShouldBeAsync(200);

        Assert.Equal((0, 1, Portion), ((int)answer["changed"]!, (int)answer["refused"]!, (int)answer["unfinished"]!));
        Assert.Equal(
            ["not_found", .. Enumerable.Repeat("in_doubt", Portion - 1), "not_made"],
            Items(answer).Select(item => (string)item["outcome"]!));
        Assert.All(Items(answer), item => Assert.Null(item["etag"]));
        // They were made: only the answer was lost.
        Assert.Equal(Portion - 1, await StocksAsync(11));
    }

    [Fact]
    public async Task Under_a_key_a_lost_commit_is_503_and_what_it_made_is_not_made_again()
    {
        await shop.Database.AddProductsAsync(_word, Portion + 1);
        var key = Guid.NewGuid().ToString();
        object body = new { items = Changes(1, Portion + 1) };
        await LoseCommitAsync(1, () => counted.Http.KeyedAsync(body, key)).ShouldBeAsync(503);
        Assert.Equal(Portion, await StocksAsync(11));

        var answer = await counted.Http.KeyedAsync(body, key).ShouldBeAsync(200);

        Assert.Equal((Portion + 1, 0), ((int)answer["changed"]!, (int)answer["unfinished"]!));
        Assert.Equal(Portion + 1, await StocksAsync(11));
    }

    [Theory]
    [InlineData("TRIGGER meets BEFORE UPDATE ON products FOR EACH STATEMENT")]
    [InlineData("CONSTRAINT TRIGGER meets AFTER UPDATE ON products DEFERRABLE INITIALLY DEFERRED FOR EACH ROW")]
    public async Task What_has_met_another_is_tried_again_as_if_for_the_first_time(string trigger)
    {
        await using var own = await OwnShop.OpenAsync(shop);
        await own.Database.AddProductsAsync(_word, 2);
        await own.Database.ExecuteAsync(
            "CREATE SEQUENCE attempts",
            """
            CREATE FUNCTION meet_another() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF nextval('attempts') = 1 THEN
                    RAISE EXCEPTION 'met another' USING ERRCODE = 'serialization_failure';
                END IF;
                RETURN NULL;
            END $$
            """,
            $"CREATE {trigger} EXECUTE FUNCTION meet_another()");

        var answer = await own.Http.PatchAsync(Route, new { items = Changes(1, 2).Concat(Changes(1, 1)) }).ShouldBeAsync(200);

        Assert.Equal(["ok", "ok", "duplicate"], Items(answer).Select(item => (string)item["outcome"]!));
        Assert.Equal(22, await own.Database.ValueAsync<long>($"SELECT sum(stock) FROM products WHERE sku LIKE '{_word}-%'"));
    }

    [Fact]
    public async Task A_product_that_nobody_gives_back_is_waited_for_no_longer_than_an_order_waits()
    {
        await shop.Database.AddProductsAsync(_word, 1);
        await using var held = await HoldAsync(1);

        var problem = await shop.Http.PatchAsync(Route, new { items = Changes(1, 1) }).ShouldBeAsync(503);

        // Not that the request has taken too long.
        Assert.Equal("The database cannot be reached or is overloaded.", (string?)problem["detail"]);
    }

    [Fact]
    public async Task What_takes_too_long_is_broken_off_as_well()
    {
        await using var own = await OwnShop.OpenAsync(shop, s => s with { PoolTimeoutSeconds = 1, DatabasePatienceSeconds = 1 });
        await own.Database.AddProductsAsync(_word, Portion + 1);
        await using var held = await own.HoldAsync($"SELECT FROM products WHERE sku = '{_word}-{Portion + 1}' FOR UPDATE");

        var answer = await own.Http.PatchAsync(Route, new { items = Changes(1, Portion + 1) }).ShouldBeAsync(200);

        Assert.Equal((Portion, 1), ((int)answer["changed"]!, (int)answer["unfinished"]!));
    }

    [Fact]
    public async Task A_repetition_under_a_key_waits_for_no_product()
    {
        await shop.Database.AddProductsAsync(_word, 1);
        var key = Guid.NewGuid().ToString();
        object body = new { items = Changes(1, 1) };
        var first = await shop.Http.KeyedAsync(body, key).ShouldBeAsync(200);
        await using var held = await HoldAsync(1);

        using var again = await shop.Http.KeyedAsync(body, key);

        Assert.True(again.IsReplayed());
        Assert.Equal(first.ToJsonString(), (await again.JsonAsync()).ToJsonString());
        await shop.Http.KeyedAsync(new { items = Changes(1, 1).Append(new { id_key = 1, stock = 1 }) }, key).ShouldBeAsync(422);
    }

    private IEnumerable<object> Changes(int first, int count) =>
        Enumerable.Range(first, count).Select(n => new { sku = $"{_word}-{n}", stock_change = 1 });

    private Task<HeldRow> HoldAsync(int number) => shop.Database.HoldAsync($"SELECT FROM products WHERE sku = '{_word}-{number}' FOR UPDATE");

    /// <summary>Sends a request, and breaks its connection to the database when it comes to a product.</summary>
    private async Task<HttpResponseMessage> BreakAtAsync(int number, Func<Task<HttpResponseMessage>> send)
    {
        await using var held = await HoldAsync(number);
        var sent = send();
        // It waits for a moment only, and tries again: an attempt that has just given up is not the one that is broken.
        while (!sent.IsCompleted)
        {
            await held.EndWaitingAsync();
            await Task.Delay(5, Ct);
        }

        return await sent;
    }

    /// <summary>Sends a request, and breaks its connection when a portion was committed, before the shop hears of it.</summary>
    private async Task<HttpResponseMessage> LoseCommitAsync(int portion, Func<Task<HttpResponseMessage>> send)
    {
        var commit = counted.Wire.HoldNext(CommitText);
        var sent = send();
        for (var before = 1; before < portion; before++)
        {
            await commit.Caught;
            var next = counted.Wire.HoldNext(CommitText);
            commit.Release();
            commit = next;
        }

        await commit.Caught;
        commit.Lose();
        return await sent;
    }

    private Task<long> StocksAsync(int stock) =>
        shop.Database.ValueAsync<long>($"SELECT count(*) FROM products WHERE sku LIKE '{_word}-%' AND stock = {stock}");

    private Task<long[]> IdsAsync() =>
        shop.Database.ValueAsync<long[]>($"SELECT array_agg(id_key ORDER BY id_key) FROM products WHERE sku LIKE '{_word}-%'");
}
