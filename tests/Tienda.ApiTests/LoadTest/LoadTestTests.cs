using System.Net;
using System.Text.Json.Nodes;
using Tienda.ApiTests.Security;

namespace Tienda.ApiTests.LoadTest;

/// <summary>The load test itself: it passes where the shop is right, and fails where something is not.</summary>
[Collection(nameof(OneLoadAtATime))]
public sealed class LoadTestTests(LoadedShop loaded) : IClassFixture<LoadedShop>
{
    private const string AllClasses = "EcommerceUser BrowsingUser JourneyUser FlashSaleUser AdministratorUser";

    private static readonly string[] Requests =
    [
        "GET /products?skip=0&limit=20", "GET /products/[id]", "POST /orders",
        "GET /products?after=[cursor]", "GET /products?search=[word]", "GET /products?category_id=[id]", "GET /products?sort=[order]",
        "GET /products?max_price=[price]&in_stock=true", "GET /products/[id]/reviews", "GET /categories",
        "POST /clients", "POST /auth/token", "POST /orders (repeated)", "GET /orders/[id]", "GET /orders?from=[date]",
        "PATCH /orders/[id] (cancel)", "POST /reviews",
        "POST /orders (sold out)",
        "PATCH /products/[id] (price)", "PATCH /products/[id] (stock)", "GET /products/[id] (after an edit)", "GET /orders?limit=20 (all)",
    ];

    [Fact]
    public async Task Users_of_every_class_find_the_shop_right()
    {
        var run = await loaded.RunAsync(loaded.Url, $"-u 20 -r 20 --pauses 0.1 --flash-stock 10 {AllClasses}", Requests);

        Assert.True(run.ExitCode == 0, run.Message);
        var table = run.Table();
        Assert.All(Requests, name => Assert.True(table.GetValueOrDefault(name) is (Requests: > 0, Failures: 0), $"{name}: {run.Message}"));
        Assert.Equal(0, table[" Aggregated"].Failures);
        Assert.Contains("The shop's own books agree", run.Output, StringComparison.Ordinal);
        var page = await File.ReadAllTextAsync($"{run.Files}.html", TestContext.Current.CancellationToken);
        Assert.Contains("/products?search=[word]", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_more_it_is_the_guides_scenario_alone()
    {
        string[] guides = ["GET /products/[id]", "GET /products?skip=0&limit=20", "POST /orders"];

        var run = await loaded.RunAsync(loaded.Url, "-u 15 -r 15 --pauses 0.1", guides);

        Assert.True(run.ExitCode == 0, run.Message);
        Assert.Equal([" Aggregated", .. guides], run.Table().Keys.Order());
    }

    [Fact]
    public async Task A_flash_sale_of_thirty_to_twenty_sells_thirty()
    {
        var run = await loaded.RunAsync(loaded.Url, "-u 20 -r 20 --flash-stock 30 FlashSaleUser", "POST /orders (sold out)");

        Assert.True(run.ExitCode == 0, run.Message);
        var table = run.Table();
        Assert.Equal((30, 0), table["POST /orders"]);
        Assert.InRange(table["POST /orders (sold out)"].Requests, 1, 20);
        Assert.Contains("units sold: 30;", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_flash_sale_that_is_not_over_when_time_is_up_has_proved_nothing()
    {
        var run = await loaded.RunAsync(loaded.Url, "-u 5 -r 5 --flash-stock 1000 FlashSaleUser", "POST /orders");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("it was not over when the time was", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_proxy_that_shows_old_prices_is_noticed()
    {
        await using var proxy = await TestNginx.StartAsync(
            loaded.Url,
            """
            proxy_set_header X-Forwarded-For $http_x_forwarded_for;
            proxy_cache kept; proxy_cache_valid 200 1m; proxy_ignore_headers Cache-Control Vary;
            proxy_cache_bypass $http_x_api_key $http_authorization; proxy_no_cache $http_x_api_key $http_authorization;
            """);
        using var visitor = new HttpClient { BaseAddress = proxy.Address, DefaultRequestHeaders = { { "X-Forwarded-For", "192.0.2.7" } } };
        foreach (var product in (await visitor.GetJsonAsync("/products?limit=100")).AsArray())
        {
            await visitor.GetJsonAsync($"/products/{product!.Id()}");
        }

        var run = await loaded.RunAsync(proxy.Address, "-u 1 AdministratorUser", "GET /products/[id] (after an edit)");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("A visitor is shown a price that was changed more than two seconds ago", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_proxy_that_hides_the_users_addresses_is_named()
    {
        await using var proxy = await TestNginx.StartAsync(loaded.Url, "proxy_set_header X-Forwarded-For \"\";");
        using var nobody = new HttpClient { BaseAddress = proxy.Address };
        await Eventually.HoldsAsync(async () => (int)(await nobody.GottenAsync("/products?limit=1")).StatusCode == 429);

        var run = await loaded.RunAsync(proxy.Address, "-u 15 -r 15 --pauses 0.05 BrowsingUser", "GET /products?sort=[order]");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("TRUSTED_PROXIES", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_a_wrong_key_it_says_so_and_does_not_begin()
    {
        var run = await loaded.RunAsync(loaded.Url, "-u 15 -r 15 --admin-key a-key-that-nobody-has");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("the shop does not take this administrator's key", run.Output, StringComparison.Ordinal);
        Assert.False(File.Exists($"{run.Files}.html"));
    }

    [Fact]
    public async Task The_page_starts_and_stops_a_run_whose_books_are_compared()
    {
        using var page = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{TestRedis.FreePort()}") };
        await using var locust = await loaded.OpenPageAsync(page, "--pauses 0.1");

        await StartAsync(page);
        await Eventually.HoldsAsync(async () =>
            (await StatisticsAsync(page))["stats"]!.AsArray().Count(line => (int)line!["num_requests"]! > 0) == 4);
        using var stopped = await page.GottenAsync("/stop");
        await Eventually.HoldsAsync(() => locust.Output.Contains("The shop's own books agree", StringComparison.Ordinal));

        Assert.Empty((await StoppedAsync(page))["errors"]!.AsArray());
    }

    [Fact]
    public async Task On_the_page_a_run_that_cannot_begin_says_why_and_sends_nobody()
    {
        using var page = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{TestRedis.FreePort()}") };
        await using var locust = await loaded.OpenPageAsync(page, "--admin-key a-key-that-nobody-has");

        await StartAsync(page);

        var statistics = await StoppedAsync(page);
        var error = WebUtility.HtmlDecode((string)Assert.Single(statistics["errors"]!.AsArray())!["error"]!);
        Assert.Contains("the shop does not take this administrator's key", error, StringComparison.Ordinal);
        Assert.Equal(["preparation", "Aggregated"], statistics["stats"]!.AsArray().Select(line => (string)line!["name"]!));
        Assert.DoesNotContain("Traceback", locust.Output, StringComparison.Ordinal);
    }

    private static async Task StartAsync(HttpClient page)
    {
        using var form = new FormUrlEncodedContent(new Dictionary<string, string> { ["user_count"] = "10", ["spawn_rate"] = "10" });
        using var answer = await page.PostAsync("/swarm", form, TestContext.Current.CancellationToken);
        Assert.True(answer.IsSuccessStatusCode);
    }

    // The page shows figures that are up to two seconds old.
    private static async Task<JsonNode> StoppedAsync(HttpClient page)
    {
        await Eventually.HoldsAsync(async () => (string)(await StatisticsAsync(page))["state"]! == "stopped");
        return await StatisticsAsync(page);
    }

    private static async Task<JsonNode> StatisticsAsync(HttpClient page) => await page.GetJsonAsync("/stats/requests");
}
