using System.Diagnostics;
using System.Text.Json.Nodes;
using Tienda.ApiTests.Contract;
using Tienda.ApiTests.Orders;
using static Tienda.ApiTests.Products.BulkSteps;

namespace Tienda.ApiTests.Products;

/// <summary>PATCH /products/bulk: many changes in one request, each decided on its own.</summary>
public sealed class ProductBulkTests(ShopApp shop, CountedShop counted) : IClassFixture<CountedShop>
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_change_has_its_outcome_in_the_order_in_which_it_was_sent()
    {
        var (one, two, three) = (await ProductAsync(), await ProductAsync(), await ProductAsync(stock: 3));
        var etag = await EtagAsync(two);

        var answer = await EditAsync(
            new { id_key = one.Id(), stock = 7, price = 1.25m },
            new { id_key = long.MaxValue, stock = 1 },
            new { sku = (string)two["sku"]!, stock_change = 5, if_match = etag },
            new { sku = "nobody has this", price = 1 },
            new { id_key = three.Id(), stock_change = -4 },
            new { sku = (string)one["sku"]!, stock = 1 },
            new { id_key = three.Id(), price = 2 }).ShouldBeAsync(200);

        Assert.Equal(
            new (long?, string)[]
            {
                (one.Id(), "ok"), (long.MaxValue, "not_found"), (two.Id(), "ok"), (null, "not_found"), (three.Id(), "invalid"),
                (one.Id(), "duplicate"), (three.Id(), "duplicate"),
            },
            Items(answer).Select(item => ((long?)item["id_key"], (string)item["outcome"]!)));
        Assert.Equal((2, 5), ((int)answer["changed"]!, (int)answer["refused"]!));
        Assert.Equal("stock_change", (string?)Items(answer)[4]["field"]);
        Assert.Equal("would bring the stock of 3 below 0", (string?)Items(answer)[4]["message"]);
        Assert.Equal((7, 1.25m), await StockAndPriceAsync(one));
        Assert.Equal((15, 9.5m), await StockAndPriceAsync(two));
        Assert.Equal((3, 9.5m), await StockAndPriceAsync(three));
        Assert.Equal(await EtagAsync(one), (string?)Items(answer)[0]["etag"]);
        Assert.Equal(await EtagAsync(two), (string?)Items(answer)[2]["etag"]);
    }

    [Fact]
    public async Task A_change_with_an_etag_is_made_only_if_the_product_is_still_that_one()
    {
        var product = await ProductAsync();
        var old = await EtagAsync(product);
        await shop.Given.OrderAsync((product, 1)).ShouldBeAsync(201);

        foreach (var (condition, outcome) in new[] { (old, "precondition_failed"), ("W/" + old, "precondition_failed"), ("x", "precondition_failed"), ("*", "ok") })
        {
            Assert.Equal(outcome, await OutcomeAsync(new { id_key = product.Id(), stock_change = 1, if_match = condition }));
        }

        // What one change answers is what the next one may name.
        var first = await EditAsync(new { id_key = product.Id(), price = 3 }).ShouldBeAsync(200);
        Assert.Equal("ok", await OutcomeAsync(new { id_key = product.Id(), price = 4, if_match = (string)Items(first)[0]["etag"]! }));
        Assert.Equal((10, 4m), await StockAndPriceAsync(product));
    }

    [Fact]
    public async Task Of_many_who_have_read_the_same_one_changes_it()
    {
        var product = await ProductAsync();
        var etag = await EtagAsync(product);

        var outcomes = await Task.WhenAll(Enumerable.Range(1, 8).Select(n => OutcomeAsync(new { id_key = product.Id(), stock = n, if_match = etag })));

        Assert.Equal(1, outcomes.Count(outcome => outcome == "ok"));
        Assert.Equal(7, outcomes.Count(outcome => outcome == "precondition_failed"));
    }

    [Fact]
    public async Task Stock_is_never_negative_however_many_take_from_it()
    {
        var product = await ProductAsync(stock: 5);

        var outcomes = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => OutcomeAsync(new { id_key = product.Id(), stock_change = -1 })));

        Assert.Equal(5, outcomes.Count(outcome => outcome == "ok"));
        Assert.Equal(7, outcomes.Count(outcome => outcome == "invalid"));
        Assert.Equal((0, 9.5m), await StockAndPriceAsync(product));
    }

    [Fact]
    public async Task Who_reads_from_the_cache_sees_it_at_once()
    {
        var category = await shop.Given.CategoryAsync();
        var product = await shop.Given.ProductAsync(stock: 0, price: 50, categoryId: category.Id());
        var lists = new[] { $"/products?category_id={category.Id()}&max_price=10", $"/products?category_id={category.Id()}&in_stock=true" };
        foreach (var list in lists)
        {
            Assert.Empty((await shop.Anonymous.GetJsonAsync(list)).AsArray());
        }

        await shop.Anonymous.GetJsonAsync($"/products/{product.Id()}");
        await EditAsync(new { id_key = product.Id(), stock_change = 3, price = 5 }).ShouldBeAsync(200);

        Assert.Equal(3, (int)(await shop.Anonymous.GetJsonAsync($"/products/{product.Id()}"))["stock"]!);
        foreach (var list in lists)
        {
            Assert.Equal([product.Id()], (await shop.Anonymous.GetJsonAsync(list)).AsArray().Select(found => found!.Id()));
        }
    }

    [Fact]
    public async Task Ten_thousand_are_changed_in_a_few_round_trips()
    {
        const int Count = 10_000;
        var word = Guid.NewGuid().ToString("N");
        await shop.Database.AddProductsAsync(word, Count);
        var edits = Enumerable.Range(1, Count)
            .Select(n => new { sku = $"{word}-{n}", stock_change = n, price = 1m + (n / 100m), if_match = "*, \"an ETag of which nobody knows\"" }).ToArray();

        using var response = await counted.Http.PatchAsync(Route, new { items = edits });

        Assert.Equal(Count, (int)(await response.JsonAsync())["changed"]!);
        var logged = await counted.Log.LinesWithAsync($"\"request_id\":\"{response.Headers.GetValues("X-Request-ID").Single()}\"");
        Assert.Equal(3 * Count / Portion, (int)JsonNode.Parse(logged[0])!["db_round_trips"]!);
        Assert.Equal(Count, await shop.Database.ValueAsync<long>(
            $"""
            SELECT count(*) FROM products
            WHERE sku LIKE '{word}-%' AND stock = 10 + split_part(sku, '-', 2)::integer AND price = 100 + split_part(sku, '-', 2)::integer
            """));
        // Others need not page through them.
        await using var tidy = shop.Database.CreateCommand($"DELETE FROM products WHERE sku LIKE '{word}-%'");
        await tidy.ExecuteNonQueryAsync(Ct);
    }

    [Fact]
    public async Task Orders_and_changes_in_any_sequence_go_on_beside_each_other()
    {
        const int Rounds = 12;
        var products = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => ProductAsync(stock: 1000)));
        var buyer = await shop.Given.ClientAsync();

        var orders = Enumerable.Range(0, 3).Select(lane => TimesAsync(Rounds, n => shop.Http.PostAsync(
            "/orders", OrderSteps.OrderOf(buyer.Id(), [.. Turned(products, lane + n).Take(3).Select(p => (p.Id(), 1))])).ShouldBeAsync(201)));
        var edits = Enumerable.Range(0, 3).Select(lane => TimesAsync(Rounds, async n =>
        {
            var answer = await EditAsync([.. Turned(products, lane + n).Select(p => new { id_key = p.Id(), stock_change = 2, price = 2 + n })]).ShouldBeAsync(200);
            Assert.Equal(products.Length, (int)answer["changed"]!);
        }));
        await Task.WhenAll(orders.Concat(edits));

        var stocks = await Task.WhenAll(products.Select(async p => (await StockAndPriceAsync(p)).Stock));
        Assert.Equal((1000 * products.Length) + (3 * Rounds * 2 * products.Length) - (3 * Rounds * 3), stocks.Sum());
    }

    [Fact]
    public async Task While_it_waits_for_a_product_that_somebody_holds_the_others_are_sold()
    {
        const int Count = 200;
        var (word, buyer) = (Guid.NewGuid().ToString("N"), await shop.Given.ClientAsync());
        await shop.Database.AddProductsAsync(word, Count);
        var first = await shop.Database.ValueAsync<long>($"SELECT min(id_key) FROM products WHERE sku LIKE '{word}-%'");
        var (held, sold) = (await shop.Database.HoldAsync($"SELECT FROM products WHERE sku = '{word}-{Count}' FOR UPDATE"), 0);
        var edit = EditAsync([.. Enumerable.Range(1, Count).Select(n => new { sku = $"{word}-{n}", stock_change = 1 })]);
        for (var since = Stopwatch.StartNew(); since.Elapsed < TimeSpan.FromSeconds(3); sold++)
        {
            // Each order comes when the edit has locked its product.
            await held.WaitedForAsync(1);
            var order = shop.Http.PostAsync("/orders", OrderSteps.OrderOf(buyer.Id(), (first, 1)));
            await order.WaitAsync(TimeSpan.FromSeconds(1), Ct).ShouldBeAsync(201);
        }

        Assert.False(edit.IsCompleted);
        await held.DisposeAsync();

        Assert.Equal(Count, (int)(await edit.ShouldBeAsync(200))["changed"]!);
        Assert.Equal((11L * Count) - sold, await shop.Database.ValueAsync<long>($"SELECT sum(stock) FROM products WHERE sku LIKE '{word}-%'"));
    }

    [Fact]
    public async Task Under_a_key_it_is_done_once_and_answered_as_it_was_first()
    {
        var (product, key) = (await ProductAsync(), Guid.NewGuid().ToString());
        object body = new { items = new[] { new { id_key = product.Id(), stock_change = 1 } } };

        var answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => shop.Http.KeyedAsync(body, key)));

        Assert.All(answers, answer => Assert.Equal(200, (int)answer.StatusCode));
        Assert.Equal(3, answers.Count(answer => answer.IsReplayed()));
        Assert.Single((await Task.WhenAll(answers.Select(async answer => (await answer.JsonAsync()).ToJsonString()))).Distinct());
        Assert.Equal((11, 9.5m), await StockAndPriceAsync(product));
        var problem = await shop.Http.KeyedAsync(new { items = new[] { new { id_key = product.Id(), stock_change = 2 } } }, key).ShouldBeAsync(422);
        Assert.Equal("/errors/idempotency-key-reused", (string?)problem["type"]);
        Assert.Equal((11, 9.5m), await StockAndPriceAsync(product));
    }

    [Theory]
    [InlineData("""{"id_key":1,"price":0}""", "price")]
    [InlineData("""{"id_key":1,"price":1.001}""", "price")]
    [InlineData("""{"id_key":1,"stock":-1}""", "stock")]
    [InlineData("""{"id_key":1,"stock":1,"stock_change":1}""", "stock_change")]
    [InlineData("""{"id_key":1}""", "stock")]
    [InlineData("""{"id_key":1,"price":null}""", "stock")]
    [InlineData("""{"stock":1}""", "id_key")]
    [InlineData("""{"id_key":1,"sku":"a","stock":1}""", "id_key")]
    [InlineData("""{"id_key":0,"stock":1}""", "id_key")]
    [InlineData("""{"sku":"","stock":1}""", "sku")]
    [InlineData("""{"id_key":1,"stock":1,"if_match":""}""", "if_match")]
    public async Task What_has_no_right_form_is_named_by_its_place_and_nothing_is_changed(string item, string field)
    {
        var product = await ProductAsync();

        var problem = await EditAsync(
            new { id_key = product.Id(), stock = 1 }, new { id_key = product.Id(), stock = 1 }, new { id_key = product.Id(), stock = 1 }, JsonNode.Parse(item)!).ShouldBeAsync(422);

        Assert.Equal([$"items[3].{field}"], problem.Errors().Keys);
        Assert.Equal((10, 9.5m), await StockAndPriceAsync(product));
    }

    [Fact]
    public async Task A_change_that_is_null_is_none()
    {
        var problem = await EditAsync([null!]).ShouldBeAsync(422);

        Assert.Equal(["items"], problem.Errors().Keys);
    }

    [Fact]
    public async Task What_is_so_already_is_not_written()
    {
        var (product, other) = (await ProductAsync(), await ProductAsync());
        var etag = await EtagAsync(product);

        var answer = await EditAsync(
            new { id_key = product.Id(), stock = 10, price = 9.5m, if_match = etag }, new { id_key = other.Id(), stock = 10, price = 9 }).ShouldBeAsync(200);

        Assert.Equal(["ok", "ok"], Items(answer).Select(item => (string)item["outcome"]!));
        Assert.Equal([etag, await EtagAsync(other)], Items(answer).Select(item => (string)item["etag"]!));
        Assert.Equal(etag, await EtagAsync(product));
        Assert.Equal(0, await shop.Database.ValueAsync<long>($"SELECT count(*) FROM product_changes WHERE product_id = {product.Id()}"));
    }

    [Fact]
    public async Task More_than_ten_thousand_are_too_many()
    {
        var problem = await EditAsync([.. Enumerable.Repeat(new { id_key = 1, stock = 1 }, 10_001)]).ShouldBeAsync(422);

        Assert.Equal(["items"], problem.Errors().Keys);
    }

    private static IEnumerable<JsonNode> Turned(JsonNode[] products, int by) =>
        by % 2 == 0 ? products.Skip(by % products.Length).Concat(products.Take(by % products.Length)) : Enumerable.Reverse(products);

    private static async Task TimesAsync(int times, Func<int, Task> act)
    {
        for (var n = 0; n < times; n++)
        {
            await act(n);
        }
    }

    private Task<JsonNode> ProductAsync(int stock = 10) => shop.Http.PostAsync(
        "/products", new { name = Given.Unique("Product"), sku = Given.Unique("sku"), price = 9.5m, stock }).ShouldBeAsync(201);

    private Task<HttpResponseMessage> EditAsync(params object[] items) => shop.Http.PatchAsync(Route, new { items });

    private async Task<string> OutcomeAsync(object item) => (string)Items(await EditAsync(item).ShouldBeAsync(200))[0]["outcome"]!;

    private async Task<(int Stock, decimal Price)> StockAndPriceAsync(JsonNode product)
    {
        var now = await shop.Http.GetJsonAsync($"/products/{product.Id()}");
        return ((int)now["stock"]!, (decimal)now["price"]!);
    }

    private async Task<string> EtagAsync(JsonNode product)
    {
        using var answer = await shop.Http.GottenAsync($"/products/{product.Id()}");
        return answer.Headers.ETag!.ToString();
    }
}
