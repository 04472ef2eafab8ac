using System.Text.Json.Nodes;

namespace Tienda.ApiTests.OrderDetails;

public sealed class OrderDetailTests(ShopApp shop)
{
    private Given Given => shop.Given;

    [Fact]
    public async Task An_empty_order_is_filled_line_by_line()
    {
        var product = await Given.ProductAsync(stock: 10, price: 3m);
        var order = await OpenOrderAsync();

        using var response = await shop.Http.PostAsync("/order_details", new { order_id = order.Id(), product_id = product.Id(), quantity = 4 });
        var line = await shop.Http.GetJsonAsync(response.Headers.Location!.ToString());

        Assert.Equal("3.00", line["price"]!.ToJsonString());
        Assert.Equal("12.00", await TotalOfAsync(order));
        Assert.Equal(6, await StockOfAsync(product));
    }

    [Fact]
    public async Task A_changed_line_takes_or_gives_the_difference_at_its_old_price()
    {
        var product = await Given.ProductAsync(stock: 10, price: 3m);
        var line = await AddLineAsync(await OpenOrderAsync(), product, 4);
        await shop.Http.PatchAsync($"/products/{product.Id()}", new { price = 50 }).ShouldBeAsync(200);

        await shop.Http.PatchAsync($"/order_details/{line.Id()}", new { quantity = 7 }).ShouldBeAsync(200);
        Assert.Equal(3, await StockOfAsync(product));
        await shop.Http.PatchAsync($"/order_details/{line.Id()}", new { quantity = 11 }).ShouldBeAsync(409);
        Assert.Equal(3, await StockOfAsync(product));
        await shop.Http.PatchAsync($"/order_details/{line.Id()}", new { quantity = 1 }).ShouldBeAsync(200);

        Assert.Equal(9, await StockOfAsync(product));
        Assert.Equal("3.00", (await shop.Http.GetJsonAsync($"/orders/{line["order_id"]}"))["total"]!.ToJsonString());
    }

    [Fact]
    public async Task A_line_can_change_its_product()
    {
        var (before, after) = (await Given.ProductAsync(stock: 10, price: 3m), await Given.ProductAsync(stock: 10, price: 5m));
        var order = await OpenOrderAsync();
        var line = await AddLineAsync(order, before, 4);

        await shop.Http.PatchAsync($"/order_details/{line.Id()}", new { product_id = after.Id(), quantity = 2 }).ShouldBeAsync(200);

        Assert.Equal(10, await StockOfAsync(before));
        Assert.Equal(8, await StockOfAsync(after));
        Assert.Equal("10.00", await TotalOfAsync(order));
    }

    [Fact]
    public async Task A_removed_line_gives_its_stock_back()
    {
        var product = await Given.ProductAsync(stock: 10);
        var order = await OpenOrderAsync();
        var line = await AddLineAsync(order, product, 4);

        await shop.Http.DeleteAsync($"/order_details/{line.Id()}", TestContext.Current.CancellationToken).ShouldBeAsync(204);

        Assert.Equal(10, await StockOfAsync(product));
        Assert.Equal("0.00", await TotalOfAsync(order));
    }

    [Fact]
    public async Task Lines_of_a_billed_order_stand_until_the_bill_is_voided()
    {
        var product = await Given.ProductAsync();
        var order = await OpenOrderAsync();
        var line = await AddLineAsync(order, product, 1);
        var bill = await shop.Http.PostAsync("/bills", new { order_id = order.Id(), payment_type = 1 }).ShouldBeAsync(201);

        var refused = await shop.Http.PatchAsync($"/order_details/{line.Id()}", new { quantity = 2 }).ShouldBeAsync(409);
        await shop.Http.PostAsync("/order_details", new { order_id = order.Id(), product_id = product.Id(), quantity = 1 }).ShouldBeAsync(409);
        await shop.Http.PostAsync($"/bills/{bill.Id()}/void", new { }).ShouldBeAsync(200);
        await shop.Http.PatchAsync($"/order_details/{line.Id()}", new { quantity = 2 }).ShouldBeAsync(200);

        Assert.Equal("/errors/illegal-state", (string)refused["type"]!);
    }

    [Fact]
    public async Task Buyers_who_fill_their_orders_line_by_line_do_not_oversell()
    {
        var product = await Given.ProductAsync(stock: 10);
        var orders = await Task.WhenAll(Enumerable.Range(0, 25).Select(_ => OpenOrderAsync()));

        var answers = await Task.WhenAll(orders.Select(o =>
            shop.Http.PostAsync("/order_details", new { order_id = o.Id(), product_id = product.Id(), quantity = 1 })));

        Assert.Equal(10, answers.Count(a => (int)a.StatusCode == 201));
        Assert.Equal(15, answers.Count(a => (int)a.StatusCode == 409));
        Assert.Equal(0, await StockOfAsync(product));
    }

    [Fact]
    public async Task A_bill_and_a_line_that_meet_leave_a_bill_that_equals_its_order()
    {
        var product = await Given.ProductAsync(stock: 1000, price: 1m);
        for (var round = 0; round < 10; round++)
        {
            var order = await OpenOrderAsync();
            await AddLineAsync(order, product, 1);

            using var line = shop.Http.PostAsync("/order_details", new { order_id = order.Id(), product_id = product.Id(), quantity = 1 });
            var bill = await shop.Http.PostAsync("/bills", new { order_id = order.Id(), payment_type = 1 }).ShouldBeAsync(201);
            await line;

            Assert.Equal(await TotalOfAsync(order), bill["total"]!.ToJsonString());
        }
    }

    private async Task<JsonNode> OpenOrderAsync() => await shop.Http.PostAsync(
        "/orders", new { client_id = (await Given.ClientAsync()).Id(), delivery_method = 1 }).ShouldBeAsync(201);

    private Task<JsonNode> AddLineAsync(JsonNode order, JsonNode product, int quantity) => shop.Http.PostAsync(
        "/order_details", new { order_id = order.Id(), product_id = product.Id(), quantity }).ShouldBeAsync(201);

    private async Task<string> TotalOfAsync(JsonNode order) => (await shop.Http.GetJsonAsync($"/orders/{order.Id()}"))["total"]!.ToJsonString();

    private async Task<int> StockOfAsync(JsonNode product) => (int)(await shop.Http.GetJsonAsync($"/products/{product.Id()}"))["stock"]!;
}
