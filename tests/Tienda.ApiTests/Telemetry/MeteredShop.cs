using Tienda.ApiTests.Hosting;
using Tienda.Telemetry.Reports;

namespace Tienda.ApiTests.Telemetry;

/// <summary>A shop of three workers with Redis, and what Prometheus would see of it.</summary>
public sealed class MeteredShop(ShopApp shop) : IAsyncLifetime
{
    public const int Workers = 3;

    private TestRedis _redis = null!;

    public SupervisedShop Shop { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        _redis = await TestRedis.StartAsync();
        Shop = await SupervisedShop.OpenAsync(shop, Workers, new(_redis.Settings) { ["LOG_LEVEL"] = "INFO" });
    }

    public async ValueTask DisposeAsync()
    {
        await (Shop?.DisposeAsync() ?? default);
        await (_redis?.DisposeAsync() ?? default);
    }
}

/// <summary>Scrapes, each on a connection of its own, so that any worker may be the one that answers.</summary>
public static class Scrapes
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static async Task<HttpResponseMessage> ScrapedAsync(this SupervisedShop shop, string query = "", string? accept = null)
    {
        using var http = ShopApp.AsAdministrator(new HttpClient { BaseAddress = shop.Url });
        if (accept is not null)
        {
            http.DefaultRequestHeaders.Add("Accept", accept);
        }

        return await http.GetAsync($"/metrics{query}", Ct);
    }

    public static async Task<MetricReport> ReportAsync(this SupervisedShop shop, string query = "")
    {
        using var answer = await shop.ScrapedAsync(query);
        Assert.Equal(200, (int)answer.StatusCode);
        return MetricText.Read(await answer.Content.ReadAsStringAsync(Ct));
    }

    /// <summary>The sum of the samples of a metric whose names and labels contain all of the parts.</summary>
    public static decimal Sum(this MetricReport report, string metric, params string[] parts) => report.Find(metric)?.Samples
        .Where(sample => parts.All(part => sample.Key.Contains(part, StringComparison.Ordinal))).Sum(sample => sample.Value) ?? 0;

    /// <summary>How many requests of a route were answered.</summary>
    public static decimal Requests(this MetricReport report, string route) =>
        report.Sum("http_server_request_duration_seconds", "_count{", $"http_route=\"{route}\"");
}
