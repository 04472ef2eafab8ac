using System.Text.Json.Nodes;
using Tienda.Hosting;
using Tienda.Security;

namespace Tienda.ApiTests.Security;

public sealed class SignInTests(ShopApp shop)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Who_registers_can_sign_in_and_order()
    {
        var email = Given.Email();
        await shop.Anonymous.PostAsync("/clients", new { name = "Ana", lastname = "Ruiz", email, password = "eight chars" }).ShouldBeAsync(201);

        var signedIn = await SignInAsync(email.ToUpperInvariant(), "eight chars").ShouldBeAsync(200);
        using var http = shop.WithToken((string)signedIn["access_token"]!);
        var items = new[] { new { product_id = (await shop.Given.ProductAsync()).Id(), quantity = 1 } };
        var order = await http.PostAsync("/orders", new { delivery_method = 1, items }).ShouldBeAsync(201);

        Assert.Equal("Bearer", (string)signedIn["token_type"]!);
        Assert.Equal(900, (int)signedIn["expires_in"]!);
        Assert.Equal(email, (string)signedIn["client"]!["email"]!);
        Assert.Equal(signedIn["client"]!.Id(), (long)order["client_id"]!);
    }

    [Fact]
    public async Task An_unknown_mail_and_a_wrong_password_cannot_be_told_apart()
    {
        var client = await shop.Given.ClientAsync();

        var wrong = await SignInAsync((string)client["email"]!, "wrong password").ShouldBeAsync(401);
        var unknown = await SignInAsync(Given.Email(), "wrong password").ShouldBeAsync(401);

        foreach (var answer in new[] { wrong, unknown })
        {
            answer["request_id"] = null;
        }

        Assert.Equal(wrong.ToJsonString(), unknown.ToJsonString());
        Assert.Equal("/errors/invalid-credentials", (string)wrong["type"]!);
    }

    [Fact]
    public async Task A_refresh_token_works_once_and_its_reuse_ends_the_session()
    {
        var client = await shop.Given.ClientAsync();
        var first = await SignInAsync((string)client["email"]!, Given.Password).ShouldBeAsync(200);

        var second = await RefreshAsync(first).ShouldBeAsync(200);
        var third = await RefreshAsync(second).ShouldBeAsync(200);
        await RefreshAsync(first).ShouldBeAsync(401);
        await RefreshAsync(third).ShouldBeAsync(401);

        Assert.Equal(3, new[] { first, second, third }.Select(s => (string)s["refresh_token"]!).Distinct().Count());
        using var http = shop.WithToken((string)third["access_token"]!);
        Assert.Equal(client.Id(), (await http.GetJsonAsync("/clients/me")).Id());
    }

    [Fact]
    public async Task Of_two_who_refresh_with_one_token_at_once_at_most_one_goes_on()
    {
        for (var round = 0; round < 10; round++)
        {
            var client = await shop.Given.ClientAsync();
            var session = await SignInAsync((string)client["email"]!, Given.Password).ShouldBeAsync(200);

            var answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => RefreshAsync(session)));

            Assert.Equal(1, answers.Count(a => a.IsSuccessStatusCode));
            Assert.Equal(3, answers.Count(a => (int)a.StatusCode == 401));
            await RefreshAsync(await answers.Single(a => a.IsSuccessStatusCode).JsonAsync()).ShouldBeAsync(401);
        }
    }

    [Fact]
    public async Task A_new_password_ends_every_session_and_the_old_one_is_wrong()
    {
        var client = await shop.Given.ClientAsync();
        var email = (string)client["email"]!;
        var (phone, laptop) = (
            await SignInAsync(email, Given.Password).ShouldBeAsync(200), await SignInAsync(email, Given.Password).ShouldBeAsync(200));

        using var http = shop.WithToken((string)phone["access_token"]!);
        await http.PatchAsync($"/clients/{client.Id()}", new { name = "Other" }).ShouldBeAsync(200);
        laptop = await RefreshAsync(laptop).ShouldBeAsync(200);
        await http.PatchAsync($"/clients/{client.Id()}", new { password = "another horse" }).ShouldBeAsync(200);

        await RefreshAsync(phone).ShouldBeAsync(401);
        await RefreshAsync(laptop).ShouldBeAsync(401);
        await SignInAsync(email, Given.Password).ShouldBeAsync(401);
        await SignInAsync(email, "another horse").ShouldBeAsync(200);
    }

    [Fact]
    public async Task Signing_out_ends_the_session_however_often_it_is_said()
    {
        var client = await shop.Given.ClientAsync();
        var session = await SignInAsync((string)client["email"]!, Given.Password).ShouldBeAsync(200);
        var body = new { refresh_token = (string)session["refresh_token"]! };

        await shop.Anonymous.PostAsync("/auth/logout", body).ShouldBeAsync(204);
        await shop.Anonymous.PostAsync("/auth/logout", body).ShouldBeAsync(204);

        await RefreshAsync(session).ShouldBeAsync(401);
    }

    [Fact]
    public async Task A_deleted_client_cannot_sign_in_or_go_on()
    {
        var client = await shop.Given.ClientAsync();
        await new Given(shop.Http) { Owner = client }.OrderAsync((await shop.Given.ProductAsync(), 1)).ShouldBeAsync(201);
        var session = await SignInAsync((string)client["email"]!, Given.Password).ShouldBeAsync(200);

        await shop.Http.DeleteAsync($"/clients/{client.Id()}", Ct).ShouldBeAsync(204);

        await RefreshAsync(session).ShouldBeAsync(401);
        await SignInAsync((string)client["email"]!, Given.Password).ShouldBeAsync(401);
    }

    [Fact]
    public async Task Sessions_of_one_client_are_bounded_and_the_oldest_ends()
    {
        var client = await shop.Given.ClientAsync();
        var sessions = new List<JsonNode>();
        for (var i = 0; i < 21; i++)
        {
            sessions.Add(await SignInAsync((string)client["email"]!, Given.Password).ShouldBeAsync(200));
        }

        await RefreshAsync(sessions[0]).ShouldBeAsync(401);
        await RefreshAsync(sessions[1]).ShouldBeAsync(200);
        await RefreshAsync(sessions[20]).ShouldBeAsync(200);
    }

    [Fact]
    public async Task A_token_of_another_secret_another_time_or_another_algorithm_is_none()
    {
        var client = await shop.Given.ClientAsync();
        var settings = new Settings { JwtSecret = "another secret, as long as needed" };
        var ofAnotherShop = new AccessTokens(settings, TimeProvider.System).Issue(client.Id(), administrator: true);
        var own = shop.AccessTokens.Issue(client.Id(), administrator: false);
        var expired = new AccessTokens(shop.Settings, new FixedTime(TimeProvider.System.GetUtcNow().AddMinutes(-16)))
            .Issue(client.Id(), administrator: true);
        var parts = own.Split('.');

        string[] bad =
        [
            ofAnotherShop, expired, own[..^2], $"{parts[0]}.{parts[1]}.", "a.b.c",
            $"{parts[0]}.{ofAnotherShop.Split('.')[1]}.{parts[2]}", $"eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{parts[1]}.",
        ];
        foreach (var token in bad)
        {
            using var http = shop.WithToken(token);
            await http.GetAsync("/clients/me", Ct).ShouldBeAsync(401);
        }

        using var good = shop.WithToken(own);
        await good.GetAsync("/clients/me", Ct).ShouldBeAsync(200);
    }

    [Fact]
    public async Task Weaker_hashes_of_older_days_are_replaced_when_their_owner_signs_in()
    {
        var client = await shop.Given.ClientAsync();
        var before = await HashOfAsync(client);
        var (app, http) = await ShopApp.OpenShopAsync(shop.Postgres.Server("shop"), s => s with { PasswordIterations = 2_000 });
        await using var running = app;
        using var admin = http;

        await http.PostAsync("/auth/token", new { email = (string)client["email"]!, password = Given.Password }).ShouldBeAsync(200);

        Assert.NotEqual(before, await HashOfAsync(client));
        await SignInAsync((string)client["email"]!, Given.Password).ShouldBeAsync(200);
    }

    [Fact]
    public async Task Two_devices_sign_in_at_once_while_the_hash_is_replaced()
    {
        var client = await shop.Given.ClientAsync();
        var (app, http) = await ShopApp.OpenShopAsync(shop.Postgres.Server("shop"), s => s with { PasswordIterations = 100_000 });
        await using var running = app;
        using var admin = http;

        await Task.WhenAll(Enumerable.Range(0, 3).Select(_ =>
            http.PostAsync("/auth/token", new { email = (string)client["email"]!, password = Given.Password }).ShouldBeAsync(200)));
    }

    [Fact]
    public async Task More_sign_ins_than_the_queue_holds_are_told_to_come_back()
    {
        var (app, http) = await ShopApp.OpenShopAsync(
            shop.Postgres.Server("shop"), s => s with { PasswordIterations = Passwords.Iterations });
        await using var running = app;
        using var admin = http;

        var answers = await Task.WhenAll(Enumerable.Range(0, 150).Select(i => http.PostAsync(
            "/clients", new { name = "N", lastname = "L", email = Given.Email(), password = "long enough" })));

        var refused = answers.Where(a => (int)a.StatusCode == 503).ToList();
        Assert.Equal(150, refused.Count + answers.Count(a => (int)a.StatusCode == 201));
        Assert.NotEmpty(refused);
        Assert.All(refused, answer => Assert.NotNull(answer.Headers.RetryAfter));
    }

    private Task<HttpResponseMessage> SignInAsync(string email, string password) =>
        shop.Anonymous.PostAsync("/auth/token", new { email, password });

    private Task<HttpResponseMessage> RefreshAsync(JsonNode session) =>
        shop.Anonymous.PostAsync("/auth/refresh", new { refresh_token = (string)session["refresh_token"]! });

    private async Task<string> HashOfAsync(JsonNode client)
    {
        await using var command = shop.Database.CreateCommand($"SELECT password_hash FROM clients WHERE id_key = {client.Id()}");
        return (string)(await command.ExecuteScalarAsync(Ct))!;
    }

    private sealed class FixedTime(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }
}
