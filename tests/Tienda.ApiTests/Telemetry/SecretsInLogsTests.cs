using System.Text;
using Tienda.ApiTests.Contract;
using Tienda.ApiTests.Data;

namespace Tienda.ApiTests.Telemetry;

/// <summary>
/// A shop that logs all it can, to whom people send what must not be logged, also where it does not belong. What every other shop of the
/// tests says is searched as well (<see cref="ShopOutput"/>).
/// </summary>
public sealed class SecretsInLogsTests(ShopApp shop)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("text")]
    [InlineData("json")]
    public async Task Nothing_that_people_send_is_in_the_log(string format)
    {
        await using var folder = new ShopFolder();
        var server = shop.Postgres.Server("shop");
        await using var program = TiendaProgram.Start(folder.Path, ["--port", "0"], new()
        {
            ["POSTGRES_HOST"] = server.Host,
            ["POSTGRES_USER"] = server.User,
            ["POSTGRES_DB"] = server.Database,
            ["RATE_LIMIT_ENABLED"] = "false",
            ["LOG_FORMAT"] = format,
            ["LOG_LEVEL"] = "trace",
            ["SLOW_REQUEST_MS"] = "0",
            ["SLOW_QUERY_MS"] = "0",
        });
        using var http = await program.OpenAsync();
        http.Timeout = TimeSpan.FromSeconds(60);
        var given = new Given(http);
        foreach (var example in Operations.Examples.Where(e => e.Key != "GetOwnClient"))
        {
            await SendAsync(http, await example.Value(given));
        }

        var client = await given.ClientAsync();
        var email = (string)client["email"]!;
        var signedIn = await http.PostAsync("/auth/token", new { email, password = Given.Password }).ShouldBeAsync(200);
        // A word in a path that looks like any other cannot be told from one; those that are long or have an @ can.
        string[] inPaths = ["ana@example.com", email, (string)signedIn["access_token"]!, (string)signedIn["refresh_token"]!];
        foreach (var secret in inPaths.Append(Given.Password).Append(ShopApp.JwtSecret).Select(Uri.EscapeDataString))
        {
            (await http.GottenAsync($"/clients?email={secret}")).Dispose();
            (await http.GottenAsync($"/products?search={secret}&after={secret}")).Dispose();
        }

        foreach (var secret in inPaths.Select(Uri.EscapeDataString))
        {
            await http.GottenAsync($"/x/{secret}?a={secret}").ShouldBeAsync(404);
        }

        var twice = new { name = "N", lastname = Given.Lastname, email, password = Given.Password };
        await http.PostAsync("/clients", twice).ShouldBeAsync(409);
        await SendTextAsync(http, "/clients", $$"""{"name":5,"email":"{{email}}","password":"{{Given.Password}}"}""");
        await SendTextAsync(http, "/clients", $"{{\"name\":\"{Given.Lastname}\"");
        await SendTextAsync(http, "/reviews", $$"""{"product_id":"{{email}}","comment":"{{ShopOutput.Planted}}"}""");
        await SendTextAsync(http, "/auth/token", $$"""{"email":"{{email}}","password":"{{ShopOutput.Planted}}"}""");
        await SendTextAsync(http, "/auth/refresh", $$"""{"refresh_token":"{{signedIn["access_token"]}}"}""");
        await program.SignalAsync("TERM");
        Assert.Equal(0, await program.ExitCodeAsync());

        var lines = program.Output.Split('\n');
        Assert.True(lines.Count(line => line.Contains("slow query", StringComparison.Ordinal)) > 50, "Queries were not logged.");
        Assert.True(lines.Count(line => line.Contains("/x/...", StringComparison.Ordinal)) >= 3, "The paths were not logged.");
        Assert.DoesNotContain(lines, ShopOutput.IsLeak);
    }

    [Theory]
    [InlineData("GET /clients/ana@example.com - 200")]
    [InlineData("the password is indecible horse")]
    [InlineData("Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.x")]
    [InlineData("{\"refresh\":\"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_\"}")]
    [InlineData("hash AQAAAAIAAYagAAAAE")]
    public void What_must_not_be_there_is_found(string line) => Assert.True(ShopOutput.IsLeak(line));

    [Theory]
    [InlineData("2025-11-18 10:00:00 - [abc123] → GET /products (client: 192.168.1.100)")]
    [InlineData("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    public void What_may_be_there_is_not(string line) => Assert.False(ShopOutput.IsLeak(line));

    private static async Task SendAsync(HttpClient http, Example example)
    {
        using var request = new HttpRequestMessage(new HttpMethod(example.Method), example.Path);
        request.Content = example.Content;
        using var response = await http.SendAsync(request, Ct);
        Assert.Equal(example.Status, (int)response.StatusCode);
    }

    private static async Task SendTextAsync(HttpClient http, string path, string body)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var response = await http.PostAsync(new Uri(path, UriKind.Relative), content, Ct);
        Assert.InRange((int)response.StatusCode, 400, 499);
    }
}
