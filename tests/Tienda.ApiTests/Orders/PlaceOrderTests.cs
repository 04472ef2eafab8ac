using System.Text.Json.Nodes;

namespace Tienda.ApiTests.Orders;

public sealed class PlaceOrderTests(ShopApp shop)
{
    private Given Given => shop.Given;

    [Fact]
    public async Task An_order_takes_its_stock_and_freezes_its_prices()
    {
        var (plenty, other) = (await Given.ProductAsync(stock: 10, price: 9.50m), await Given.ProductAsync(stock: 5, price: 0.99m));
        var client = await Given.ClientAsync();
        var address = await Given.AddressAsync(client.Id());

        using var response = await shop.Http.PostAsync("/orders", new
        {
            client_id = client.Id(),
            address_id = address.Id(),
            delivery_method = 3,
            items = new[] { new { product_id = plenty.Id(), quantity = 2 }, new { product_id = other.Id(), quantity = 5 } },
        });
        await shop.Http.PatchAsync($"/products/{plenty.Id()}", new { price = 100 }).ShouldBeAsync(200);
        var order = await shop.Http.GetJsonAsync(response.Headers.Location!.ToString());

        Assert.Equal(201, (int)response.StatusCode);
        Assert.Equal("23.95", order["total"]!.ToJsonString());
        Assert.Equal(["9.50", "0.99"], order["items"]!.AsArray().Select(i => i!["price"]!.ToJsonString()));
        Assert.Equal(1, (int)order["status"]!);
        Assert.Equal(8, await StockOfAsync(plenty));
        Assert.Equal(0, await StockOfAsync(other));
    }

    [Fact]
    public async Task A_sale_writes_no_words_for_the_search()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        var (product, client) = (await own.Given.ProductAsync(stock: 2), await own.Given.ClientAsync());
        await own.Database.ValueAsync<int>(
            """
            CREATE OR REPLACE FUNCTION search_text(value text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS
                $$ BEGIN RAISE 'words are written'; END $$;
            SELECT 1
            """);
        using var renaming = await own.Http.PatchAsync($"/products/{product.Id()}", new { name = "Other" });
        Assert.False(renaming.IsSuccessStatusCode);

        await own.Given.OrderForAsync(client.Id(), (product, 1)).ShouldBeAsync(201);
        await own.Http.PatchAsync($"/products/{product.Id()}", new { stock_change = 1 }).ShouldBeAsync(200);
    }

    [Fact]
    public async Task What_is_short_is_named_and_nothing_is_taken()
    {
        var (plenty, scarce) = (await Given.ProductAsync(stock: 10), await Given.ProductAsync(stock: 1));

        var problem = await Given.OrderAsync((plenty, 1), (scarce, 2)).ShouldBeAsync(409);

        Assert.Equal("/errors/insufficient-stock", (string)problem["type"]!);
        Assert.Equal(
            $$"""[{"product_id":{{scarce.Id()}},"requested":2,"available":1}]""", problem["shortages"]!.ToJsonString());
        Assert.Equal(10, await StockOfAsync(plenty));
    }

    [Fact]
    public async Task The_same_product_on_two_lines_is_counted_together()
    {
        var product = await Given.ProductAsync(stock: 3);

        await Given.OrderAsync((product, 2), (product, 2)).ShouldBeAsync(409);
        var order = await Given.OrderAsync((product, 2), (product, 1)).ShouldBeAsync(201);

        Assert.Equal(2, order["items"]!.AsArray().Count);
        Assert.Equal(0, await StockOfAsync(product));
    }

    [Fact]
    public async Task Fifty_buyers_of_twenty_items_get_twenty_orders()
    {
        var product = await Given.ProductAsync(stock: 20);
        var client = await Given.ClientAsync();

        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Given.OrderForAsync(client.Id(), (product, 1))));

        Assert.Equal(20, answers.Count(a => (int)a.StatusCode == 201));
        Assert.Equal(30, answers.Count(a => (int)a.StatusCode == 409));
        Assert.Equal(0, await StockOfAsync(product));
    }

    [Fact]
    public async Task Orders_that_name_the_same_products_in_clashing_orders_do_not_deadlock()
    {
        var products = new[] { await Given.ProductAsync(stock: 1000), await Given.ProductAsync(stock: 1000), await Given.ProductAsync(stock: 1000) };
        var client = await Given.ClientAsync();

        var answers = await Task.WhenAll(Enumerable.Range(0, 60).Select(i => Given.OrderForAsync(
            client.Id(), (products[i % 3], 1), (products[(i + 1) % 3], 1), (products[(i + 2) % 3], 1))));

        Assert.All(answers, a => Assert.Equal(201, (int)a.StatusCode));
        foreach (var product in products)
        {
            Assert.Equal(940, await StockOfAsync(product));
        }
    }

    [Fact]
    public async Task With_a_payment_type_the_order_is_billed_at_once()
    {
        var product = await Given.ProductAsync(stock: 10, price: 10m);
        var client = await Given.ClientAsync();

        var order = await shop.Http.PostAsync("/orders", new
        {
            client_id = client.Id(),
            delivery_method = 1,
            payment_type = 2,
            discount = 2.5m,
            items = new[] { new { product_id = product.Id(), quantity = 3 } },
        }).ShouldBeAsync(201);
        var bill = await shop.Http.GetJsonAsync($"/bills/{order["bill_id"]}");

        Assert.Equal("27.50", bill["total"]!.ToJsonString());
        Assert.Equal(client.Id(), (long)bill["client_id"]!);
        Assert.Matches("^A-[0-9]{8}$", (string)bill["bill_number"]!);
    }

    [Fact]
    public async Task A_price_that_the_buyer_saw_must_still_hold()
    {
        var product = await Given.ProductAsync(price: 10m);
        var client = await Given.ClientAsync();
        object Order(decimal price) => new
        {
            client_id = client.Id(),
            delivery_method = 1,
            items = new[] { new { product_id = product.Id(), quantity = 1, price } },
        };

        var refused = await shop.Http.PostAsync("/orders", Order(9.99m)).ShouldBeAsync(409);
        await shop.Http.PostAsync("/orders", Order(10m)).ShouldBeAsync(201);

        Assert.Equal("/errors/price-mismatch", (string)refused["type"]!);
    }

    [Fact]
    public async Task An_inactive_product_cannot_be_ordered()
    {
        var product = await Given.ProductAsync();
        await shop.Http.PatchAsync($"/products/{product.Id()}", new { active = false }).ShouldBeAsync(200);

        var refused = await Given.OrderAsync((product, 1)).ShouldBeAsync(409);

        Assert.Equal("/errors/inactive-product", (string)refused["type"]!);
    }

    [Fact]
    public async Task Every_reference_to_nothing_is_named()
    {
        var product = await Given.ProductAsync();

        var problem = await shop.Http.PostAsync("/orders", new
        {
            client_id = long.MaxValue,
            delivery_method = 1,
            items = new[] { new { product_id = product.Id(), quantity = 1 }, new { product_id = long.MaxValue, quantity = 1 } },
        }).ShouldBeAsync(422);

        Assert.Equal(["client_id", "items[1].product_id"], Fields(problem));
        Assert.Equal(10, await StockOfAsync(product));
    }

    [Fact]
    public async Task Goods_go_only_to_an_address_of_the_buyer()
    {
        var (buyer, stranger) = (await Given.ClientAsync(), await Given.ClientAsync());
        var address = await Given.AddressAsync(stranger.Id());

        var problem = await shop.Http.PostAsync(
            "/orders", new { client_id = buyer.Id(), delivery_method = 3, address_id = address.Id() }).ShouldBeAsync(422);

        Assert.Equal(["address_id"], Fields(problem));
    }

    [Theory]
    [InlineData("""{"client_id":0,"delivery_method":9,"items":[]}""", "client_id", "delivery_method", "items")]
    [InlineData("""{"delivery_method":1,"items":[{"product_id":0,"quantity":0}]}""", "client_id", "items[0].product_id", "items[0].quantity")]
    [InlineData("""{"client_id":1,"delivery_method":1,"discount":1,"items":[{"product_id":1,"quantity":1}]}""", "discount")]
    [InlineData("""{"client_id":1,"delivery_method":1,"payment_type":1}""", "payment_type")]
    [InlineData("""{"client_id":1,"delivery_method":1,"items":[null]}""", "items")]
    [InlineData("""{"client_id":1,"delivery_method":1,"status":2}""", "status")]
    public async Task Every_wrong_value_is_named_at_once(string body, params string[] fields)
    {
        var problem = await shop.Http.PostAsync("/orders", JsonNode.Parse(body)!).ShouldBeAsync(422);

        Assert.Equal(fields.Order(), Fields(problem));
    }

    [Fact]
    public async Task A_discount_beyond_the_total_is_refused_and_takes_nothing()
    {
        var product = await Given.ProductAsync(price: 5m);
        var client = await Given.ClientAsync();

        var problem = await shop.Http.PostAsync("/orders", new
        {
            client_id = client.Id(),
            delivery_method = 1,
            payment_type = 1,
            discount = 5.01m,
            items = new[] { new { product_id = product.Id(), quantity = 1 } },
        }).ShouldBeAsync(422);

        Assert.Equal(["discount"], Fields(problem));
        Assert.Equal(10, await StockOfAsync(product));
    }

    [Fact]
    public async Task An_order_beyond_the_largest_total_is_refused()
    {
        var product = await Given.ProductAsync(stock: 1_000_000, price: 9999999999.99m);

        var problem = await Given.OrderAsync((product, 1_000_000)).ShouldBeAsync(422);

        Assert.Equal(["items"], Fields(problem));
    }

    [Fact]
    public async Task An_order_looks_at_its_products_alone_when_the_catalog_has_just_grown()
    {
        const int Come = 20_000;
        await using var own = await OwnShop.OpenAsync(shop);
        var (product, client) = (await own.Given.ProductAsync(stock: 100), (await own.Given.ClientAsync()).Id());
        await own.Database.ExecuteAsync("ANALYZE products");
        // Until every plan is one that is kept.
        for (var i = 0; i < 20; i++)
        {
            await own.Given.OrderForAsync(client, (product, 1)).ShouldBeAsync(201);
        }

        await own.Database.ExecuteAsync(
            $"INSERT INTO products (name, price, stock) SELECT 'Lamp ' || n, 100, 1 FROM generate_series(1, {Come}) AS n");
        var before = await EntriesAsync();

        await own.Given.OrderForAsync(client, (product, 1)).ShouldBeAsync(201);

        // What a connection has counted it tells when it has been idle for ten seconds.
        await Task.Delay(TimeSpan.FromSeconds(11), TestContext.Current.CancellationToken);
        Assert.InRange(await EntriesAsync() - before, 1, Come / 10);

        Task<long> EntriesAsync() => own.Database.ValueAsync<long>(
            "SELECT (sum(idx_tup_read) + (SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE relname = 'products'))::bigint "
            + "FROM pg_stat_user_indexes WHERE relname = 'products'");
    }

    private static IEnumerable<string> Fields(JsonNode problem) => problem["errors"]!.AsObject().Select(e => e.Key).Order();

    private async Task<int> StockOfAsync(JsonNode product) => (int)(await shop.Http.GetJsonAsync($"/products/{product.Id()}"))["stock"]!;
}
