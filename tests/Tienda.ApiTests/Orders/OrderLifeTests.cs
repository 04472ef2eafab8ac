using System.Text.Json.Nodes;
using Tienda.Data;

namespace Tienda.ApiTests.Orders;

public sealed class OrderLifeTests(ShopApp shop)
{
    private Given Given => shop.Given;

    [Theory]
    [InlineData("1>2>3", 200)]
    [InlineData("1>4", 200)]
    [InlineData("1>2>4", 200)]
    [InlineData("1>1", 200)]
    [InlineData("1>2>2", 200)]
    [InlineData("1>4>4", 200)]
    [InlineData("1>3", 409)]
    [InlineData("1>2>1", 409)]
    [InlineData("1>2>3>4", 409)]
    [InlineData("1>4>1", 409)]
    [InlineData("1>4>2", 409)]
    public async Task States_change_only_along_their_way(string way, int last)
    {
        var order = await Given.OrderAsync((await Given.ProductAsync(), 1)).ShouldBeAsync(201);
        var steps = way.Split('>').Skip(1).Select(int.Parse).ToList();

        for (var i = 0; i < steps.Count; i++)
        {
            await shop.Http.PatchAsync($"/orders/{order.Id()}", new { status = steps[i] }).ShouldBeAsync(i == steps.Count - 1 ? last : 200);
        }
    }

    [Fact]
    public async Task Canceling_does_not_wait_for_whoever_holds_the_client()
    {
        var (product, client) = (await shop.Given.ProductAsync(), await shop.Given.ClientAsync());
        var order = await shop.Given.OrderForAsync(client.Id(), (product, 2)).ShouldBeAsync(201);
        await using var connection = await shop.Database.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var erasure = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await using var batch = connection.CreateBatch();
        batch.Then("SELECT FROM clients WHERE id_key = $1 FOR UPDATE").With(client.Id());
        await batch.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);

        // An erasure goes on to the products, which a cancellation holds.
        await shop.Http.PatchAsync($"/orders/{order.Id()}", new { status = 4 }).ShouldBeAsync(200);
    }

    [Fact]
    public async Task Twenty_cancellations_give_the_stock_back_once()
    {
        var product = await Given.ProductAsync(stock: 10);
        var order = await Given.OrderAsync((product, 4)).ShouldBeAsync(201);

        var answers = await Task.WhenAll(
            Enumerable.Range(0, 20).Select(_ => shop.Http.PatchAsync($"/orders/{order.Id()}", new { status = 4 }).ShouldBeAsync(200)));

        Assert.All(answers, a => Assert.Equal(4, (int)a["status"]!));
        Assert.Equal(10, await StockOfAsync(product));
    }

    [Fact]
    public async Task Canceling_voids_the_bill()
    {
        var order = await Given.OrderAsync((await Given.ProductAsync(), 1)).ShouldBeAsync(201);
        var bill = await shop.Http.PostAsync("/bills", new { order_id = order.Id(), payment_type = 1 }).ShouldBeAsync(201);

        var canceled = await shop.Http.PatchAsync($"/orders/{order.Id()}", new { status = 4 }).ShouldBeAsync(200);
        bill = await shop.Http.GetJsonAsync($"/bills/{bill.Id()}");

        Assert.Null(canceled["bill_id"]);
        Assert.NotNull(bill["voided_at"]);
    }

    [Fact]
    public async Task What_was_read_can_be_sent_back()
    {
        var order = await Given.OrderAsync((await Given.ProductAsync(), 1)).ShouldBeAsync(201);

        var same = await shop.Http.PutJsonAsync($"/orders/{order.Id()}", order).ShouldBeAsync(200);

        Assert.Equal(order.ToJsonString(), same.ToJsonString());
    }

    [Fact]
    public async Task The_client_of_an_order_cannot_be_changed()
    {
        var order = await Given.OrderAsync((await Given.ProductAsync(), 1)).ShouldBeAsync(201);
        var other = await Given.ClientAsync();

        var problem = await shop.Http.PatchAsync($"/orders/{order.Id()}", new { client_id = other.Id() }).ShouldBeAsync(422);

        Assert.NotNull(problem["errors"]!["client_id"]);
    }

    [Fact]
    public async Task The_delivery_changes_until_the_order_is_delivered()
    {
        var order = await Given.OrderAsync((await Given.ProductAsync(), 1)).ShouldBeAsync(201);
        var address = await Given.AddressAsync((long)order["client_id"]!);

        var moved = await shop.Http.PatchAsync($"/orders/{order.Id()}", new { address_id = address.Id(), status = 2 }).ShouldBeAsync(200);
        await shop.Http.PatchAsync($"/orders/{order.Id()}", new { status = 3 }).ShouldBeAsync(200);
        await shop.Http.PatchAsync($"/orders/{order.Id()}", new { address_id = (long?)null }).ShouldBeAsync(409);

        Assert.Equal(address.Id(), (long)moved["address_id"]!);
    }

    [Fact]
    public async Task Deleting_a_pending_order_gives_its_stock_back()
    {
        var product = await Given.ProductAsync(stock: 10);
        var order = await Given.OrderAsync((product, 4)).ShouldBeAsync(201);

        await shop.Http.DeleteAsync($"/orders/{order.Id()}", TestContext.Current.CancellationToken).ShouldBeAsync(204);

        Assert.Equal(10, await StockOfAsync(product));
        await shop.Http.GetAsync($"/orders/{order.Id()}", TestContext.Current.CancellationToken).ShouldBeAsync(404);
    }

    [Fact]
    public async Task An_order_that_was_ever_billed_or_is_on_its_way_is_not_deleted()
    {
        var billed = await Given.OrderAsync((await Given.ProductAsync(), 1)).ShouldBeAsync(201);
        var bill = await shop.Http.PostAsync("/bills", new { order_id = billed.Id(), payment_type = 1 }).ShouldBeAsync(201);
        await shop.Http.PostAsync($"/bills/{bill.Id()}/void", new { }).ShouldBeAsync(200);
        var moving = await Given.OrderAsync((await Given.ProductAsync(), 1)).ShouldBeAsync(201);
        await shop.Http.PatchAsync($"/orders/{moving.Id()}", new { status = 2 }).ShouldBeAsync(200);

        await shop.Http.DeleteAsync($"/orders/{billed.Id()}", TestContext.Current.CancellationToken).ShouldBeAsync(409);
        await shop.Http.DeleteAsync($"/orders/{moving.Id()}", TestContext.Current.CancellationToken).ShouldBeAsync(409);
    }

    [Fact]
    public async Task Orders_are_filtered_by_client_state_and_time()
    {
        var client = await Given.ClientAsync();
        var product = await Given.ProductAsync();
        var first = await Given.OrderForAsync(client.Id(), (product, 1)).ShouldBeAsync(201);
        var second = await Given.OrderForAsync(client.Id(), (product, 1)).ShouldBeAsync(201);
        await shop.Http.PatchAsync($"/orders/{first.Id()}", new { status = 2 }).ShouldBeAsync(200);
        async Task<IEnumerable<long>> IdsAsync(string filter) =>
            (await shop.Http.GetJsonAsync($"/orders?client_id={client.Id()}&{filter}")).AsArray().Select(o => o!.Id());

        Assert.Equal([first.Id(), second.Id()], await IdsAsync("count=exact"));
        Assert.Equal([first.Id()], await IdsAsync("status=2"));
        Assert.Equal([second.Id()], await IdsAsync($"from={Uri.EscapeDataString((string)second["date"]!)}"));
        Assert.Equal([first.Id()], await IdsAsync($"to={Uri.EscapeDataString((string)second["date"]!)}"));
        Assert.Empty(await IdsAsync("to=2020-01-01"));
    }

    [Fact]
    public async Task Orders_of_a_time_are_listed_in_the_order_of_time()
    {
        var client = await Given.ClientAsync();
        var product = await Given.ProductAsync();
        var ids = new List<long>();
        for (var i = 0; i < 5; i++)
        {
            ids.Add((await Given.OrderForAsync(client.Id(), (product, 1)).ShouldBeAsync(201)).Id());
        }

        // As orders that were taken over from another system.
        await shop.Database.ExecuteAsync($"UPDATE orders SET date = date - interval '1 day' WHERE id_key IN ({ids[3]}, {ids[4]})");
        var seen = new List<long>();
        for (var path = (string?)$"/orders?client_id={client.Id()}&from=2020-01-01&limit=2&count=exact"; path is not null;)
        {
            using var page = await shop.Http.GottenAsync(path);
            seen.AddRange((await page.JsonAsync()).AsArray().Select(order => order!.Id()));
            Assert.Equal("5", page.Headers.GetValues("X-Total-Count").Single());
            path = page.Headers.TryGetValues("Link", out var link) ? link.Single().Split('<', '>')[1] : null;
        }

        Assert.Equal([ids[3], ids[4], ids[0], ids[1], ids[2]], seen);
        // A place in one order is none in the other.
        using var byId = await shop.Http.GottenAsync($"/orders?client_id={client.Id()}&limit=2");
        var after = byId.Headers.GetValues("Link").Single().Split("after=")[1].Split('&', '>')[0];
        var refused = await shop.Http.GottenAsync($"/orders?client_id={client.Id()}&from=2020-01-01&after={after}").ShouldBeAsync(422);
        Assert.Contains("belongs to a list in another order", refused.ToJsonString(), StringComparison.Ordinal);
    }

    private async Task<int> StockOfAsync(JsonNode product) => (int)(await shop.Http.GetJsonAsync($"/products/{product.Id()}"))["stock"]!;
}
