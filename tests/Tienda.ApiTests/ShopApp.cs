using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;
using Tienda.ApiTests;
using Tienda.Data;
using Tienda.Hosting;
using Tienda.Security;
using Tienda.Telemetry;

[assembly: AssemblyFixture(typeof(ShopApp))]

namespace Tienda.ApiTests;

/// <summary>One shop on one throw-away PostgreSQL for the whole test run. Tests make their own data and count nobody else's.</summary>
public sealed class ShopApp : IAsyncLifetime
{
    private TestPostgres _postgres = null!;
    private WebApplication _app = null!;

    /// <summary>What the shops of the tests are opened with.</summary>
    public const string AdminApiKey = "the-key-of-the-tests";

    public const string JwtSecret = "a secret of the tests, long enough";

    private static int _opened;

    /// <summary>Talks to the shop over HTTP as an administrator.</summary>
    public HttpClient Http { get; private set; } = null!;

    /// <summary>Talks to the shop as nobody in particular.</summary>
    public HttpClient Anonymous { get; private set; } = null!;

    /// <summary>Looks behind the shop's back.</summary>
    public NpgsqlDataSource Database { get; private set; } = null!;

    /// <summary>The server, for tests that want a database or a shop of their own.</summary>
    public TestPostgres Postgres => _postgres;

    public Given Given => new(Http);

    public async ValueTask InitializeAsync()
    {
        _postgres = await TestPostgres.StartAsync();
        (_app, Http) = await OpenShopAsync(await _postgres.CreateDatabaseAsync("shop"));
        Anonymous = new HttpClient { BaseAddress = Http.BaseAddress };
        Database = Tienda.Data.Database.CreateUnhurried(new Settings { Postgres = _postgres.Server("shop") });
    }

    /// <summary>Talks to the shop as a client, without the cost of checking a password.</summary>
    public HttpClient SignedIn(JsonNode client) => WithToken(AccessTokens.Issue(client.Id(), administrator: false));

    public HttpClient WithToken(string accessToken) => new()
    {
        BaseAddress = Http.BaseAddress,
        DefaultRequestHeaders = { Authorization = new("Bearer", accessToken) },
    };

    public IServiceProvider Services => _app.Services;

    public Settings Settings => _app.Services.GetRequiredService<Settings>();

    public AccessTokens AccessTokens => _app.Services.GetRequiredService<AccessTokens>();

    /// <summary>Starts a shop on a migrated database and any free port.</summary>
    public static async Task<(WebApplication App, HttpClient Http)> OpenShopAsync(PostgresServer server, Func<Settings, Settings>? adjust = null)
    {
        var settings = new Settings
        {
            Port = 0,
            Postgres = server,
            // Both forms, so that both are searched.
            LogLevel = LogLevel.Debug,
            JsonLogs = Interlocked.Increment(ref _opened) % 2 == 0,
            Log = new LogSettings { Output = ShopOutput.Stream },
            JwtSecret = JwtSecret,
            AdminApiKey = AdminApiKey,
            PasswordIterations = 1_000,
            DataFolder = Path.Combine(server.Host, Guid.NewGuid().ToString()),
            RateLimitEnabled = false,
            WrongPasswordsPerAddress = 1_000_000,
            // Several shops in one process would be one in the figures of their pools.
            PoolName = Guid.NewGuid().ToString(),
        };
        settings = adjust?.Invoke(settings) ?? settings;
        await using (var database = Tienda.Data.Database.CreateUnhurried(settings))
        {
            await new Migrator(database, Migration.All).MigrateAsync(CancellationToken.None);
        }

        var app = Program.Build(settings);
        await app.StartAsync();
        // A busy machine may take longer than the usual second to say that it wants a body.
        var handler = new SocketsHttpHandler { Expect100ContinueTimeout = TimeSpan.FromSeconds(30) };
        return (app, AsAdministrator(new HttpClient(handler) { BaseAddress = new Uri(app.Urls.First()) }));
    }

    /// <summary>Sends the key of the tests with every request.</summary>
    public static HttpClient AsAdministrator(HttpClient http)
    {
        http.DefaultRequestHeaders.Add("X-API-Key", AdminApiKey);
        return http;
    }

    public async ValueTask DisposeAsync()
    {
        // After a start that failed some of these are not there, and its own exception is the one to show.
        Http?.Dispose();
        Anonymous?.Dispose();
        await (_app?.DisposeAsync() ?? default);
        await (Database?.DisposeAsync() ?? default);
        await (_postgres?.DisposeAsync() ?? default);
        ShopOutput.AssertNoLeak();
    }
}

/// <summary>Short forms for what nearly every test does.</summary>
public static class HttpSteps
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>The body as JSON, whatever the status.</summary>
    public static async Task<JsonNode> JsonAsync(this HttpResponseMessage response) =>
        JsonNode.Parse(await response.Content.ReadAsStringAsync(Ct))!;

    public static Task<HttpResponseMessage> PostAsync(this HttpClient http, string path, object body) =>
        http.PostAsJsonAsync(path, body, Ct);

    public static Task<HttpResponseMessage> PutAsync(this HttpClient http, string path, object body) =>
        http.PutAsJsonAsync(path, body, Ct);

    public static Task<HttpResponseMessage> DeletedAsync(this HttpClient http, string path) => http.DeleteAsync(path, Ct);

    public static Task<HttpResponseMessage> GottenAsync(this HttpClient http, string path) => http.GetAsync(path, Ct);

    public static Task<HttpResponseMessage> PatchAsync(this HttpClient http, string path, object body) =>
        http.PatchAsJsonAsync(path, body, Ct);

    public static Task<HttpResponseMessage> PutJsonAsync(this HttpClient http, string path, object body) =>
        http.PutAsJsonAsync(path, body, Ct);

    public static async Task<JsonNode> GetJsonAsync(this HttpClient http, string path)
    {
        using var response = await http.GetAsync(path, Ct);
        Assert.True(response.IsSuccessStatusCode, $"GET {path} answered {(int)response.StatusCode}");
        return await response.JsonAsync();
    }

    /// <summary>Asserts the status and answers the body; a failure shows the body.</summary>
    public static async Task<JsonNode> ShouldBeAsync(this Task<HttpResponseMessage> request, int status)
    {
        using var response = await request;
        var body = await response.Content.ReadAsStringAsync(Ct);
        Assert.True((int)response.StatusCode == status, $"expected {status}, got {(int)response.StatusCode}: {body}");
        return body.Length == 0 ? new JsonObject() : JsonNode.Parse(body)!;
    }

    /// <summary>Follows the Link header to the end of a list.</summary>
    public static async Task<List<JsonNode>> EveryPageAsync(this HttpClient http, string path)
    {
        var records = new List<JsonNode>();
        for (var next = path; next is not null;)
        {
            using var response = await http.GetAsync(next, Ct);
            Assert.True(response.IsSuccessStatusCode, $"GET {next} answered {(int)response.StatusCode}");
            records.AddRange((await response.JsonAsync()).AsArray().Select(record => record!));
            next = response.Headers.TryGetValues("Link", out var link) ? link.Single().Split('<', '>')[1] : null;
        }

        return records;
    }

    /// <summary>The messages of a problem by field.</summary>
    public static Dictionary<string, string> Errors(this JsonNode problem) =>
        problem["errors"]!.AsObject().ToDictionary(e => e.Key, e => (string)e.Value![0]!);

    public static long Id(this JsonNode record) => (long)record["id_key"]!;
}

/// <summary>Data that a test starts from, made over HTTP. Names are unique, so that tests do not meet.</summary>
public sealed class Given(HttpClient http)
{
    /// <summary>The password of every client made here.</summary>
    public const string Password = $"{ShopOutput.Planted} horse";

    public const string Lastname = $"Prueba {ShopOutput.Planted}";

    public const string Street = $"Calle {ShopOutput.Planted}";

    public HttpClient Http => http;

    /// <summary>Whom all that is made belongs to; null makes a new client each time.</summary>
    public JsonNode? Owner { get; init; }

    public static string Unique(string word) => $"{word} {Guid.NewGuid():N}"[..Math.Min(64, word.Length + 33)];

    public static string Email() => $"{Guid.NewGuid():N}@example.com";

    public Task<JsonNode> ProductAsync(int stock = 10, decimal price = 9.50m, long? categoryId = null) =>
        http.PostAsync("/products", new { name = Unique("Product"), price, stock, category_id = categoryId }).ShouldBeAsync(201);

    public Task<JsonNode> CategoryAsync(long? parentId = null) =>
        http.PostAsync("/categories", new { name = Unique("Category"), parent_id = parentId }).ShouldBeAsync(201);

    public Task<JsonNode> ReviewAsync(long productId, long clientId, decimal rating = 4m) =>
        http.PostAsync("/reviews", new { product_id = productId, client_id = clientId, rating }).ShouldBeAsync(201);

    public async Task<JsonNode> ClientAsync() => Owner ?? await http.PostAsync(
        "/clients",
        new { name = "Ana", lastname = Lastname, email = Email(), password = Password }).ShouldBeAsync(201);

    public Task<JsonNode> AddressAsync(long clientId) =>
        http.PostAsync("/addresses", new { street = Street, number = "7", city = "Madrid", client_id = clientId }).ShouldBeAsync(201);

    public async Task<JsonNode> ReviewAsync() => await http.PostAsync(
        "/reviews",
        new { product_id = (await ProductAsync()).Id(), client_id = (await ClientAsync()).Id(), rating = 5, comment = $"Just what I needed, {ShopOutput.Planted}." })
        .ShouldBeAsync(201);

    /// <summary>An order of a new client.</summary>
    public async Task<HttpResponseMessage> OrderAsync(params (JsonNode Product, int Quantity)[] lines) =>
        await OrderForAsync((await ClientAsync()).Id(), lines);

    public Task<HttpResponseMessage> OrderForAsync(long clientId, params (JsonNode Product, int Quantity)[] lines) => http.PostAsync(
        "/orders",
        new
        {
            client_id = clientId,
            delivery_method = 1,
            items = lines.Select(l => new { product_id = l.Product.Id(), quantity = l.Quantity }),
        });
}
