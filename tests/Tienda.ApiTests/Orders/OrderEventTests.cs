using System.Text.Json.Nodes;
using Npgsql;

namespace Tienda.ApiTests.Orders;

public sealed class OrderEventTests(ShopApp shop)
{
    private Given Given => shop.Given;

    [Fact]
    public async Task The_log_tells_who_did_what_to_an_order()
    {
        var (product, other, buyer) = (await Given.ProductAsync(price: 9.50m), await Given.ProductAsync(price: 3m), await Given.ClientAsync());
        var address = await Given.AddressAsync(buyer.Id());
        using var client = shop.SignedIn(buyer);
        using var administrator = shop.WithToken(shop.AccessTokens.Issue(1, administrator: true));
        var order = await new Given(client) { Owner = buyer }.OrderAsync((product, 2)).ShouldBeAsync(201);
        var line = await client.PostAsync("/order_details", new { order_id = order.Id(), product_id = other.Id(), quantity = 1 }).ShouldBeAsync(201);
        await client.PatchAsync($"/order_details/{line.Id()}", new { quantity = 4 }).ShouldBeAsync(200);
        await client.DeletedAsync($"/order_details/{line.Id()}").ShouldBeAsync(204);
        await client.PatchAsync($"/orders/{order.Id()}", new { address_id = address.Id(), delivery_method = 3 }).ShouldBeAsync(200);
        var bill = await client.PostAsync("/bills", new { order_id = order.Id(), payment_type = 1 }).ShouldBeAsync(201);
        await administrator.PostAsync($"/bills/{bill.Id()}/void", new { }).ShouldBeAsync(200);
        await administrator.PostAsync($"/bills/{bill.Id()}/void", new { }).ShouldBeAsync(200);
        var second = await shop.Http.PostAsync("/bills", new { order_id = order.Id(), payment_type = 1 }).ShouldBeAsync(201);
        await shop.Http.PatchAsync($"/orders/{order.Id()}", new { status = 2 }).ShouldBeAsync(200);
        await shop.Http.PatchAsync($"/orders/{order.Id()}", new { status = 2 }).ShouldBeAsync(200);
        await client.PatchAsync($"/orders/{order.Id()}", new { status = 4 }).ShouldBeAsync(200);

        var events = (await shop.Http.GetJsonAsync($"/orders/{order.Id()}/events")).AsArray();
        var (byClient, number) = ($"client:{buyer.Id()}", (string)bill["bill_number"]!);
        string Line(int quantity) => $$"""{"price":3.00,"id_key":{{line.Id()}},"quantity":{{quantity}},"product_id":{{other.Id()}}}""";
        string Delivery(int method, string to) => $$"""{"address_id":{{to}},"delivery_method":{{method}}}""";
        (string Caller, string Event, string? Details)[] expected =
        [
            (byClient, "placed", null),
            (byClient, "line_added", Line(1)),
            (byClient, "line_changed", $$"""{"to":{{Line(4)}},"from":{{Line(1)}}}"""),
            (byClient, "line_removed", Line(4)),
            (byClient, "delivery_changed", $$"""{"to":{{Delivery(3, $"{address.Id()}")}},"from":{{Delivery(1, "null")}}}"""),
            (byClient, "billed", $$"""{"bill_id":{{bill.Id()}},"bill_number":"{{number}}"}"""),
            ("administrator:1", "bill_voided", $$"""{"bill_id":{{bill.Id()}},"bill_number":"{{number}}"}"""),
            ("api-key", "billed", $$"""{"bill_id":{{second.Id()}},"bill_number":"{{second["bill_number"]}}"}"""),
            ("api-key", "status_changed", """{"to":2,"from":1}"""),
            (byClient, "status_changed", """{"to":4,"from":2}"""),
            (byClient, "bill_voided", $$"""{"bill_id":{{second.Id()}},"bill_number":"{{second["bill_number"]}}"}"""),
        ];
        Assert.Equal(expected, events.Select(e => ((string)e!["caller"]!, (string)e["event"]!, e["details"]?.ToJsonString())));
    }

    [Fact]
    public async Task An_order_billed_as_it_is_placed_has_both_in_the_log()
    {
        var (product, buyer) = (await Given.ProductAsync(), await Given.ClientAsync());
        var order = await shop.Http.PostAsync("/orders", new
        {
            client_id = buyer.Id(),
            delivery_method = 1,
            payment_type = 1,
            items = new[] { new { product_id = product.Id(), quantity = 1 } },
        }).ShouldBeAsync(201);

        Assert.Equal(["placed", "billed"], await EventsAsync(order));
    }

    [Fact]
    public async Task The_log_outlives_the_order()
    {
        var order = await Given.OrderAsync((await Given.ProductAsync(), 2)).ShouldBeAsync(201);

        await shop.Http.DeletedAsync($"/orders/{order.Id()}").ShouldBeAsync(204);

        Assert.Equal(["placed", "deleted", "line_removed"], await EventsAsync(order));
        await shop.Http.GottenAsync("/orders/999999999/events").ShouldBeAsync(404);
    }

    [Theory]
    [InlineData("UPDATE order_events SET caller = 'nobody'")]
    [InlineData("DELETE FROM order_events")]
    [InlineData("TRUNCATE order_events")]
    public async Task Nothing_in_the_log_can_be_changed(string sql)
    {
        await Given.OrderAsync((await Given.ProductAsync(), 1)).ShouldBeAsync(201);
        await using var command = shop.Database.CreateCommand(sql);

        var refused = await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken));

        Assert.Contains("only takes new rows", refused.MessageText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_done_by_hand_is_logged_too()
    {
        var order = await Given.OrderAsync((await Given.ProductAsync(), 1)).ShouldBeAsync(201);
        await using var command = shop.Database.CreateCommand($"UPDATE orders SET status = 2 WHERE id_key = {order.Id()}");
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);

        var last = (await shop.Http.GetJsonAsync($"/orders/{order.Id()}/events")).AsArray()[^1]!;

        Assert.Equal(("database:tienda", "status_changed"), ((string)last["caller"]!, (string)last["event"]!));
    }

    private async Task<IEnumerable<string>> EventsAsync(JsonNode order) =>
        (await shop.Http.GetJsonAsync($"/orders/{order.Id()}/events")).AsArray().Select(e => (string)e!["event"]!);
}
