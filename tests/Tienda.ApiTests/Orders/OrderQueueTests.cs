using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Tienda.Http;
using Tienda.Orders;
using Tienda.Security;

namespace Tienda.ApiTests.Orders;

/// <summary>What happens to orders that meet in the queue, which a row that somebody holds makes certain.</summary>
public sealed class OrderQueueTests(ShopApp shop)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Orders_that_meet_are_each_decided_on_their_own_in_order_of_arrival()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        var given = own.Given;
        var (scarce, plenty, retired) =
            (await given.ProductAsync(stock: 3), await given.ProductAsync(price: 2m), await given.ProductAsync());
        await own.Http.PatchAsync($"/products/{retired.Id()}", new { active = false }).ShouldBeAsync(200);
        var (buyer, stranger) = (await given.ClientAsync(), await given.ClientAsync());
        var address = await given.AddressAsync(stranger.Id());
        object Order(JsonNode product, int quantity, long? client = null, long? address = null, decimal? price = null, int? payment = null, decimal? discount = null) =>
            new
            {
                client_id = client ?? buyer.Id(),
                address_id = address,
                delivery_method = 1,
                payment_type = payment,
                discount,
                items = new[] { new { product_id = product.Id(), quantity, price } },
            };
        var missing = new JsonObject { ["id_key"] = 999_999L };

        // Refused ones stand between accepted ones, so that a mistaken place would show.
        (object Body, int Status, string? Problem)[] orders =
        [
            (Order(missing, 1), 422, "invalid-values"),
            (Order(scarce, 2), 201, null),
            (Order(scarce, 2), 409, "insufficient-stock"),
            (Order(plenty, 1, client: 999_999), 422, "invalid-values"),
            (Order(scarce, 1, payment: 2), 201, null),
            (Order(scarce, 1), 409, "insufficient-stock"),
            (Order(plenty, 1, address: address.Id()), 422, "invalid-values"),
            (Order(plenty, 2, price: 2m, payment: 1, discount: 1m), 201, null),
            (Order(plenty, 1, price: 3m), 409, "price-mismatch"),
            (Order(retired, 1), 409, "inactive-product"),
            (Order(plenty, 1, payment: 1, discount: 3m), 422, "invalid-values"),
            (Order(plenty, 7), 201, null),
        ];
        var answers = new List<Task<HttpResponseMessage>>();
        var (series, first) = await own.HoldQueueAsync();
        await using (series)
        {
            for (var i = 0; i < orders.Length; i++)
            {
                await own.QueuedAsync(i);
                answers.Add(own.Http.PostAsync("/orders", orders[i].Body));
            }

            await own.QueuedAsync(orders.Length);
        }

        await first.ShouldBeAsync(201);
        for (var i = 0; i < orders.Length; i++)
        {
            var answer = await answers[i].ShouldBeAsync(orders[i].Status);
            if (orders[i].Problem is { } problem)
            {
                Assert.Equal("/errors/" + problem, (string)answer["type"]!);
                if (i == 2)
                {
                    var shortage = answer["shortages"]![0]!;
                    Assert.Equal((2, 1), ((int)shortage["requested"]!, (int)shortage["available"]!));
                }
            }
            else
            {
                Assert.Equal(answer.ToJsonString(), (await own.Http.GetJsonAsync($"/orders/{answer.Id()}")).ToJsonString());
            }
        }

        Assert.Equal(["A-00000001", "A-00000002", "A-00000003"], (await own.Http.GetJsonAsync("/bills")).AsArray().Select(b => (string)b!["bill_number"]!));
        await Books.CheckAsync(own.Database, new Dictionary<long, long>
        {
            [scarce.Id()] = 3,
            [plenty.Id()] = 10,
            [retired.Id()] = 10,
        });
    }

    [Theory]
    [InlineData("SELECT FROM products WHERE id_key = {0} FOR UPDATE")]
    [InlineData("SELECT FROM clients WHERE id_key = {1} FOR UPDATE")]
    [InlineData("SELECT FROM addresses WHERE id_key = {2} FOR UPDATE")]
    public async Task A_held_row_stops_only_the_orders_that_need_it_on_every_worker(string hold)
    {
        await using var own = await OwnShop.OpenAsync(shop);
        var (app, http) = await ShopApp.OpenShopAsync(own.Server);
        await using var second = app;
        using var other = http;
        // Products that stand before and behind the held one in the order of locks.
        var products = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => own.Given.ProductAsync(stock: 1000)));
        products = [.. products.OrderBy(p => p.Id())];
        var (stuck, buyer) = (await own.Given.ClientAsync(), await own.Given.ClientAsync());
        var address = await own.Given.AddressAsync(stuck.Id());
        List<Task<HttpResponseMessage>> waiting;
        await using (await own.HoldAsync(string.Format(
            System.Globalization.CultureInfo.InvariantCulture, hold, products[1].Id(), stuck.Id(), address.Id())))
        {
            // All of them need the held row, whichever it is, and other rows besides.
            waiting = [.. Enumerable.Range(0, 20).Select(i => (i % 2 == 0 ? own.Http : other).PostAsync("/orders", new
            {
                client_id = stuck.Id(),
                address_id = address.Id(),
                delivery_method = 1,
                items = products.Select(p => new { product_id = p.Id(), quantity = 1 }),
            }))];
            for (var i = 0; i < 40; i++)
            {
                await new Given(i % 2 == 0 ? own.Http : other).OrderForAsync(buyer.Id(), (products[0], 1), (products[2], 1)).ShouldBeAsync(201);
            }

            Assert.All(waiting, order => Assert.False(order.IsCompleted));
        }

        foreach (var order in waiting)
        {
            await order.ShouldBeAsync(201);
        }

        await Books.CheckAsync(own.Database, products.ToDictionary(p => p.Id(), _ => 1000L));
    }

    [Fact]
    public async Task An_order_that_waited_too_long_is_503_and_is_never_placed_or_found_by_its_key()
    {
        await using var own = await OwnShop.OpenAsync(shop, settings => settings with { PoolTimeoutSeconds = 1 });
        var product = await own.Given.ProductAsync(stock: 100);
        var buyer = await own.Given.ClientAsync();
        Task<HttpResponseMessage> PlaceAsync(int key) => own.Http.PlaceAsync(buyer, product, $"late {key}");
        await using (await own.HoldAsync(product.Id()))
        {
            var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(PlaceAsync));
            Assert.All(answers, answer => Assert.Equal(503, (int)answer.StatusCode));
            Assert.All(answers, answer => Assert.NotNull(answer.Headers.RetryAfter));
        }

        foreach (var key in Enumerable.Range(0, 100))
        {
            await PlaceAsync(key).ShouldBeAsync(201);
        }

        Assert.Equal(100, await own.Database.ValueAsync<long>("SELECT count(*) FROM orders"));
        await Books.CheckAsync(own.Database, new Dictionary<long, long> { [product.Id()] = 100 });
    }

    [Fact]
    public async Task A_full_queue_takes_no_more()
    {
        const int Beyond = 200;
        await using var own = await OwnShop.OpenAsync(shop);
        var product = await own.Given.ProductAsync(stock: 10_000);
        var client = (await own.Given.ClientAsync()).Id();
        var queue = own.App.Services.GetRequiredService<OrderQueue>();
        var request = new PlaceOrderRequest
        {
            ClientId = client,
            DeliveryMethod = 1,
            Items = [new PlaceOrderItem { ProductId = product.Id(), Quantity = 1 }],
        };
        List<Task<Outcome<Order>>> orders;
        var (series, _) = await own.HoldQueueAsync();
        await using (series)
        {
            orders = [.. Enumerable.Range(0, OrderLane.Capacity + Beyond).Select(_ =>
                queue.PlaceAsync(request, new Actor("api-key", null), null, Ct))];
        }

        var refused = 0;
        foreach (var order in orders)
        {
            try
            {
                Assert.NotNull((await order).Record);
            }
            catch (BusyException)
            {
                refused++;
            }
        }

        Assert.Equal(Beyond, refused);
        await Books.CheckAsync(own.Database, new Dictionary<long, long> { [product.Id()] = 10_000 });
        Assert.Equal(1 + orders.Count - refused, await own.Database.ValueAsync<long>("SELECT count(*) FROM orders"));
    }

    [Fact]
    public async Task A_shop_that_stops_places_what_waits()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        var product = await own.Given.ProductAsync(stock: 100);
        var buyer = await own.Given.ClientAsync();
        List<Task<HttpResponseMessage>> orders;
        Task stopped;
        var (series, first) = await own.HoldQueueAsync();
        await using (series)
        {
            orders = [.. Enumerable.Range(0, 50).Select(_ => own.Given.OrderForAsync(buyer.Id(), (product, 1))), first];
            await own.QueuedAsync(50);
            stopped = own.App.StopAsync(Ct);
        }

        foreach (var order in orders)
        {
            await order.ShouldBeAsync(201);
        }

        await stopped;
        await Books.CheckAsync(own.Database, new Dictionary<long, long> { [product.Id()] = 100 });
    }

    [Fact]
    public async Task The_metrics_tell_of_batches_and_waiting()
    {
        // In a process of its own: shops in one process take each other's instruments away when they end.
        await using var workers = await ShopWorkers.StartAsync(await shop.Postgres.CreateDatabaseAsync($"own_{Guid.NewGuid():N}"), 1);
        await workers.Given.OrderAsync((await workers.Given.ProductAsync(), 1)).ShouldBeAsync(201);

        var metrics = await workers.Http.GetStringAsync("/metrics", Ct);

        Assert.Contains("tienda_orders_batch_size_bucket", metrics, StringComparison.Ordinal);
        Assert.Contains("tienda_orders_queue_wait_seconds_bucket", metrics, StringComparison.Ordinal);
        Assert.Contains("tienda_orders_queue_length", metrics, StringComparison.Ordinal);
    }
}
