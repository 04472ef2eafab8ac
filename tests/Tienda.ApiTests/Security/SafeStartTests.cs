using System.Diagnostics;
using Tienda.ApiTests.Data;
using Tienda.Hosting;

namespace Tienda.ApiTests.Security;

/// <summary>What a shop that is started by a person or an operator refuses, makes, and keeps to itself.</summary>
public sealed class SafeStartTests(ShopApp shop)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private static readonly string[] Serve = ["--port", "0"];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("JWT_SECRET", "", "JWT_SECRET is not set")]
    [InlineData("JWT_SECRET", "thirty-one bytes are not enough", "JWT_SECRET=… (environment): accepted is at least 32 bytes")]
    [InlineData("ADMIN_API_KEY", "", "ADMIN_API_KEY is not set")]
    [InlineData("ADMIN_API_KEY", "short-admin-key", "ADMIN_API_KEY=… (environment): accepted is at least 16 bytes")]
    [InlineData("ADMIN_EMAIL", "nobody", "ADMIN_EMAIL=nobody (environment): accepted is an e-mail address")]
    [InlineData("ADMIN_EMAIL", "a@example.com", "accepted is an e-mail address together with ADMIN_PASSWORD")]
    [InlineData("ADMIN_PASSWORD", "secret-password", "ADMIN_PASSWORD=… (environment): accepted is a password together with ADMIN_EMAIL")]
    public async Task Production_does_not_start_without_good_secrets_and_shows_none(string name, string value, string message)
    {
        await using var folder = new ShopFolder();
        var settings = External(shop.Postgres.Server("shop"));
        settings[name] = value;

        await using var program = TiendaProgram.Start(folder.Path, Serve, settings);

        Assert.Equal(1, await program.ExitCodeAsync());
        Assert.Contains(message, program.Output);
        Assert.True(value.Length == 0 || name == "ADMIN_EMAIL" || !program.Output.Contains(value, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Without_authentication_a_public_address_in_production_is_refused_unless_the_operator_insists()
    {
        await using var folder = new ShopFolder();
        var settings = External(shop.Postgres.Server("shop"));
        settings["AUTH_ENABLED"] = "false";
        settings["HOST"] = "0.0.0.0";
        settings["JWT_SECRET"] = settings["ADMIN_API_KEY"] = "";
        await using (var refused = TiendaProgram.Start(folder.Path, Serve, settings))
        {
            Assert.Equal(1, await refused.ExitCodeAsync());
            Assert.Contains("AUTH_DISABLED_I_KNOW=true", refused.Output);
        }

        settings["AUTH_DISABLED_I_KNOW"] = "true";
        await using var insisted = TiendaProgram.Start(folder.Path, Serve, settings);
        using var there = await insisted.OpenAsync();
        there.DefaultRequestHeaders.Clear();
        await there.GetAsync($"http://127.0.0.1:{there.BaseAddress!.Port}/clients?limit=1", Ct).ShouldBeAsync(200);
        settings.Remove("AUTH_DISABLED_I_KNOW");
        settings["HOST"] = "127.0.0.1";
        await using var local = TiendaProgram.Start(folder.Path, Serve, settings);
        using var http = await local.OpenAsync();
        http.DefaultRequestHeaders.Clear();

        await http.PostAsync("/products", new { name = "Open", price = 1, stock = 1 }).ShouldBeAsync(201);
        var health = await http.GetJsonAsync("/health_check");
        Assert.Contains("AUTH_ENABLED=false", (string)health["warnings"]![0]!, StringComparison.Ordinal);
        Assert.Contains("WARNING - AUTH_ENABLED=false", local.Output);
    }

    [Fact]
    public async Task A_shop_of_its_own_makes_secrets_that_only_its_owner_can_read_and_keeps_them()
    {
        await using var folder = new ShopFolder();
        var settings = new Dictionary<string, string> { ["JWT_SECRET"] = "", ["ADMIN_API_KEY"] = "" };
        var file = Path.Combine(folder.Path, "data", "secrets.env");
        string made;
        await using (var first = TiendaProgram.Start(folder.Path, Serve, settings))
        {
            using var http = await first.OpenAsync();
            made = await File.ReadAllTextAsync(file, Ct);
            var key = EnvironmentFile.Parse(made)["ADMIN_API_KEY"];
            http.DefaultRequestHeaders.Clear();
            http.DefaultRequestHeaders.Add("X-API-Key", key);
            await http.GetAsync("/clients", Ct).ShouldBeAsync(200);
            Assert.Equal(OwnerOnly, File.GetUnixFileMode(file));
            Assert.Contains(file, first.Output);
            Assert.DoesNotContain(key, first.Output);
            await first.SignalAsync("TERM");
            Assert.Equal(0, await first.ExitCodeAsync());
        }

        await using var second = TiendaProgram.Start(folder.Path, Serve, settings);
        using var again = await second.OpenAsync();
        Assert.Equal(made, await File.ReadAllTextAsync(file, Ct));
        await second.SignalAsync("TERM");
        await second.ExitCodeAsync();
    }

    [Fact]
    public async Task The_first_administrator_comes_from_the_settings_once_and_others_from_the_command()
    {
        await using var folder = new ShopFolder();
        var server = await shop.Postgres.CreateDatabaseAsync($"admins_{Guid.NewGuid():N}");
        var (app, admin) = await ShopApp.OpenShopAsync(server);
        await using var running = app;
        using var byKey = admin;
        // Somebody has registered with the administrator's e-mail beforehand, and another is an ordinary client.
        await admin.PostAsync("/clients", new { name = "X", lastname = "Y", email = "boss@example.com", password = "squatter's own" }).ShouldBeAsync(201);
        await admin.PostAsync("/clients", new { name = "X", lastname = "Y", email = "eva@example.com", password = "eva's password" }).ShouldBeAsync(201);
        var settings = External(server);
        (settings["ADMIN_EMAIL"], settings["ADMIN_PASSWORD"]) = ("Boss@example.com", "the boss's password");
        await using var program = TiendaProgram.Start(folder.Path, Serve, settings);
        using var http = await program.OpenAsync();
        http.DefaultRequestHeaders.Clear();

        for (var waited = Stopwatch.StartNew(); await StatusOfListAsync("boss@example.com", "the boss's password") != 200;)
        {
            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(10));
            await Task.Delay(200, Ct);
        }

        await http.PostAsync("/auth/token", new { email = "boss@example.com", password = "squatter's own" }).ShouldBeAsync(401);
        Assert.Equal(403, await StatusOfListAsync("eva@example.com", "eva's password"));
        Assert.Equal((0, 200), (await RunAsync("add", "Eva@example.com"), await StatusOfListAsync("eva@example.com", "eva's password")));
        Assert.Equal((0, 403), (await RunAsync("remove", "eva@example.com"), await StatusOfListAsync("eva@example.com", "eva's password")));
        Assert.Equal(1, await RunAsync("add", "nobody@example.com"));

        async Task<int> StatusOfListAsync(string email, string password)
        {
            using var answer = await http.PostAsync("/auth/token", new { email, password });
            if (!answer.IsSuccessStatusCode)
            {
                return (int)answer.StatusCode;
            }

            using var request = new HttpRequestMessage(HttpMethod.Get, "/clients");
            request.Headers.Authorization = new("Bearer", (string)(await answer.JsonAsync())["access_token"]!);
            using var list = await http.SendAsync(request, Ct);
            return (int)list.StatusCode;
        }

        async Task<int> RunAsync(string change, string email)
        {
            await using var command = TiendaProgram.Start(folder.Path, ["administrators", change, email], settings);
            return await command.ExitCodeAsync();
        }
    }

    [Fact]
    public async Task Passwords_hashes_and_tokens_are_in_no_answer_and_no_line_of_the_log()
    {
        const string Password = "Pa55-that-must-not-be-seen";
        await using var folder = new ShopFolder();
        var settings = External(shop.Postgres.Server("shop"));
        settings["LOG_LEVEL"] = "trace";
        settings["ACCESS_LOG"] = "true";
        await using var program = TiendaProgram.Start(folder.Path, Serve, settings);
        using var http = await program.OpenAsync();
        http.DefaultRequestHeaders.Clear();
        var answers = new List<string>();
        var email = Given.Email();
        var body = new { name = "N", lastname = "L", email, password = Password };

        await SendAsync(http.PostAsync("/clients", body));
        await SendAsync(http.PostAsync("/clients", body));
        await SendAsync(http.PostAsync("/clients", new { name = 5, password = Password }));
        await SendAsync(http.PostAsync("/clients", new { password = Password, unknown_field = Password }));
        await SendAsync(http.PostAsync("/auth/token", new { email = "x", password = Password, other = Password }));
        await SendAsync(http.PostAsync("/auth/token", new { email = Given.Email(), password = Password }));
        var signedIn = await http.PostAsync("/auth/token", new { email, password = Password }).ShouldBeAsync(200);
        string[] tokens = [(string)signedIn["access_token"]!, (string)signedIn["refresh_token"]!];
        await SendAsync(http.PostAsync("/auth/logout", new { refresh_token = tokens[1] }));
        await SendAsync(http.PostAsync("/auth/refresh", new { refresh_token = tokens[1] }));
        http.DefaultRequestHeaders.Authorization = new("Bearer", tokens[0] + "x");
        await SendAsync(http.GetAsync("/clients/me", Ct));
        http.DefaultRequestHeaders.Authorization = new("Bearer", tokens[0]);
        await SendAsync(http.GetAsync("/clients/me", Ct));
        await SendAsync(http.PatchAsync($"/clients/{signedIn["client"]!.Id()}", new { password = Password + "2" }));
        await SendAsync(http.GetAsync($"/clients/{signedIn["client"]!.Id()}/export", Ct));
        http.DefaultRequestHeaders.Clear();
        http.DefaultRequestHeaders.Add("X-API-Key", ShopApp.AdminApiKey);
        await SendAsync(http.GetAsync("/clients?limit=1000", Ct));
        await program.SignalAsync("TERM");
        await program.ExitCodeAsync();

        var seen = string.Join('\n', answers) + program.Output;
        string[] secrets =
        [
            Password, "AQAAAA", "password_hash", ShopApp.AdminApiKey, tokens[0].Split('.')[2], tokens[1], ShopApp.JwtSecret,
        ];
        Assert.All(secrets, secret => Assert.DoesNotContain(secret, seen, StringComparison.Ordinal));

        async Task SendAsync(Task<HttpResponseMessage> request)
        {
            using var response = await request;
            Assert.NotEqual(500, (int)response.StatusCode);
            answers.Add(response.Headers + await response.Content.ReadAsStringAsync(Ct));
        }
    }

    private static Dictionary<string, string> External(PostgresServer server) => new()
    {
        ["POSTGRES_HOST"] = server.Host,
        ["POSTGRES_DB"] = server.Database,
        ["POSTGRES_USER"] = server.User,
        ["RATE_LIMIT_ENABLED"] = "false",
    };
}
