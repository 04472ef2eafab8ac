using Microsoft.AspNetCore.Builder;
using Tienda.Hosting;

namespace Tienda.ApiTests.Security;

public sealed class CrossOriginTests(ShopApp shop) : IAsyncLifetime
{
    private const string Allowed = "https://shop.example";

    private WebApplication _app = null!;
    private HttpClient _http = null!;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => (_app, _http) = await OpenAsync([Allowed, "http://localhost:3000"]);

    [Theory]
    [InlineData(Allowed)]
    [InlineData("http://localhost:3000")]
    public async Task A_page_of_an_allowed_origin_reads_answers_and_their_headers(string origin)
    {
        using var response = await GetAsync(_http, "/products?limit=1", origin);

        Assert.Equal(origin, One(response, "Access-Control-Allow-Origin"));
        Assert.Equal(
            "ETag,Link,Location,X-Total-Count,X-Search-Corrected,X-Request-ID,X-Cache-Hit,Idempotency-Replayed,"
            + "RateLimit,RateLimit-Policy,X-RateLimit-Limit,X-RateLimit-Remaining,X-RateLimit-Reset,Retry-After,WWW-Authenticate,Age,Warning",
            One(response, "Access-Control-Expose-Headers"));
        Assert.False(response.Headers.Contains("Access-Control-Allow-Credentials"));
        Assert.Contains("Origin", response.Headers.Vary);
    }

    [Theory]
    [InlineData("https://other.example")]
    [InlineData("https://shop.example.evil.example")]
    [InlineData("https://evilshop.example")]
    [InlineData("https://www.shop.example")]
    [InlineData("https://shop.example:8443")]
    [InlineData("https://shop.example:443")]
    [InlineData("http://shop.example")]
    [InlineData("https://SHOP.example")]
    [InlineData("https://shop.example/")]
    [InlineData("https://shop.example https://evil.example")]
    [InlineData("https://shop.example,https://evil.example")]
    [InlineData("https://localhost:3000")]
    [InlineData("http://localhost:30000")]
    [InlineData("shop.example")]
    [InlineData("null")]
    [InlineData("*")]
    public async Task Another_origin_gets_no_permission_however_alike_it_looks(string origin)
    {
        using var response = await GetAsync(_http, "/products?limit=1", origin);
        using var preflight = await PreflightAsync(_http, origin, "GET");

        Assert.All([response, preflight], AssertNoPermission);
        Assert.Contains("Origin", response.Headers.Vary);
    }

    [Theory]
    [InlineData("/nothing", 404)]
    [InlineData("/products?limit=x", 400)]
    [InlineData("/products?limit=0", 422)]
    public async Task Errors_can_be_read_too(string path, int status)
    {
        using var response = await GetAsync(_http, path, Allowed);

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(Allowed, One(response, "Access-Control-Allow-Origin"));
    }

    [Theory]
    [InlineData("GET")]
    [InlineData("PUT")]
    [InlineData("PATCH")]
    [InlineData("DELETE")]
    public async Task A_preflight_is_told_methods_headers_and_how_long_that_holds(string method)
    {
        using var response = await PreflightAsync(_http, Allowed, method);

        Assert.Equal(204, (int)response.StatusCode);
        Assert.Equal(Allowed, One(response, "Access-Control-Allow-Origin"));
        Assert.Equal("GET,HEAD,POST,PUT,PATCH,DELETE", One(response, "Access-Control-Allow-Methods"));
        Assert.Equal(
            "Authorization,Content-Type,X-API-Key,Idempotency-Key,If-Match,If-None-Match,X-Request-ID",
            One(response, "Access-Control-Allow-Headers"));
        Assert.Equal("600", One(response, "Access-Control-Max-Age"));
        Assert.False(response.Headers.Contains("Access-Control-Allow-Credentials"));
    }

    [Fact]
    public async Task Without_a_setting_nothing_is_said()
    {
        using var response = await GetAsync(shop.Http, "/products?limit=1", Allowed);
        using var preflight = await PreflightAsync(shop.Http, Allowed, "GET");

        Assert.Equal(405, (int)preflight.StatusCode);
        Assert.All([response, preflight], AssertNoPermission);
        Assert.DoesNotContain("Origin", response.Headers.Vary);
    }

    [Fact]
    public async Task A_star_is_for_everybody()
    {
        var (app, http) = await OpenAsync(["*"]);
        await using var running = app;
        using var client = http;

        using var response = await GetAsync(http, "/products?limit=1", "https://anyone.example");

        Assert.Equal("*", One(response, "Access-Control-Allow-Origin"));
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _app.DisposeAsync();
    }

    private Task<(WebApplication App, HttpClient Http)> OpenAsync(string[] origins) =>
        ShopApp.OpenShopAsync(shop.Postgres.Server("shop"), s => s with { FrontDoor = new FrontDoor { CorsOrigins = origins } });

    private static void AssertNoPermission(HttpResponseMessage response) => Assert.DoesNotContain(
        response.Headers, header => header.Key.StartsWith("Access-Control-", StringComparison.OrdinalIgnoreCase));

    private static async Task<HttpResponseMessage> GetAsync(HttpClient http, string path, string origin)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.TryAddWithoutValidation("Origin", origin);
        return await http.SendAsync(request, Ct);
    }

    private static async Task<HttpResponseMessage> PreflightAsync(HttpClient http, string origin, string method)
    {
        using var request = new HttpRequestMessage(HttpMethod.Options, "/products");
        request.Headers.TryAddWithoutValidation("Origin", origin);
        request.Headers.Add("Access-Control-Request-Method", method);
        request.Headers.Add("Access-Control-Request-Headers", "authorization,content-type");
        return await http.SendAsync(request, Ct);
    }

    private static string One(HttpResponseMessage response, string header) => Assert.Single(response.Headers.GetValues(header));
}
