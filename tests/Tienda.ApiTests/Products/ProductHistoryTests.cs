using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Tienda.ApiTests.Orders;
using Tienda.Demo;
using Tienda.Products;

namespace Tienda.ApiTests.Products;

/// <summary>GET /products/{id}/history: what became of a product's price and stock.</summary>
public sealed class ProductHistoryTests(ShopApp shop)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_tells_of_every_sale_cancellation_and_edit_who_and_why()
    {
        var (product, client) = (await shop.Given.ProductAsync(stock: 20), await shop.Given.ClientAsync());
        using var buyer = shop.SignedIn(client);
        var who = $"client:{client.Id()}";
        var order = await buyer.PostAsync("/orders", OrderSteps.OrderOf(client.Id(), (product.Id(), 2), (product.Id(), 3))).ShouldBeAsync(201);
        await shop.Http.PatchAsync($"/products/{product.Id()}", new { price = 12, stock_change = 5 }).ShouldBeAsync(200);
        await shop.Http.PatchAsync("/products/bulk", new { items = new[] { new { id_key = product.Id(), stock = 50 } } }).ShouldBeAsync(200);
        await buyer.PatchAsync($"/orders/{order.Id()}", new { status = 4 }).ShouldBeAsync(200);
        await shop.Http.PatchAsync($"/products/{product.Id()}", new { name = "Neither price nor stock" }).ShouldBeAsync(200);
        await shop.Database.ValueAsync<int>($"UPDATE products SET price = 1300 WHERE id_key = {product.Id()} RETURNING stock");

        var history = await HistoryAsync(product);

        Assert.Equal(
            new (string, long?, decimal?, decimal?, int?, int?)[]
            {
                ("sql", null, 12m, 13m, null, null),
                ("cancellation", order.Id(), null, null, 50, 55),
                ("bulk", null, null, null, 20, 50),
                ("edit", null, 9.5m, 12m, 15, 20),
                ("sale", order.Id(), null, null, 18, 15),
                ("sale", order.Id(), null, null, 20, 18),
            },
            history.Select(h => ((string)h["reason"]!, (long?)h["order_id"], (decimal?)h["old_price"], (decimal?)h["new_price"], (int?)h["old_stock"], (int?)h["new_stock"])));
        Assert.Equal([who, "api-key", "api-key", who, who], history.Skip(1).Select(h => (string)h["caller"]!));
        Assert.StartsWith("database:", (string)history[0]["caller"]!, StringComparison.Ordinal);
        Assert.Equal((string?)order["date"], (string?)history[^1]["date"]);
    }

    [Fact]
    public async Task What_a_file_has_changed_is_in_it_as_an_import()
    {
        var sku = ImportSteps.Prefix();
        var product = await shop.Http.PostAsync("/products", new { name = "Lamp", sku, price = 5, stock = 10 }).ShouldBeAsync(201);

        await shop.Http.ImportedAsync($"sku,price,stock\n{sku},6.50,12\n");
        await shop.Http.ImportedAsync($"sku,name\n{sku},Lantern\n");

        var told = Assert.Single(await HistoryAsync(product));
        Assert.Equal(("import", "api-key"), ((string)told["reason"]!, (string)told["caller"]!));
        Assert.Equal((5m, 6.5m, 10, 12), ((decimal)told["old_price"]!, (decimal)told["new_price"]!, (int)told["old_stock"]!, (int)told["new_stock"]!));
    }

    [Fact]
    public async Task It_stays_when_the_product_is_deleted()
    {
        var (changed, unchanged) = (await shop.Given.ProductAsync(stock: 10), await shop.Given.ProductAsync());
        await shop.Http.PatchAsync($"/products/{changed.Id()}", new { stock = 0 }).ShouldBeAsync(200);
        await shop.Http.DeletedAsync($"/products/{changed.Id()}").ShouldBeAsync(204);
        await shop.Http.DeletedAsync($"/products/{unchanged.Id()}").ShouldBeAsync(204);

        Assert.Equal([("edit", 10, 0)], (await HistoryAsync(changed)).Select(h => ((string)h["reason"]!, (int)h["old_stock"]!, (int)h["new_stock"]!)));
        await shop.Http.GottenAsync(PathOf(unchanged)).ShouldBeAsync(404);
    }

    [Fact]
    public async Task Lines_that_were_changed_or_removed_since_stay_in_it_as_they_were_sold()
    {
        var (product, other) = (await shop.Given.ProductAsync(stock: 20), await shop.Given.ProductAsync(stock: 20));
        var order = await shop.Given.OrderAsync((product, 1)).ShouldBeAsync(201);
        var line = await shop.Http.PostAsync("/order_details", new { order_id = order.Id(), product_id = product.Id(), quantity = 4 }).ShouldBeAsync(201);
        await shop.Http.PatchAsync($"/order_details/{line.Id()}", new { quantity = 6 }).ShouldBeAsync(200);
        await shop.Http.PatchAsync($"/order_details/{line.Id()}", new { product_id = other.Id() }).ShouldBeAsync(200);
        await shop.Http.DeletedAsync($"/order_details/{line.Id()}").ShouldBeAsync(204);
        await shop.Http.DeletedAsync($"/orders/{order.Id()}").ShouldBeAsync(204);

        Assert.Equal(
            [("order_deleted", 19, 20), ("line_change", 13, 19), ("line_change", 15, 13), ("sale", 19, 15), ("sale", 20, 19)],
            (await HistoryAsync(product)).Select(h => ((string)h["reason"]!, (int)h["old_stock"]!, (int)h["new_stock"]!)));
        Assert.Equal(
            [("line_change", 14, 20), ("line_change", 20, 14)],
            (await HistoryAsync(other)).Select(h => ((string)h["reason"]!, (int)h["old_stock"]!, (int)h["new_stock"]!)));
        Assert.All(await HistoryAsync(product), h => Assert.Equal(order.Id(), (long)h["order_id"]!));
    }

    [Fact]
    public async Task Whatever_is_done_at_the_same_time_it_leads_from_the_first_stock_to_the_present_one_without_a_gap()
    {
        var products = new[] { await shop.Given.ProductAsync(stock: 500), await shop.Given.ProductAsync(stock: 500) };
        var buyer = await shop.Given.ClientAsync();
        var (a, b) = (products[0].Id(), products[1].Id());

        await Task.WhenAll(Enumerable.Range(0, 5).Select(LaneAsync));

        foreach (var product in products)
        {
            var history = await HistoryAsync(product);
            var stocks = history.Where(h => h["old_stock"] is not null).ToList();
            Assert.Equal((int)(await shop.Http.GetJsonAsync($"/products/{product.Id()}"))["stock"]!, (int)stocks[0]["new_stock"]!);
            Assert.Equal(500, (int)stocks[^1]["old_stock"]!);
            Assert.Equal(stocks.SkipLast(1).Select(h => (int)h["old_stock"]!), stocks.Skip(1).Select(h => (int)h["new_stock"]!));
            Assert.Equal(history.Count.ToString(CultureInfo.InvariantCulture), await CountAsync(product, "exact"));
            Assert.Equal(history.Count.ToString(CultureInfo.InvariantCulture), await CountAsync(product, "estimate"));
        }

        async Task LaneAsync(int lane)
        {
            for (var n = 0; n < 8; n++)
            {
                var order = await shop.Http.PostAsync("/orders", OrderSteps.OrderOf(buyer.Id(), (a, 2), (b, 1), (a, 1))).ShouldBeAsync(201);
                var line = order["items"]![0]!.Id();
                await (((lane + n) % 5) switch
                {
                    0 => shop.Http.PatchAsync($"/orders/{order.Id()}", new { status = 4 }),
                    1 => shop.Http.PatchAsync($"/order_details/{line}", new { quantity = 3 }),
                    2 => shop.Http.PatchAsync($"/order_details/{line}", new { product_id = b }),
                    3 => shop.Http.PatchAsync("/products/bulk", new { items = new[] { new { id_key = b, stock_change = 1 }, new { id_key = a, stock_change = 2 } } }),
                    _ => shop.Http.PatchAsync($"/products/{a}", new { stock_change = 3 }),
                }).ShouldBeAsync(200);
            }
        }
    }

    [Fact]
    public async Task It_is_read_page_by_page_also_while_more_happens()
    {
        var product = await shop.Given.ProductAsync(stock: 100);
        for (var n = 0; n < 4; n++)
        {
            await shop.Given.OrderAsync((product, 1), (product, 1)).ShouldBeAsync(201);
            await shop.Http.PatchAsync($"/products/{product.Id()}", new { stock_change = 1 }).ShouldBeAsync(200);
            await shop.Http.PatchAsync($"/products/{product.Id()}", new { price = 2 + n }).ShouldBeAsync(200);
        }

        var whole = await HistoryAsync(product);
        Assert.Equal(16, whole.Count);
        foreach (var limit in new[] { 1, 2, 3, 5 })
        {
            Assert.Equal(Texts(whole), Texts(await shop.Http.EveryPageAsync($"{PathOf(product)}?limit={limit}")));
        }

        Assert.Equal(Texts(whole.Skip(5).Take(4)), Texts((await shop.Http.GetJsonAsync($"{PathOf(product)}?skip=5&limit=4")).AsArray()));
        using var first = await shop.Http.GottenAsync($"{PathOf(product)}?limit=7");
        await shop.Given.OrderAsync((product, 1)).ShouldBeAsync(201);
        var next = first.Headers.GetValues("Link").Single().Split('<', '>')[1];
        Assert.Equal(Texts(whole.Skip(7).Take(7)), Texts((await shop.Http.GetJsonAsync(next)).AsArray()));

        static IEnumerable<string> Texts(IEnumerable<JsonNode?> records) => records.Select(record => record!.ToJsonString());
    }

    [Fact]
    public async Task A_cursor_of_another_list_is_refused_and_what_is_not_there_has_none()
    {
        var product = await shop.Given.ProductAsync();
        await shop.Http.GottenAsync($"{PathOf(product)}?after={new Tienda.Http.Cursor(5)}").ShouldBeAsync(422);
        await shop.Http.GottenAsync($"/products/{long.MaxValue}/history").ShouldBeAsync(404);
        Assert.Empty(await HistoryAsync(product));
    }

    [Fact]
    public async Task Edits_leave_it_when_their_time_is_over_and_sales_stay()
    {
        await using var own = await OwnShop.OpenAsync(shop, settings => settings with { ProductHistoryDays = 30 });
        var product = await own.Given.ProductAsync();
        await own.Given.OrderAsync((product, 1)).ShouldBeAsync(201);
        await own.Http.PatchAsync($"/products/{product.Id()}", new { price = 1 }).ShouldBeAsync(200);
        await own.Http.PatchAsync($"/products/{product.Id()}", new { price = 2 }).ShouldBeAsync(200);
        await own.Database.ValueAsync<long>(
            "UPDATE product_changes SET written_at = now() - interval '31 days' WHERE new_price = 100 RETURNING id_key");

        Assert.Equal(1, await own.App.Services.GetRequiredService<ProductHistoryStore>().ForgetAsync(Ct));

        Assert.Equal(
            ["edit", "sale"], (await own.Http.GetJsonAsync(PathOf(product))).AsArray().Select(h => (string)h!["reason"]!));
        // What stays was not even locked.
        Assert.Equal(0, await own.Database.ValueAsync<long>("SELECT count(*) FROM product_changes WHERE xmax::text <> '0'"));
    }

    [Fact]
    public async Task A_sale_of_long_ago_whose_line_changes_today_is_kept_as_long_as_that_change()
    {
        await using var own = await OwnShop.OpenAsync(shop, settings => settings with { ProductHistoryDays = 30 });
        var history = own.App.Services.GetRequiredService<ProductHistoryStore>();
        var product = await own.Given.ProductAsync(stock: 10);
        var order = await own.Given.OrderAsync((product, 1)).ShouldBeAsync(201);
        await using (var age = own.Database.CreateCommand(
            "BEGIN; SET LOCAL session_replication_role = replica; UPDATE order_events SET date = now() - interval '40 days'; COMMIT"))
        {
            await age.ExecuteNonQueryAsync(Ct);
        }

        await own.Http.PatchAsync($"/order_details/{order["items"]![0]!.Id()}", new { quantity = 3 }).ShouldBeAsync(200);

        Assert.Equal(0, await history.ForgetAsync(Ct));
        var told = (await own.Http.GetJsonAsync(PathOf(product))).AsArray();
        Assert.Equal([("line_change", 9, 7), ("sale", 10, 9)], told.Select(h => ((string)h!["reason"]!, (int)h["old_stock"]!, (int)h["new_stock"]!)));
        Assert.True((DateTime)told[1]!["date"]! < ((DateTime)order["date"]!).AddDays(-39), told.ToJsonString());
        await own.Database.ValueAsync<long>("UPDATE product_changes SET written_at = now() - interval '31 days' RETURNING id_key");
        Assert.Equal(2, await history.ForgetAsync(Ct));
        Assert.Empty((await own.Http.GetJsonAsync(PathOf(product))).AsArray());
    }

    [Fact]
    public async Task A_page_of_a_product_with_many_sales_looks_at_no_more_than_it_shows()
    {
        var name = $"history_{Guid.NewGuid():N}";
        var server = await shop.Postgres.CreateDatabaseAsync(name);
        await PlanLog.BeginAsync(shop.Database, name);
        await using var own = await OwnShop.OpenAsync(server);
        var (product, other) = (await own.Given.ProductAsync(), await own.Given.ProductAsync());
        // Lines that tell nothing, as the demonstration has them, and what it does about them.
        await using (var invent = own.Database.CreateCommand(
            $"""
            SET auto_explain.log_min_duration = -1;
            SET session_replication_role = replica;
            INSERT INTO order_details (order_id, product_id, price, quantity) SELECT 1, {product.Id()}, 100, 1 FROM generate_series(1, 50000);
            RESET session_replication_role;
            """))
        {
            await invent.ExecuteNonQueryAsync(Ct);
        }

        await DemoData.SeedAsync(own.Database, new DemoSizes(5, 1, 1), progress: null, Ct);
        var order = await own.Given.OrderAsync((product, 1)).ShouldBeAsync(201);
        // What was sold last is another product.
        await using (var fill = own.Database.CreateCommand(
            $"""
            SET auto_explain.log_min_duration = -1;
            SET session_replication_role = replica;
            INSERT INTO order_details (order_id, product_id, price, quantity, stock_after)
            SELECT {order.Id()}, CASE WHEN n > 60000 THEN {other.Id()} ELSE {product.Id()} END, 100, 1, n FROM generate_series(1, 100000) AS n;
            INSERT INTO product_changes (product_id, line_id, caller, reason, old_price, new_price)
            SELECT {product.Id()}, n, 'api-key', 'edit', n, n + 1 FROM generate_series(1, 50000) AS n;
            ANALYZE order_details, product_changes;
            """))
        {
            await fill.ExecuteNonQueryAsync(Ct);
        }

        var plans = new PlanLog(shop.Postgres);
        var path = $"{PathOf(product)}?limit=20";
        for (var page = 0; page < 9; page++)
        {
            // The last page is the first sale and what was invented before it.
            path = page == 8 ? $"{PathOf(product)}?limit=20&after={new Tienda.Http.Cursor(order["items"]![0]!.Id() + 20, "history", "0")}" : path;
            plans.Take("ProductHistoryStore.AddPage");
            using var answer = await own.Http.GottenAsync(page == 4 ? path + "&skip=1000" : path);
            Assert.Equal(20, (await answer.JsonAsync()).AsArray().Count);
            path = answer.Headers.GetValues("Link").Single().Split('<', '>')[1];

            var plan = Assert.Single(plans.Take("ProductHistoryStore.AddPage"));
            var most = page == 4 ? 1021 : 21;
            Assert.True(plan.Visited("order_details") <= most && plan.Visited("product_changes") <= most, plan.ToString());
            Assert.True(plan.Sorted <= 2 * most, plan.ToString());
        }
    }

    private static string PathOf(JsonNode product) => $"/products/{product.Id()}/history";

    private Task<List<JsonNode>> HistoryAsync(JsonNode product) => shop.Http.EveryPageAsync($"{PathOf(product)}?limit=1000");

    private async Task<string> CountAsync(JsonNode product, string how)
    {
        using var answer = await shop.Http.GottenAsync($"{PathOf(product)}?limit=1&count={how}");
        return answer.Headers.GetValues("X-Total-Count").Single();
    }
}
