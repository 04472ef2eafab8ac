using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using Npgsql;
using Tienda.Hosting;
using Tienda.Telemetry;

namespace Tienda.ApiTests.Telemetry;

/// <summary>What is slow or fails is logged with what it asked of the database, also if other requests are not logged.</summary>
public sealed partial class SlowRequestTests(ShopApp shop)
{
    private static readonly TimeSpan Slow = TimeSpan.FromMilliseconds(600);

    [Fact]
    public async Task A_slow_request_has_a_line_with_its_route_and_its_slowest_query()
    {
        await using var own = await LoggedShop.OpenAsync(shop.Postgres.Server("shop"), json: false, Quiet);
        var product = await shop.Given.ProductAsync();
        var path = $"/products/{product.Id()}";
        (await own.SendAsync(HttpMethod.Get, path)).Response.Dispose();

        own.Wire.Delay = Slow;
        var (id, response) = await own.SendAsync(HttpMethod.Get, path);
        response.Dispose();
        own.Wire.Delay = TimeSpan.Zero;
        var fast = new List<string>();
        for (var i = 0; i < 5; i++)
        {
            var (next, answer) = await own.SendAsync(HttpMethod.Get, path);
            answer.Dispose();
            fast.Add(next);
        }

        var lines = await own.Log.LinesWithAsync(id, count: 2);
        var slow = Assert.Single(lines, line => SlowRequest().IsMatch(line));
        Assert.StartsWith($"WARNING - [{id}] slow: GET {path} - 200 (", slow[22..], StringComparison.Ordinal);
        var query = Assert.Single(lines, line => SlowQuery().IsMatch(line));
        Assert.StartsWith($"WARNING - [{id}] slow query: ProductStore.Find took ", query[22..], StringComparison.Ordinal);
        Assert.Equal(2, lines.Length);
        // Not all of them can have been slow, be the machine as busy as it may.
        Assert.Contains(fast, next => !own.Log.Lines.Any(line => line.Contains(next, StringComparison.Ordinal)));
    }

    [Fact]
    public async Task As_json_a_slow_request_has_the_same_facts()
    {
        await using var own = await LoggedShop.OpenAsync(shop.Postgres.Server("shop"), json: true, s => Quiet(s) with { LogLevel = LogLevel.Critical });
        var client = await shop.Given.ClientAsync();
        own.Wire.Delay = Slow;

        var line = await own.LineOfGetAsync($"/clients/{client.Id()}");

        Assert.Equal(("Warning", "ClientStore.Find"), ((string)line["level"]!, (string)line["slowest_query"]!));
        Assert.Equal((1, "/clients/{id_key}"), ((int)line["db_round_trips"]!, (string)line["route"]!));
        Assert.InRange((double)line["slowest_query_ms"]!, 500, (double)line["duration_ms"]!);
        Assert.True((double)line["db_ms"]! <= (double)line["duration_ms"]!);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_the_shop_cannot_answer_is_logged_with_the_reason(bool json)
    {
        var log = new CapturedLog();
        var (app, http) = await ShopApp.OpenShopAsync(
            shop.Postgres.Server("shop"),
            s => Quiet(s) with
            {
                // No level hides it.
                LogLevel = LogLevel.Critical,
                JsonLogs = json,
                PoolSize = 1,
                PoolMaxOverflow = 0,
                PoolTimeoutSeconds = 1,
                Log = new() { Output = log.Output },
            });
        await using var running = app;
        using var client = http;
        await using (await ((NpgsqlDataSource)app.Services.GetService(typeof(NpgsqlDataSource))!).OpenConnectionAsync(TestContext.Current.CancellationToken))
        {
            await http.GottenAsync("/orders?limit=1").ShouldBeAsync(503);
        }

        var line = (await log.LinesWithAsync("pool has been exhausted"))[0];

        if (json)
        {
            var facts = JsonNode.Parse(line)!;
            Assert.Equal(("Warning", "unavailable", 503), ((string)facts["level"]!, (string)facts["problem"]!, (int)facts["status"]!));
            Assert.InRange((double)facts["db_wait_ms"]!, 900, (double)facts["duration_ms"]!);
            Assert.Equal(0, (int)facts["db_round_trips"]!);
        }
        else
        {
            Assert.Matches(Unavailable(), line);
        }
    }

    [Fact]
    public async Task A_mistake_of_the_program_is_logged_with_its_stack_and_without_its_values()
    {
        var log = new CapturedLog();
        await using var own = await OwnShop.OpenAsync(shop, s => Quiet(s) with { JsonLogs = false, Log = new() { Output = log.Output } });
        await using var command = own.Database.CreateCommand("ALTER TABLE clients ADD CONSTRAINT nobody_knows CHECK (email !~ 'trouble')");
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        var problem = await own.Http.PostAsync(
            "/clients", new { name = "T", lastname = Given.Lastname, email = $"trouble.{Given.Email()}", password = Given.Password }).ShouldBeAsync(500);

        var id = (string)problem["request_id"]!;
        var lines = await log.LinesWithAsync(id, count: 2);

        Assert.Contains(lines, line => line.Contains($"ERROR - [{id}] POST /clients failed", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Contains($"ERROR - [{id}] failed: POST /clients - 500 (", StringComparison.Ordinal));
        Assert.Contains(log.Lines, line => line.Contains("PostgresException: 23514", StringComparison.Ordinal));
        Assert.Contains(log.Lines, line => line.Contains("ClientStore.CreateAsync", StringComparison.Ordinal));
        Assert.DoesNotContain(log.Lines, line => ShopOutput.IsLeak(line) || line.Contains("trouble", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_metrics_have_the_round_trips_by_route_and_their_time_by_query()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        var product = await own.Given.ProductAsync();
        using (await own.Given.OrderAsync((product, 1)))
        {
        }

        var metrics = await (await own.Http.GottenAsync("/metrics")).Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

        Assert.Equal(1, Sum(metrics, "tienda_http_request_db_round_trips_sum", "http_route=\"/products\"", "http_request_method=\"POST\""));
        Assert.Equal(1, Sum(metrics, "tienda_http_request_db_round_trips_sum", "http_route=\"/orders\""));
        Assert.Equal(1, Sum(metrics, "db_client_operation_duration_seconds_count", "db_query_summary=\"OrderBatch.Place\""));
        Assert.True(Sum(metrics, "db_client_operation_duration_seconds_sum", "db_query_summary=\"ProductStore.Create\"") > 0);
        Assert.Equal(0, Sum(metrics, "db_client_operation_duration_seconds_count", "otel_scope_name=\"Npgsql\""));
    }

    [Fact]
    public async Task PostgreSQL_shows_the_names_of_statements()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        var product = await own.Given.ProductAsync();
        await using var held = await own.HoldAsync(product.Id());
        var change = own.Http.PatchAsync($"/products/{product.Id()}", new { stock = 7 });
        const string Waiting =
            "SELECT coalesce(min(query), '') FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
        var query = "";
        await Eventually.HoldsAsync(async () => (query = await own.Database.ValueAsync<string>(Waiting)).Length > 0);
        await held.DisposeAsync();
        await change.ShouldBeAsync(200);

        Assert.StartsWith("/* ProductStore.AddUpdate */ SELECT stock", query, StringComparison.Ordinal);
    }

    // As shops are that log no requests, with the usual bounds of what is slow.
    private static Settings Quiet(Settings settings) => settings with
    {
        AccessLog = false,
        LogLevel = LogLevel.Warning,
        Log = new LogSettings { Output = settings.Log.Output },
    };

    private static double Sum(string metrics, string name, params string[] tags) => metrics.Split('\n')
        .Where(line => line.StartsWith(name + "{", StringComparison.Ordinal) && tags.All(tag => line.Contains(tag, StringComparison.Ordinal)))
        .Sum(line => double.Parse(line.Split("} ")[1].Split(' ')[0], CultureInfo.InvariantCulture));

    [GeneratedRegex(@"\(\d+\.\dms\), route /products/\{id_key\}, 1 round trip in \d+\.\dms, slowest ProductStore\.Find \d+\.\dms, waited \d+\.\dms$")]
    private static partial Regex SlowRequest();

    [GeneratedRegex(@"slow query: \w+\.\w+ took \d+\.\dms$")]
    private static partial Regex SlowQuery();

    [GeneratedRegex(
        @"^[\d: -]{19} - WARNING - \[\w+\] failed: GET /orders - 503 \(\d+\.\dms\), route /orders, problem unavailable, "
        + @"0 round trips in 0\.0ms, waited \d+\.\dms, because The connection pool has been exhausted")]
    private static partial Regex Unavailable();
}
