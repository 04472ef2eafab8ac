using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Tienda.Orders;

namespace Tienda.ApiTests.Orders;

/// <summary>Whoever repeats a request under its Idempotency-Key does nothing twice, at any moment and on every route that takes one.</summary>
public sealed class IdempotencyTests(ShopApp shop)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static TheoryData<string> Routes() => ["/orders", "/order_details", "/bills"];

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task A_repeated_request_is_answered_as_it_was_first_and_done_once(string route)
    {
        var (body, key) = (await BodyAsync(route), Key());
        using var first = await shop.Http.PostKeyedAsync(route, body, key);
        using var again = await shop.Http.PostKeyedAsync(route, body, key);
        var answer = await first.JsonAsync();

        Assert.Equal((201, 201), ((int)first.StatusCode, (int)again.StatusCode));
        Assert.Equal((false, true), (first.IsReplayed(), again.IsReplayed()));
        Assert.Equal(answer.ToJsonString(), (await again.JsonAsync()).ToJsonString());
        Assert.Equal(first.Headers.Location, again.Headers.Location);
        Assert.Equal(1, await CountAsync(route, answer));
    }

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task A_repetition_answers_what_was_first_also_when_the_record_has_changed_since(string route)
    {
        var (body, key) = (await BodyAsync(route), Key());
        var answer = await shop.Http.PostKeyedAsync(route, body, key).ShouldBeAsync(201);
        await (route switch
        {
            "/orders" => shop.Http.DeletedAsync($"/orders/{answer.Id()}").ShouldBeAsync(204),
            "/order_details" => shop.Http.PatchAsync($"/order_details/{answer.Id()}", new { quantity = 3 }).ShouldBeAsync(200),
            _ => shop.Http.PostAsync($"/bills/{answer.Id()}/void", new { }).ShouldBeAsync(200),
        });

        var again = await shop.Http.PostKeyedAsync(route, body, key).ShouldBeAsync(201);

        Assert.Equal(answer.ToJsonString(), again.ToJsonString());
    }

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task Twenty_at_once_under_one_key_get_one_record(string route)
    {
        var (body, key) = (await BodyAsync(route), Key());

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => shop.Http.PostKeyedAsync(route, body, key)));

        Assert.All(answers, answer => Assert.Equal(201, (int)answer.StatusCode));
        Assert.Single(answers, answer => !answer.IsReplayed());
        var bodies = await Task.WhenAll(answers.Select(answer => answer.JsonAsync()));
        Assert.Single(bodies.Select(b => b.ToJsonString()).Distinct());
        Assert.Equal(1, await CountAsync(route, bodies[0]));
    }

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task Another_request_under_the_key_is_refused_whichever_field_differs(string route)
    {
        var key = Key();
        var body = await BodyAsync(route);
        await shop.Http.PostKeyedAsync(route, body, key).ShouldBeAsync(201);
        foreach (var (field, other) in await VariationsAsync(route, body))
        {
            var problem = await shop.Http.PostKeyedAsync(route, other, key).ShouldBeAsync(422);
            Assert.True((string)problem["type"]! == "/errors/idempotency-key-reused", $"{field}: {problem}");
        }

        await shop.Http.PostKeyedAsync(route, body, key).ShouldBeAsync(201);
    }

    [Fact]
    public async Task Every_field_of_an_order_takes_part_in_the_comparison()
    {
        var document = await shop.Http.GetJsonAsync("/openapi.json");
        foreach (var (route, schema) in new[] { ("/orders", "PlaceOrderRequest"), ("/order_details", "CreateOrderDetailRequest"), ("/bills", "CreateBillRequest") })
        {
            var body = await BodyAsync(route);
            var varied = (await VariationsAsync(route, body)).Select(v => v.Field).ToHashSet();
            var fields = document["components"]!["schemas"]![schema]!["properties"]!.AsObject().Select(p => p.Key);

            // A new order's status can only be 1.
            Assert.Equal(fields.Except(["status"]).Order(), varied.Order());
        }
    }

    [Fact]
    public async Task Other_spellings_of_the_same_request_are_the_same_request()
    {
        var (product, buyer) = (await shop.Given.ProductAsync(price: 9.5m), await shop.Given.ClientAsync());
        var key = Key();
        async Task<HttpResponseMessage> SendAsync(string body)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/orders") { Content = new StringContent(body) };
            request.Content.Headers.ContentType = new("application/json");
            request.Headers.Add("Idempotency-Key", key);
            return await shop.Http.SendAsync(request, Ct);
        }

        await SendAsync($$"""{"client_id":{{buyer.Id()}},"delivery_method":1,"items":[{"product_id":{{product.Id()}},"quantity":1,"price":9.5}]}""").ShouldBeAsync(201);
        using var again = await SendAsync(
            $$"""{ "items": [ {"quantity": 1, "price": 9.50, "product_id": {{product.Id()}} } ], "address_id": null, "client_id": {{buyer.Id()}}, "delivery_method": 1, "status": 1 }""");

        Assert.Equal(201, (int)again.StatusCode);
        Assert.True(again.IsReplayed());
    }

    [Fact]
    public async Task A_key_belongs_to_its_caller_and_its_route()
    {
        var product = await shop.Given.ProductAsync(stock: 10);
        var (one, other) = (await shop.Given.ClientAsync(), await shop.Given.ClientAsync());
        var (asOne, asOther) = (shop.SignedIn(one), shop.SignedIn(other));
        var key = Key();

        var first = await asOne.PlaceAsync(one, product, key).ShouldBeAsync(201);
        var second = await asOther.PlaceAsync(other, product, key).ShouldBeAsync(201);
        var byAdministrator = await shop.Http.PlaceAsync(one, product, key).ShouldBeAsync(201);
        var line = await asOne.PostKeyedAsync("/order_details", new { order_id = first.Id(), product_id = product.Id(), quantity = 1 }, key)
            .ShouldBeAsync(201);

        Assert.Equal(3, new[] { first.Id(), second.Id(), byAdministrator.Id() }.Distinct().Count());
        Assert.Equal(first.Id(), (long)line["order_id"]!);
    }

    [Fact]
    public async Task A_refused_request_keeps_no_key()
    {
        var (product, buyer) = (await shop.Given.ProductAsync(stock: 0), await shop.Given.ClientAsync());
        var key = Key();

        await shop.Http.PlaceAsync(buyer, product, key).ShouldBeAsync(409);
        await shop.Http.PatchAsync($"/products/{product.Id()}", new { stock_change = 1 }).ShouldBeAsync(200);
        using var placed = await shop.Http.PlaceAsync(buyer, product, key);

        Assert.Equal(201, (int)placed.StatusCode);
        Assert.False(placed.IsReplayed());
    }

    [Fact]
    public async Task Two_workers_that_get_the_same_order_place_it_once()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        var (app, http) = await ShopApp.OpenShopAsync(own.Server);
        await using var second = app;
        using var other = http;
        var (product, buyer) = (await own.Given.ProductAsync(stock: 100), await own.Given.ClientAsync());
        for (var round = 0; round < 20; round++)
        {
            var answers = await Task.WhenAll(
                Enumerable.Range(0, 6).Select(i => (i % 2 == 0 ? own.Http : other).PlaceAsync(buyer, product, $"round {round}").ShouldBeAsync(201)));
            Assert.Single(answers.Select(a => a.ToJsonString()).Distinct());
        }

        Assert.Equal(20, await own.Database.ValueAsync<long>("SELECT count(*) FROM orders"));
        await Books.CheckAsync(own.Database, new Dictionary<long, long> { [product.Id()] = 100 });
    }

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task A_key_is_forgotten_after_24_hours_and_then_purged(string route)
    {
        await using var own = await OwnShop.OpenAsync(shop);
        var body = await BodyAsync(route, own.Given);
        await own.Http.PostKeyedAsync(route, body, "k").ShouldBeAsync(201);
        async Task MakeOlderAsync(string age)
        {
            await using var command = own.Database.CreateCommand($"UPDATE idempotency_keys SET created_at = created_at - interval '{age}'");
            await command.ExecuteNonQueryAsync(Ct);
        }

        var purge = own.App.Services.GetRequiredService<KeyPurge>();
        await MakeOlderAsync("23 hours 59 minutes");
        Assert.Equal(0, await purge.PurgeAsync(Ct));
        using var replayed = await own.Http.PostKeyedAsync(route, body, "k");
        Assert.True(replayed.IsReplayed());

        await MakeOlderAsync("1 minute");
        using var anew = await own.Http.PostKeyedAsync(route, body, "k");
        // An order has one bill; that the second attempt is refused shows that it was one.
        Assert.Equal(route == "/bills" ? 409 : 201, (int)anew.StatusCode);
        Assert.False(anew.IsReplayed());

        await MakeOlderAsync("24 hours");
        await purge.PurgeAsync(Ct);
        Assert.Equal(0, await own.Database.ValueAsync<long>("SELECT count(*) FROM idempotency_keys"));
    }

    [Fact]
    public async Task A_client_who_is_forgotten_takes_the_keys_along()
    {
        var (product, buyer) = (await shop.Given.ProductAsync(), await shop.Given.ClientAsync());
        await shop.SignedIn(buyer).PlaceAsync(buyer, product, "mine").ShouldBeAsync(201);

        await shop.Http.DeletedAsync($"/clients/{buyer.Id()}").ShouldBeAsync(204);

        Assert.Equal(0, await shop.Database.ValueAsync<long>($"SELECT count(*) FROM idempotency_keys WHERE caller = 'client:{buyer.Id()}'"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("\"\"")]
    [InlineData("tab\tinside")]
    [InlineData("one, two")]
    [InlineData("\"")]
    [InlineData("\" \"")]
    [InlineData("\"one\", \"two\"")]
    [InlineData("x", 256)]
    public async Task A_key_that_is_none_is_named(string key, int times = 1)
    {
        var body = await BodyAsync("/orders");

        var problem = await shop.Http.PostKeyedAsync("/orders", body, string.Concat(Enumerable.Repeat(key, times))).ShouldBeAsync(400);

        Assert.StartsWith("Idempotency-Key must be 1 to 255 printable ASCII characters", (string)problem["detail"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_quoted_form_of_the_standard_is_the_same_key()
    {
        var (body, key) = (await BodyAsync("/orders"), Key());
        await shop.Http.PostKeyedAsync("/orders", body, key).ShouldBeAsync(201);

        using var quoted = await shop.Http.PostKeyedAsync("/orders", body, $"\"{key}\"");

        Assert.True(quoted.IsReplayed());
    }

    private static string Key() => Guid.NewGuid().ToString();

    private Task<JsonObject> BodyAsync(string route) => BodyAsync(route, shop.Given);

    private static async Task<JsonObject> BodyAsync(string route, Given given)
    {
        var (product, buyer) = (await given.ProductAsync(stock: 100, price: 9.50m), await given.ClientAsync());
        if (route == "/orders")
        {
            return new JsonObject
            {
                ["client_id"] = buyer.Id(),
                ["delivery_method"] = 1,
                ["items"] = new JsonArray(new JsonObject { ["product_id"] = product.Id(), ["quantity"] = 2, ["price"] = 9.50m }),
            };
        }

        var order = await given.OrderForAsync(buyer.Id(), (product, 1)).ShouldBeAsync(201);
        return route == "/order_details"
            ? new JsonObject { ["order_id"] = order.Id(), ["product_id"] = product.Id(), ["quantity"] = 2 }
            : new JsonObject { ["order_id"] = order.Id(), ["payment_type"] = 2 };
    }

    /// <summary>The body with each of its fields, or one that it could have, changed to something that is valid in itself.</summary>
    private async Task<List<(string Field, JsonObject Body)>> VariationsAsync(string route, JsonObject body)
    {
        var (product, buyer) = (await shop.Given.ProductAsync(), await shop.Given.ClientAsync());
        var order = await shop.Given.OrderForAsync(buyer.Id(), (product, 1)).ShouldBeAsync(201);
        var variations = new List<(string, JsonObject)>();
        void Vary(string field, Action<JsonObject> change)
        {
            var other = (JsonObject)body.DeepClone();
            change(other);
            variations.Add((field, other));
        }

        switch (route)
        {
            case "/orders":
                Vary("client_id", b => b["client_id"] = buyer.Id());
                Vary("address_id", b => b["address_id"] = 1);
                Vary("delivery_method", b => b["delivery_method"] = 2);
                Vary("payment_type", b => b["payment_type"] = 1);
                Vary("discount", b =>
                {
                    b["payment_type"] = 1;
                    b["discount"] = 0.5m;
                });
                Vary("items", b => b["items"]![0]!["product_id"] = product.Id());
                Vary("items", b => b["items"]![0]!["quantity"] = 3);
                Vary("items", b => b["items"]![0]!["price"] = 9.51m);
                Vary("items", b => b["items"]![0]!.AsObject().Remove("price"));
                Vary("items", b => b["items"]!.AsArray().Add(b["items"]![0]!.DeepClone()));
                Vary("items", b => b.Remove("items"));
                break;
            case "/order_details":
                Vary("order_id", b => b["order_id"] = order.Id());
                Vary("product_id", b => b["product_id"] = product.Id());
                Vary("quantity", b => b["quantity"] = 3);
                Vary("price", b => b["price"] = 9.50m);
                break;
            default:
                Vary("order_id", b => b["order_id"] = order.Id());
                Vary("payment_type", b => b["payment_type"] = 3);
                Vary("discount", b => b["discount"] = 1);
                break;
        }

        return variations;
    }

    private async Task<int> CountAsync(string route, JsonNode answer) => route switch
    {
        "/orders" => (await shop.Http.GetJsonAsync($"/clients/{answer["client_id"]}/orders")).AsArray().Count,
        "/order_details" => (await shop.Http.GetJsonAsync($"/orders/{answer["order_id"]}/order_details")).AsArray().Count - 1,
        _ => (int)await shop.Database.ValueAsync<long>($"SELECT count(*) FROM bills WHERE order_id = {answer["order_id"]}"),
    };
}
