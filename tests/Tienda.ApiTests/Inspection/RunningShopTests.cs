using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Tienda.ApiTests.Security;

namespace Tienda.ApiTests.Inspection;

/// <summary>What an operator sees of a shop that runs: statements, the check list, live figures.</summary>
public sealed class RunningShopTests(EmbeddedShop shop) : IClassFixture<EmbeddedShop>
{
    // The disk is this machine's own; how full it is, is not the test's matter.
    private static readonly string[] Good =
    [
        "shop.p95", "shop.p50", "shop.errors", "shop.hit_rate", "shop.pool", "shop.health", "shop.metrics", "shop.metrics_closed",
        "shop.version", "postgresql.migrations", "postgresql.foreign_keys", "postgresql.guide_indexes", "postgresql.fsync",
        "postgresql.synchronous_commit", "postgresql.max_connections", "postgresql.slow_statements", "proxy.security_headers", "proxy.gzip",
        "proxy.metrics_closed", "settings.auth", "settings.jwt_secret", "settings.workers", "settings.logs", "system.open_files",
    ];

    [Fact]
    public async Task The_private_PostgreSQL_counts_statements_and_shows_them_without_values()
    {
        for (var i = 0; i < 30; i++)
        {
            await shop.Database.ValueAsync<string>($"/* shelf.look */ SELECT 'ana{i}@example.com'::text || count(*) FROM products");
        }

        var top = await shop.ReportAsync("db", "top", "--limit", "1000", "--sort", "calls");
        var statements = top["statements"]!.AsArray();
        var look = Assert.Single(statements, statement => (string?)statement!["name"] == "shelf.look")!;
        Assert.Equal((30, 1.0), ((long)look["calls"]!, (double)look["rows_per_call"]!));
        Assert.InRange((double)look["cache_hit_percent"]!, 1, 100);
        Assert.Equal((double)look["total_ms"]! / 30, (double)look["mean_ms"]!, 0.01);
        Assert.InRange(statements.Sum(statement => (double)statement!["share_percent"]!), 90, 110);
        var calls = statements.Select(statement => (long)statement!["calls"]!).ToList();
        Assert.Equal(calls.OrderDescending(), calls);

        var (code, text) = await shop.RunAsync(["db", "top", "--limit", "1000"]);
        Assert.Equal(0, code);
        Assert.Contains("shelf.look: SELECT $1::text || count(*) FROM products", text, StringComparison.Ordinal);
        Assert.DoesNotContain("example.com", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_what_runs_meanwhile_is_counted_if_a_time_is_given()
    {
        await shop.Database.ValueAsync<int>("/* shelf.before */ SELECT 1 + 1");
        await using var program = shop.Start(["db", "top", "--json", "--limit", "1000", "--seconds", "2"]);
        var ended = program.ExitCodeAsync();
        var calls = 0;
        while (!ended.IsCompleted)
        {
            await shop.Database.ValueAsync<int>("/* shelf.meanwhile */ SELECT 1");
            calls++;
        }

        Assert.Equal(0, await ended);
        var statements = JsonNode.Parse(program.Output)!["statements"]!.AsArray();
        Assert.DoesNotContain(statements, statement => (string?)statement!["name"] == "shelf.before");
        Assert.InRange(
            (long)Assert.Single(statements, statement => (string?)statement!["name"] == "shelf.meanwhile")!["calls"]!, 1, calls);
    }

    [Fact]
    public async Task A_good_shop_passes_the_check_list_and_each_warning_says_what_to_do()
    {
        for (var i = 0; i < 50; i++)
        {
            await shop.Http.GetJsonAsync($"/products/{(i % 5) + 1}");
        }

        using var anyone = new HttpClient { BaseAddress = shop.Http.BaseAddress };
        for (var i = 0; i < 200; i++)
        {
            await anyone.GetJsonAsync("/products?limit=20");
        }

        await using var nginx = await TestNginx.StartAsync(shop.Http.BaseAddress!);
        var (code, output) = await shop.RunAsync(
            ["check", shop.Url, "--proxy", nginx.Address.ToString(), "--json"],
            new()
            {
                ["WORKERS"] = "2",
                ["DB_POOL_SIZE"] = "10",
                ["DB_MAX_OVERFLOW"] = "20",
                ["LOG_FORMAT"] = "json",
            });

        Assert.True(code == 0, output);
        var checks = JsonNode.Parse(output)!["checks"]!.AsArray();
        foreach (var id in Good)
        {
            Assert.True(Status(checks, id) == "pass", $"{id} is {Status(checks, id)}: {output}");
        }

        Assert.Equal("warn", Status(checks, "settings.database_of_its_own"));
        Assert.All(
            checks, check => Assert.Equal((string)check!["status"]! == "pass", string.IsNullOrEmpty((string?)check["advice"])));
        var p95 = checks.Single(check => (string)check!["id"]! == "p95")!;
        Assert.Equal(("Response Time (p95)", "< 200 ms, critical < 500 ms"), ((string)p95["name"]!, (string)p95["target"]!));
    }

    [Fact]
    public async Task Watching_shows_the_figures_of_the_requests_that_were_made_meanwhile()
    {
        using var anyone = new HttpClient { BaseAddress = shop.Http.BaseAddress };
        await anyone.GetJsonAsync("/products/1");
        await using var program = shop.Start(["watch", shop.Url, "--once", "--interval", "3"]);
        var ended = program.ExitCodeAsync();
        while (!ended.IsCompleted)
        {
            await anyone.GetJsonAsync("/products/1");
            await anyone.GottenAsync("/products/999999").ShouldBeAsync(404);
        }

        Assert.Equal(0, await ended);
        var figures = Regex.Matches(program.Output, @"(\w+)=([\d.]+|-)")
            .ToDictionary(pair => pair.Groups[1].Value, pair => pair.Groups[2].Value);
        Assert.True(Figure("rps") > 1, program.Output);
        Assert.InRange(Figure("p50_ms"), 0.01, Figure("p95_ms"));
        Assert.InRange(Figure("p95_ms"), 0.01, Figure("p99_ms"));
        Assert.Equal(0, Figure("errors_percent"));
        Assert.InRange(Figure("refused_percent"), 40, 60);
        Assert.InRange(Figure("hit_rate_percent"), 90, 100);
        Assert.Equal(0, Figure("queue"));

        double Figure(string name) => double.Parse(figures[name], CultureInfo.InvariantCulture);
    }

    private static string Status(JsonArray checks, string id) =>
        (string)checks.Single(check => $"{check!["section"]}.{check["id"]}" == id)!["status"]!;
}
