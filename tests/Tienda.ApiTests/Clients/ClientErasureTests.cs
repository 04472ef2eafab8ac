using System.Net.Http.Json;

namespace Tienda.ApiTests.Clients;

/// <summary>Forgetting a person, and showing a person what is kept.</summary>
public sealed class ClientErasureTests(ShopApp shop)
{
    [Fact]
    public async Task A_client_without_orders_goes_with_everything()
    {
        var client = await shop.Given.ClientAsync();
        var address = await shop.Given.AddressAsync(client.Id());
        var product = await shop.Given.ProductAsync();
        var review = await shop.Given.ReviewAsync(product.Id(), client.Id());

        await shop.Http.DeletedAsync($"/clients/{client.Id()}").ShouldBeAsync(204);

        await shop.Http.GottenAsync($"/clients/{client.Id()}").ShouldBeAsync(404);
        await shop.Http.GottenAsync($"/addresses/{address.Id()}").ShouldBeAsync(404);
        await shop.Http.GottenAsync($"/reviews/{review.Id()}").ShouldBeAsync(404);
        Assert.Equal(0, (int)(await shop.Http.GetJsonAsync($"/products/{product.Id()}"))["rating_count"]!);
        await shop.Http.DeletedAsync($"/clients/{client.Id()}").ShouldBeAsync(404);
    }

    [Fact]
    public async Task A_client_with_orders_becomes_nobody()
    {
        var client = await shop.Given.ClientAsync();
        var used = await shop.Given.AddressAsync(client.Id());
        var unused = await shop.Given.AddressAsync(client.Id());
        var product = await shop.Given.ProductAsync();
        await shop.Given.ReviewAsync(product.Id(), client.Id());
        var order = await shop.Database.AddOrderAsync(client.Id(), used.Id());

        await shop.Http.DeletedAsync($"/clients/{client.Id()}").ShouldBeAsync(204);

        var nobody = await shop.Http.GetJsonAsync($"/clients/{client.Id()}");
        Assert.Equal(("(deleted)", "(deleted)"), ((string)nobody["name"]!, (string)nobody["lastname"]!));
        Assert.NotEqual((string)client["email"]!, (string)nobody["email"]!);
        Assert.Null(nobody["telephone"]);
        var address = await shop.Http.GetJsonAsync($"/addresses/{used.Id()}");
        Assert.Equal(("(deleted)", "-", "(deleted)"), ((string)address["street"]!, (string)address["number"]!, (string)address["city"]!));
        await shop.Http.GottenAsync($"/addresses/{unused.Id()}").ShouldBeAsync(404);
        Assert.Null((await shop.Http.GetJsonAsync($"/products/{product.Id()}"))["rating_average"]);
        Assert.Equal(1, await shop.Database.ValueAsync<long>(
            $"""
            SELECT count(*) FROM clients c JOIN orders o ON o.client_id = c.id_key
            WHERE c.id_key = {client.Id()} AND password_hash IS NULL AND o.id_key = {order}
            """));
    }

    [Fact]
    public async Task Becoming_nobody_twice_is_no_error_and_frees_the_email()
    {
        var client = await shop.Given.ClientAsync();
        var email = (string)client["email"]!;
        await shop.Database.AddOrderAsync(client.Id());

        await shop.Http.DeletedAsync($"/clients/{client.Id()}").ShouldBeAsync(204);
        await shop.Http.DeletedAsync($"/clients/{client.Id()}").ShouldBeAsync(204);

        await shop.Http.PostAsync("/clients", new { name = "A", lastname = "B", email, password = "12345678" }).ShouldBeAsync(201);
    }

    [Fact]
    public async Task Nothing_new_can_belong_to_a_client_who_was_deleted()
    {
        var client = await shop.Given.ClientAsync();
        await shop.Database.AddOrderAsync(client.Id());
        await shop.Http.DeletedAsync($"/clients/{client.Id()}").ShouldBeAsync(204);
        var nobody = await shop.Http.GetJsonAsync($"/clients/{client.Id()}");
        var product = await shop.Given.ProductAsync();
        object Address() => new { street = "S", number = "1", city = "C", client_id = client.Id() };

        await shop.Http.PutAsync($"/clients/{client.Id()}", nobody).ShouldBeAsync(404);
        await shop.Given.OrderForAsync(client.Id(), (product, 1)).ShouldBeAsync(422);
        var address = await shop.Http.PostAsync("/addresses", Address()).ShouldBeAsync(422);
        await shop.Http.PostAsync("/reviews", new { product_id = product.Id(), client_id = client.Id(), rating = 1 }).ShouldBeAsync(422);

        Assert.NotNull(address["errors"]!["client_id"]);
    }

    [Fact]
    public async Task Clients_products_and_reviews_that_go_at_the_same_moment_do_not_wait_in_a_circle()
    {
        for (var round = 0; round < 5; round++)
        {
            var (product, second) = (await shop.Given.ProductAsync(), await shop.Given.ProductAsync());
            var clients = new[] { await shop.Given.ClientAsync(), await shop.Given.ClientAsync(), await shop.Given.ClientAsync() };
            foreach (var client in clients)
            {
                await shop.Given.ReviewAsync(second.Id(), client.Id());
            }

            var reviews = await Task.WhenAll(clients.Select(c => shop.Given.ReviewAsync(product.Id(), c.Id())));

            var answers = await Task.WhenAll(
                shop.Http.DeletedAsync($"/clients/{clients[0].Id()}"),
                shop.Http.DeletedAsync($"/products/{product.Id()}"),
                shop.Http.DeletedAsync($"/clients/{clients[1].Id()}"),
                shop.Http.DeletedAsync($"/reviews/{reviews[2].Id()}"),
                shop.Http.PatchAsync($"/reviews/{reviews[1].Id()}", new { rating = 1 }));

            Assert.All(answers[..3], answer => Assert.Equal(204, (int)answer.StatusCode));
            Assert.All(answers[3..], answer => Assert.Contains((int)answer.StatusCode, (int[])[200, 204, 404]));
            Assert.Equal(1, (int)(await shop.Http.GetJsonAsync($"/products/{second.Id()}"))["rating_count"]!);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_address_that_is_changed_while_its_client_goes_does_not_wait_in_a_circle(bool conditional)
    {
        var client = await shop.Given.ClientAsync();
        var address = await shop.Given.AddressAsync(client.Id());
        Task<HttpResponseMessage> change, erasure;
        await using (var held = await shop.Database.HoldAsync($"SELECT FROM addresses WHERE id_key = {address.Id()} FOR UPDATE"))
        {
            using var request = new HttpRequestMessage(HttpMethod.Patch, $"/addresses/{address.Id()}");
            request.Content = JsonContent.Create(new { city = "Vigo" });
            if (conditional)
            {
                request.Headers.TryAddWithoutValidation("If-Match", "*");
            }

            change = shop.Http.SendAsync(request, TestContext.Current.CancellationToken);
            await held.WaitedForAsync(1);
            erasure = shop.Http.DeletedAsync($"/clients/{client.Id()}");
            await held.WaitedForAsync(2);
        }

        await change.ShouldBeAsync(200);
        await erasure.ShouldBeAsync(204);
        await shop.Http.GottenAsync($"/addresses/{address.Id()}").ShouldBeAsync(404);
    }

    [Fact]
    public async Task A_person_can_have_everything_that_is_kept()
    {
        var client = await shop.Given.ClientAsync();
        var address = await shop.Given.AddressAsync(client.Id());
        var product = await shop.Given.ProductAsync(price: 2.50m);
        var review = await shop.Given.ReviewAsync(product.Id(), client.Id(), 3.5m);
        var order = await shop.Database.AddOrderAsync(client.Id(), address.Id(), product.Id());
        await shop.Http.PostAsync("/auth/token", new { email = (string)client["email"]!, password = Given.Password }).ShouldBeAsync(200);
        var foreign = await shop.Given.ClientAsync();
        await shop.Database.AddOrderAsync(foreign.Id(), null, product.Id());

        var export = await shop.Http.GetJsonAsync($"/clients/{client.Id()}/export");

        Assert.Equal(client.ToJsonString(), export["client"]!.ToJsonString());
        Assert.Equal(address.ToJsonString(), Assert.Single(export["addresses"]!.AsArray())!.ToJsonString());
        Assert.Equal(review.ToJsonString(), Assert.Single(export["reviews"]!.AsArray())!.ToJsonString());
        var exported = Assert.Single(export["orders"]!.AsArray())!;
        Assert.Equal((order, address.Id()), (exported.Id(), (long)exported["address_id"]!));
        var item = Assert.Single(exported["items"]!.AsArray())!;
        Assert.Equal((product.Id(), 2, "2.50"), ((long)item["product_id"]!, (int)item["quantity"]!, item["price"]!.ToJsonString()));
        var bill = Assert.Single(exported["bills"]!.AsArray())!;
        Assert.Equal(("5.00", 2), (bill["total"]!.ToJsonString(), (int)bill["payment_type"]!));
        Assert.Equal(["placed", "line_added", "billed"], exported["events"]!.AsArray().Select(e => (string)e!["event"]!));
        Assert.Single(export["sessions"]!.AsArray());
        Assert.DoesNotContain("password", export.ToJsonString(), StringComparison.Ordinal);
        Assert.DoesNotContain(
            await shop.Database.ValueAsync<string>($"SELECT password_hash FROM clients WHERE id_key = {client.Id()}"),
            export.ToJsonString(),
            StringComparison.Ordinal);
        await shop.Http.GottenAsync($"/clients/{long.MaxValue}/export").ShouldBeAsync(404);
    }
}
