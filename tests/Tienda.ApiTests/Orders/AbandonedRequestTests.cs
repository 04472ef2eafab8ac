namespace Tienda.ApiTests.Orders;

public sealed class AbandonedRequestTests(ShopApp shop)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Buyers_who_hang_up_leave_whole_orders_or_none_and_no_connection_behind()
    {
        const int Stock = 500;
        var (app, http) = await ShopApp.OpenShopAsync(await shop.Postgres.CreateDatabaseAsync("abandoned"));
        await using var running = app;
        using var client = http;
        var given = new Given(http);
        var product = await given.ProductAsync(stock: Stock);
        var buyer = await given.ClientAsync();

        await Task.WhenAll(Enumerable.Range(0, 200).Select(async i =>
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromMilliseconds(i % 20));
            try
            {
                using var abandoned = new HttpRequestMessage(HttpMethod.Post, "/orders")
                {
                    Content = System.Net.Http.Json.JsonContent.Create(new
                    {
                        client_id = buyer.Id(),
                        delivery_method = 1,
                        payment_type = 1,
                        items = new[] { new { product_id = product.Id(), quantity = 1 } },
                    }),
                };
                using var response = await http.SendAsync(abandoned, patience.Token);
            }
            catch (OperationCanceledException)
            {
                // This is the buyer who hung up.
            }
        }));
        await EventuallyAsync(async () => (int)(await http.GetJsonAsync("/health_check"))["checks"]!["db_pool"]!["checked_out"]! == 0);
        // Orders that were already in the database when their buyers hung up are still being placed.
        var orders = new System.Text.Json.Nodes.JsonArray();
        await EventuallyAsync(async () =>
        {
            orders = (await http.GetJsonAsync("/orders?limit=1000")).AsArray();
            return Stock - orders.Count == (int)(await http.GetJsonAsync($"/products/{product.Id()}"))["stock"]!;
        });

        Assert.All(orders, order => Assert.NotNull(order!["bill_id"]));
        await using var command = shop.Database.CreateCommand(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = 'abandoned' AND state LIKE 'idle in transaction%'");
        Assert.Equal(0L, await command.ExecuteScalarAsync(Ct));
    }

    private static async Task EventuallyAsync(Func<Task<bool>> holds)
    {
        // The health check gives a report again for a second, so it is asked until a new one is made.
        for (var tries = 0; !await holds(); tries++)
        {
            Assert.True(tries < 50, "It did not come to pass within 10 seconds.");
            await Task.Delay(200, Ct);
        }
    }
}
