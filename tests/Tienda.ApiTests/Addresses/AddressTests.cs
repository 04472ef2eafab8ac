namespace Tienda.ApiTests.Addresses;

public sealed class AddressTests(ShopApp shop)
{
    [Fact]
    public async Task An_address_is_found_at_its_location()
    {
        var client = await shop.Given.ClientAsync();
        var sent = new { street = "Rúa do Vilar", number = "12 B", city = "A Coruña", client_id = client.Id() };
        using var response = await shop.Http.PostAsync("/addresses", sent);

        var address = await shop.Http.GetJsonAsync(response.Headers.Location!.ToString());

        Assert.Equal(201, (int)response.StatusCode);
        Assert.Equal("Rúa do Vilar", (string)address["street"]!);
        Assert.Equal("12 B", (string)address["number"]!);
        Assert.Equal("A Coruña", (string)address["city"]!);
        Assert.Equal(client.Id(), (long)address["client_id"]!);
    }

    [Fact]
    public async Task Only_the_fields_that_are_sent_change()
    {
        var address = await shop.Given.AddressAsync((await shop.Given.ClientAsync()).Id());
        var path = $"/addresses/{address.Id()}";

        var patched = await shop.Http.PatchAsync(path, new { number = "8" }).ShouldBeAsync(200);
        var put = await shop.Http.PutAsync(path, new { city = "Sevilla", id_key = 5 }).ShouldBeAsync(200);
        var refused = await shop.Http.PatchAsync(path, new { street = (string?)null, number = "", client_id = (long?)null })
            .ShouldBeAsync(422);

        Assert.Equal((Given.Street, "8"), ((string)patched["street"]!, (string)patched["number"]!));
        Assert.Equal((address.Id(), "8", "Sevilla"), (put.Id(), (string)put["number"]!, (string)put["city"]!));
        Assert.Equal(["client_id", "number", "street"], refused.Errors().Keys.Order());
    }

    [Fact]
    public async Task Every_wrong_value_is_named_at_once()
    {
        var missing = await shop.Http.PostAsync("/addresses", new { }).ShouldBeAsync(422);
        var tooLong = await shop.Http.PostAsync(
            "/addresses",
            new { street = new string('s', 201), number = new string('1', 21), city = new string('c', 101), client_id = -1 })
            .ShouldBeAsync(422);
        var unknown = await shop.Http.PostAsync(
            "/addresses", new { street = "s", number = "1", city = "c", client_id = long.MaxValue }).ShouldBeAsync(422);

        Assert.Equal(["city", "client_id", "number", "street"], missing.Errors().Keys.Order());
        Assert.Equal(["city", "client_id", "number", "street"], tooLong.Errors().Keys.Order());
        Assert.Equal("is not the id_key of a client", unknown.Errors()["client_id"]);
    }

    [Fact]
    public async Task An_address_that_an_order_was_sent_to_stays_where_it_is()
    {
        var client = await shop.Given.ClientAsync();
        var other = await shop.Given.ClientAsync();
        var used = await shop.Given.AddressAsync(client.Id());
        var unused = await shop.Given.AddressAsync(client.Id());
        await shop.Database.AddOrderAsync(client.Id(), used.Id());

        var moved = await shop.Http.PatchAsync($"/addresses/{used.Id()}", new { client_id = other.Id() }).ShouldBeAsync(409);
        var deleted = await shop.Http.DeletedAsync($"/addresses/{used.Id()}").ShouldBeAsync(409);
        await shop.Http.PatchAsync($"/addresses/{used.Id()}", new { city = "Vigo", client_id = client.Id() }).ShouldBeAsync(200);
        await shop.Http.PatchAsync($"/addresses/{unused.Id()}", new { client_id = other.Id() }).ShouldBeAsync(200);
        await shop.Http.DeletedAsync($"/addresses/{unused.Id()}").ShouldBeAsync(204);

        Assert.Equal("/errors/in-use", (string)moved["type"]!);
        Assert.Equal("Orders were sent to this address.", (string)deleted["detail"]!);
        await shop.Http.DeletedAsync($"/addresses/{unused.Id()}").ShouldBeAsync(404);
    }

    [Fact]
    public async Task The_addresses_of_a_client_are_those_of_nobody_else()
    {
        var client = await shop.Given.ClientAsync();
        var other = await shop.Given.ClientAsync();
        var mine = new List<long>();
        for (var i = 0; i < 5; i++)
        {
            mine.Add((await shop.Given.AddressAsync(client.Id())).Id());
            await shop.Given.AddressAsync(other.Id());
        }

        var pages = await shop.Http.EveryPageAsync($"/clients/{client.Id()}/addresses?limit=2");
        using var counted = await shop.Http.GottenAsync($"/clients/{client.Id()}/addresses?limit=1&count=exact");

        Assert.Equal(mine, pages.Select(a => a.Id()));
        Assert.Equal("5", counted.Headers.GetValues("X-Total-Count").Single());
    }

    [Fact]
    public async Task A_client_without_addresses_has_an_empty_list_and_an_unknown_client_none()
    {
        var client = await shop.Given.ClientAsync();

        Assert.Empty((await shop.Http.GetJsonAsync($"/clients/{client.Id()}/addresses")).AsArray());
        var problem = await shop.Http.GottenAsync($"/clients/{long.MaxValue}/addresses?count=exact").ShouldBeAsync(404);
        Assert.Contains("client", (string)problem["detail"]!, StringComparison.Ordinal);
    }
}
