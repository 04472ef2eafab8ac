namespace Tienda.ApiTests.Clients;

public sealed class ClientTests(ShopApp shop)
{
    [Fact]
    public async Task A_client_is_found_at_its_location_without_the_password()
    {
        var email = Given.Email();
        var sent = new { name = "José", lastname = "Núñez", email, telephone = "+34600123456", password = Given.Password };
        using var response = await shop.Http.PostAsync("/clients", sent);

        var client = await shop.Http.GetJsonAsync(response.Headers.Location!.ToString());

        Assert.Equal(201, (int)response.StatusCode);
        Assert.Equal(["created_at", "email", "id_key", "lastname", "name", "telephone"], client.AsObject().Select(f => f.Key).Order());
        Assert.Equal(("José", "Núñez", email), ((string)client["name"]!, (string)client["lastname"]!, (string)client["email"]!));
        Assert.Equal((await response.JsonAsync()).ToJsonString(), client.ToJsonString());
    }

    [Fact]
    public async Task A_field_that_is_left_out_stays_and_one_sent_as_null_is_emptied()
    {
        var client = await shop.Given.ClientAsync();
        var path = $"/clients/{client.Id()}";

        var reached = await shop.Http.PatchAsync(path, new { telephone = "1234567" }).ShouldBeAsync(200);
        var renamed = await shop.Http.PutAsync(path, new { name = "Eva" }).ShouldBeAsync(200);
        var unreachable = await shop.Http.PatchAsync(path, new { telephone = (string?)null }).ShouldBeAsync(200);
        var refused = await shop.Http.PatchAsync(path, new { name = (string?)null, email = (string?)null, password = (string?)null })
            .ShouldBeAsync(422);

        Assert.Equal("1234567", (string)reached["telephone"]!);
        Assert.Equal(("Eva", Given.Lastname, "1234567"), ((string)renamed["name"]!, (string)renamed["lastname"]!, (string)renamed["telephone"]!));
        Assert.Null(unreachable["telephone"]);
        Assert.Equal(["email", "name", "password"], refused.Errors().Keys.Order());
    }

    [Fact]
    public async Task An_email_is_registered_once_whatever_its_case()
    {
        var client = await shop.Given.ClientAsync();
        var other = await shop.Given.ClientAsync();
        var email = ((string)client["email"]!).ToUpperInvariant();

        var created = await RegisterAsync(email).ShouldBeAsync(409);
        var changed = await shop.Http.PatchAsync($"/clients/{other.Id()}", new { email }).ShouldBeAsync(409);
        var own = await shop.Http.PatchAsync($"/clients/{client.Id()}", new { email }).ShouldBeAsync(200);

        Assert.Equal("is already registered", created.Errors()["email"]);
        Assert.Equal("is already registered", changed.Errors()["email"]);
        Assert.Equal(email, (string)own["email"]!);
    }

    [Theory]
    [InlineData("")]
    [InlineData("ana")]
    [InlineData("ana@")]
    [InlineData("@example.com")]
    [InlineData("ana@example")]
    [InlineData("ana@@example.com")]
    [InlineData("ana example@example.com")]
    [InlineData(".ana@example.com")]
    [InlineData("ana@-example.com")]
    [InlineData("ana@example..com")]
    [InlineData("ana@example.com\n")]
    [InlineData("ana\0@example.com")]
    [InlineData("<ana@example.com>")]
    public async Task What_is_no_email_address_is_refused(string email)
    {
        var problem = await RegisterAsync(email).ShouldBeAsync(422);

        Assert.Equal("is not an e-mail address", problem.Errors()["email"]);
    }

    [Theory]
    [InlineData("ana.o'neil+shop-{0}@mail.example.co.uk")]
    [InlineData("josé.ñandú.{0}@correo.españa.es")]
    public async Task Unusual_email_addresses_are_taken(string form)
    {
        var email = form.Replace("{0}", Guid.NewGuid().ToString("N"), StringComparison.Ordinal);

        var client = await RegisterAsync(email).ShouldBeAsync(201);

        Assert.Equal(email, (string)client["email"]!);
    }

    [Theory]
    [InlineData("")]
    [InlineData("123456")]
    [InlineData("0123456789")]
    [InlineData("+34 600 123 456")]
    [InlineData("٣٤٦٠٠١٢٣٤٥٦")]
    [InlineData("1234567\n")]
    [InlineData("123456789012345678901")]
    public async Task What_is_no_telephone_number_is_refused(string telephone)
    {
        var client = await shop.Given.ClientAsync();

        var problem = await shop.Http.PatchAsync($"/clients/{client.Id()}", new { telephone }).ShouldBeAsync(422);

        Assert.Equal(["telephone"], problem.Errors().Keys);
    }

    [Fact]
    public async Task Every_wrong_value_is_named_at_once()
    {
        var missing = await shop.Http.PostAsync("/clients", new { }).ShouldBeAsync(422);
        var wrong = await shop.Http.PostAsync(
            "/clients",
            new { name = "", lastname = new string('x', 101), email = new string('x', 250) + "@e.es", telephone = "0", password = "short" })
            .ShouldBeAsync(422);

        Assert.Equal(["email", "lastname", "name", "password"], missing.Errors().Keys.Order());
        Assert.Equal(["email", "lastname", "name", "password", "telephone"], wrong.Errors().Keys.Order());
    }

    [Fact]
    public async Task A_new_password_is_hashed_anew_and_another_change_keeps_the_old_hash()
    {
        var client = await shop.Given.ClientAsync();
        var path = $"/clients/{client.Id()}";
        var first = await HashAsync(client.Id());

        await shop.Http.PatchAsync(path, new { name = "Eva" }).ShouldBeAsync(200);
        var kept = await HashAsync(client.Id());
        var answer = await shop.Http.PatchAsync(path, new { password = "battery staple" }).ShouldBeAsync(200);
        var second = await HashAsync(client.Id());

        Assert.Equal(first, kept);
        Assert.NotEqual(first, second);
        Assert.DoesNotContain("battery", second, StringComparison.Ordinal);
        Assert.Null(answer["password"]);
    }

    [Fact]
    public async Task The_list_of_clients_is_bounded_and_shows_no_password()
    {
        await shop.Given.ClientAsync();

        var list = await shop.Http.GetJsonAsync("/clients?limit=1");

        Assert.DoesNotContain("password", Assert.Single(list.AsArray())!.AsObject().Select(f => f.Key));
    }

    private Task<HttpResponseMessage> RegisterAsync(string email) =>
        shop.Http.PostAsync("/clients", new { name = "A", lastname = "B", email, password = "12345678" });

    private Task<string> HashAsync(long id) => shop.Database.ValueAsync<string>($"SELECT password_hash FROM clients WHERE id_key = {id}");
}
