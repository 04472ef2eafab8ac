using System.Globalization;

namespace Tienda.ApiTests.Bills;

public sealed class BillTests(ShopApp shop)
{
    [Fact]
    public async Task Numbers_have_no_gaps_although_bills_meet_and_some_fail()
    {
        var postgres = shop.Postgres;
        var (app, http) = await ShopApp.OpenShopAsync(await postgres.CreateDatabaseAsync("gapless"));
        await using var running = app;
        using var client = http;
        var given = new Given(http);
        var product = await given.ProductAsync(stock: 100);
        var buyer = await given.ClientAsync();
        var orders = await Task.WhenAll(Enumerable.Range(0, 15).Select(_ => given.OrderForAsync(buyer.Id(), (product, 1)).ShouldBeAsync(201)));

        // Every order is billed twice at once: one of the two fails after it has taken a number.
        await Task.WhenAll(orders.Concat(orders).Select(o => http.PostAsync("/bills", new { order_id = o.Id(), payment_type = 1 })));
        var numbers = (await http.GetJsonAsync("/bills")).AsArray()
            .Select(b => int.Parse(((string)b!["bill_number"]!)[2..], CultureInfo.InvariantCulture));

        Assert.Equal(Enumerable.Range(1, 15), numbers.Order());
    }

    [Fact]
    public async Task An_order_has_one_bill_that_stands()
    {
        var order = await shop.Given.OrderAsync((await shop.Given.ProductAsync(), 1)).ShouldBeAsync(201);
        var first = await shop.Http.PostAsync("/bills", new { order_id = order.Id(), payment_type = 1 }).ShouldBeAsync(201);

        await shop.Http.PostAsync("/bills", new { order_id = order.Id(), payment_type = 1 }).ShouldBeAsync(409);
        var voided = await shop.Http.PostAsync($"/bills/{first.Id()}/void", new { }).ShouldBeAsync(200);
        var again = await shop.Http.PostAsync($"/bills/{first.Id()}/void", new { }).ShouldBeAsync(200);
        var second = await shop.Http.PostAsync("/bills", new { order_id = order.Id(), payment_type = 1 }).ShouldBeAsync(201);

        Assert.Equal(voided["voided_at"]!.ToJsonString(), again["voided_at"]!.ToJsonString());
        Assert.NotEqual((string)first["bill_number"]!, (string)second["bill_number"]!);
    }

    [Fact]
    public async Task A_bill_is_not_changed_or_deleted()
    {
        var ct = TestContext.Current.CancellationToken;
        var order = await shop.Given.OrderAsync((await shop.Given.ProductAsync(), 1)).ShouldBeAsync(201);
        var bill = await shop.Http.PostAsync("/bills", new { order_id = order.Id(), payment_type = 1 }).ShouldBeAsync(201);

        await shop.Http.PatchAsync($"/bills/{bill.Id()}", new { discount = 1 }).ShouldBeAsync(405);
        await shop.Http.PutAsync($"/bills/{bill.Id()}", new StringContent("{}"), ct).ShouldBeAsync(405);
        await shop.Http.DeleteAsync($"/bills/{bill.Id()}", ct).ShouldBeAsync(405);
    }

    [Fact]
    public async Task There_is_nothing_to_bill_in_an_empty_or_canceled_order()
    {
        var client = await shop.Given.ClientAsync();
        var empty = await shop.Http.PostAsync("/orders", new { client_id = client.Id(), delivery_method = 1 }).ShouldBeAsync(201);
        var canceled = await shop.Given.OrderAsync((await shop.Given.ProductAsync(), 1)).ShouldBeAsync(201);
        await shop.Http.PatchAsync($"/orders/{canceled.Id()}", new { status = 4 }).ShouldBeAsync(200);

        await shop.Http.PostAsync("/bills", new { order_id = empty.Id(), payment_type = 1 }).ShouldBeAsync(409);
        await shop.Http.PostAsync("/bills", new { order_id = canceled.Id(), payment_type = 1 }).ShouldBeAsync(409);
    }

    [Fact]
    public async Task A_discount_may_take_all_but_not_more_than_the_total()
    {
        var order = await shop.Given.OrderAsync((await shop.Given.ProductAsync(price: 5m), 1)).ShouldBeAsync(201);

        await shop.Http.PostAsync("/bills", new { order_id = order.Id(), payment_type = 1, discount = 5.01m }).ShouldBeAsync(422);
        var bill = await shop.Http.PostAsync("/bills", new { order_id = order.Id(), payment_type = 1, discount = 5m }).ShouldBeAsync(201);

        Assert.Equal("0.00", bill["total"]!.ToJsonString());
    }
}
