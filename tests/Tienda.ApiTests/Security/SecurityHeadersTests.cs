namespace Tienda.ApiTests.Security;

public sealed class SecurityHeadersTests(ShopApp shop)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("GET", "/", 200)]
    [InlineData("GET", "/products?limit=1", 200)]
    [InlineData("HEAD", "/products?limit=1", 200)]
    [InlineData("GET", "/health/live", 200)]
    [InlineData("GET", "/openapi.json", 200)]
    [InlineData("GET", "/metrics", 200)]
    [InlineData("GET", "/products/9223372036854775807", 404)]
    [InlineData("GET", "/nothing", 404)]
    [InlineData("DELETE", "/products", 405)]
    [InlineData("OPTIONS", "/products", 405)]
    [InlineData("GET", "/products?limit=x", 400)]
    [InlineData("POST", "/bills", 400)]
    public async Task Every_answer_tells_browsers_to_make_nothing_of_it(string method, string path, int status)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);

        using var response = await shop.Http.SendAsync(request, Ct);

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal("nosniff", One(response, "X-Content-Type-Options"));
        Assert.Equal("DENY", One(response, "X-Frame-Options"));
        Assert.Equal("no-referrer", One(response, "Referrer-Policy"));
        Assert.Equal("default-src 'none'; frame-ancestors 'none'", One(response, "Content-Security-Policy"));
        Assert.Equal("same-origin", One(response, "Cross-Origin-Opener-Policy"));
        Assert.Equal("same-origin", One(response, "Cross-Origin-Resource-Policy"));
        Assert.NotNull(response.Headers.CacheControl);
        Assert.False(response.Headers.Contains("Server"));
        Assert.False(response.Headers.Contains("X-Powered-By"));
    }

    [Fact]
    public async Task Nothing_is_kept_by_caches_unless_the_answer_says_so()
    {
        using var response = await shop.Http.GetAsync("/clients?limit=1", Ct);

        Assert.True(response.Headers.CacheControl!.NoStore);
    }

    [Fact]
    public async Task The_page_runs_the_scripts_that_carry_the_nonce_of_its_answer_and_no_others()
    {
        using var first = await shop.Http.GetAsync("/docs/", Ct);
        using var second = await shop.Http.GetAsync("/docs/", Ct);
        var policy = One(first, "Content-Security-Policy");
        var scripts = (await first.Content.ReadAsStringAsync(Ct)).Split("<script")[1..];

        Assert.NotEqual(policy, One(second, "Content-Security-Policy"));
        Assert.DoesNotContain("unsafe-eval", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("script-src 'self' 'unsafe-inline'", policy, StringComparison.Ordinal);
        Assert.NotEmpty(scripts);
        Assert.All(scripts, script =>
            Assert.Contains($"'nonce-{script.Split("nonce=\"")[1].Split('"')[0]}'", policy, StringComparison.Ordinal));
    }

    private static string One(HttpResponseMessage response, string header) => Assert.Single(response.Headers.GetValues(header));
}
