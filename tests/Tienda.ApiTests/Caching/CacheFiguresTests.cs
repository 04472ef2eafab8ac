using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Tienda.Demo;

namespace Tienda.ApiTests.Caching;

/// <summary>What operators are told of the cache, and that bulk loads are in the log as everything else is.</summary>
public sealed class CacheFiguresTests(ShopApp shop)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Health_and_metrics_count_what_the_cache_does()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        var product = await own.Given.ProductAsync(stock: 9);
        var path = $"/products/{product.Id()}";
        using var anyone = own.Anonymous();

        await anyone.GetJsonAsync(path);
        await anyone.GetJsonAsync(path);
        await (await own.Given.OrderAsync((product, 1))).Content.ReadAsStringAsync(Ct);
        Assert.Equal(8, (int)(await anyone.GetJsonAsync(path))["stock"]!);
        await own.Http.PatchAsync(path, new { price = 3 }).ShouldBeAsync(200);
        Assert.Equal(3m, (decimal)(await anyone.GetJsonAsync(path))["price"]!);

        JsonNode? cache = null;
        await Eventually.HoldsAsync(async () =>
        {
            cache = (await own.Http.GetJsonAsync("/health_check"))["checks"]!["cache"]!;
            return (int)cache["misses"]! == 2;
        });
        // Miss, hit, hit of what the order left, miss because of the price.
        Assert.Equal(2, (int)cache!["l1_hits"]!);
        Assert.Equal(50.0, (double)cache["hit_rate_percent"]!);
        Assert.Equal(1, (int)cache["renewals"]!);
        Assert.Equal(1, (int)cache["stale_rejections"]!);
        Assert.Equal(2, (int)cache["fills"]!);
        Assert.Equal(1, (int)cache["l1_entries"]!);
        Assert.InRange((long)cache["l1_bytes"]!, 500, 5000);
        Assert.True((int)cache["events"]! >= 3);
        Assert.InRange((double)cache["poll_lag_ms"]!, 0, 1500);

        var metrics = await (await own.Http.GottenAsync("/metrics")).Content.ReadAsStringAsync(Ct);
        Assert.Equal(2, Metric(metrics, "tienda_cache_reads_total", "result=\"memory\""));
        Assert.Equal(2, Metric(metrics, "tienda_cache_reads_total", "result=\"miss\""));
        Assert.Equal(1, Metric(metrics, "tienda_cache_renewals_total", ""));
        Assert.Equal(1, Metric(metrics, "tienda_cache_rejections_total", "level=\"memory\""));
        Assert.True(Metric(metrics, "tienda_cache_events_total", "from=\"here\"") >= 3);
        Assert.True(Metric(metrics, "http_server_active_requests", "") >= 1);
        // Hits and misses of a product, which are four, are of one route.
        Assert.Equal(4, Metric(
            metrics, "http_server_request_duration_seconds_count",
            "http_request_method=\"GET\",http_response_status_code=\"200\",http_route=\"/products/{id_key}\""));
    }

    [Fact]
    public async Task Demonstration_data_that_come_while_the_shop_runs_are_shown()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        using var anyone = own.Anonymous();
        Assert.Empty((await anyone.GetJsonAsync("/products?count=exact")).AsArray());
        Assert.Empty((await anyone.GetJsonAsync("/products?count=exact")).AsArray());

        await DemoData.SeedAsync(own.Database, new DemoSizes(20, 4, 30), progress: null, Ct);

        await Eventually.HoldsAsync(
            async () => (await anyone.GetJsonAsync("/products?count=exact")).AsArray().Count == 20, TimeSpan.FromSeconds(2));
    }

    private static double Metric(string text, string name, string tag) => double.Parse(
        Regex.Match(text, $"^{name}(?:\\{{[^}}\\n]*)?{Regex.Escape(tag)}(?:[^}}\\n]*\\}})? ([0-9.]+)$", RegexOptions.Multiline).Groups[1].Value,
        CultureInfo.InvariantCulture);
}
