using System.Diagnostics;
using System.Text.Json.Nodes;
using Tienda.Security;

namespace Tienda.ApiTests.Telemetry;

/// <summary>What the JSON form says of a request beside what the two lines of text do.</summary>
public sealed class RequestFactsTests(ShopApp shop)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_request_is_one_object_with_its_user_route_bytes_and_cache()
    {
        await using var own = await LoggedShop.OpenAsync(shop.Postgres.Server("shop"), json: true);
        using var anyone = own.Anonymous();
        var path = $"/products/{(await shop.Given.ProductAsync()).Id()}";

        var (id, first) = await own.SendAsync(HttpMethod.Get, path, http: anyone);
        var miss = await own.LineAsync(id);
        var hit = await own.LineOfGetAsync(path, anyone);
        var bytes = (await first.Content.ReadAsByteArrayAsync(Ct)).Length;
        first.Dispose();

        Assert.Equal(("miss", "memory"), ((string)miss["cache"]!, (string)hit["cache"]!));
        Assert.All([miss, hit], line =>
        {
            Assert.Equal(("/products/{id_key}", path), ((string)line["route"]!, (string)line["path"]!));
            Assert.Equal(bytes, (long)line["bytes"]!);
            Assert.Equal(1, (int)line["worker"]!);
            Assert.True(line["user_id"] is null && line["role"] is null && line["db_round_trips"] is null && line["trace_id"] is null);
            Assert.Equal("Information", (string)line["level"]!);
        });
    }

    [Fact]
    public async Task Users_are_named_by_number_and_role()
    {
        await using var own = await LoggedShop.OpenAsync(shop.Postgres.Server("shop"), json: true);
        var client = await shop.Given.ClientAsync();
        using var signedIn = own.Anonymous();
        signedIn.DefaultRequestHeaders.Authorization =
            new("Bearer", ((AccessTokens)own.Services.GetService(typeof(AccessTokens))!).Issue(client.Id(), administrator: false));

        var byClient = await own.LineOfGetAsync("/clients/me", signedIn);
        var byKey = await own.LineOfGetAsync("/clients?limit=1");

        Assert.Equal((client.Id(), "client"), ((long)byClient["user_id"]!, (string)byClient["role"]!));
        Assert.True(byKey["user_id"] is null);
        Assert.Equal(("administrator", "none"), ((string)byKey["role"]!, (string)byKey["cache"]!));
    }

    [Fact]
    public async Task Bytes_are_those_that_are_sent()
    {
        await using var own = await LoggedShop.OpenAsync(shop.Postgres.Server("shop"), json: true);
        foreach (var (method, path) in new[]
        {
            (HttpMethod.Head, "/products?limit=5"), (HttpMethod.Get, "/orders?limit=5"), (HttpMethod.Get, "/products/9223372036854775807"),
            (HttpMethod.Get, "/metrics"), (HttpMethod.Get, "/docs/"), (HttpMethod.Delete, "/products"),
        })
        {
            var (id, response) = await own.SendAsync(method, path);
            var body = await response.Content.ReadAsByteArrayAsync(Ct);
            var line = await own.LineAsync(id);

            Assert.Equal((path, body.Length), (path, (long)line["bytes"]!));
            Assert.Equal((int)response.StatusCode, (int)line["status"]!);
            response.Dispose();
        }
    }

    [Fact]
    public async Task A_refusal_has_its_type_of_problem()
    {
        await using var own = await LoggedShop.OpenAsync(shop.Postgres.Server("shop"), json: true);

        Assert.Equal("not-found", (string)(await own.LineOfGetAsync("/products/9223372036854775807"))["problem"]!);
        Assert.Equal("invalid-values", (string)(await own.LineOfGetAsync("/products?limit=0"))["problem"]!);
        Assert.Equal("malformed-request", (string)(await own.LineOfGetAsync("/products?limit=x"))["problem"]!);
    }

    [Fact]
    public async Task A_request_that_is_traced_tells_its_trace()
    {
        await using var own = await LoggedShop.OpenAsync(shop.Postgres.Server("shop"), json: true);
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Microsoft.AspNetCore",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
        };
        ActivitySource.AddActivityListener(listener);
        using var traced = own.Anonymous();
        traced.DefaultRequestHeaders.Add("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");

        var line = await own.LineOfGetAsync("/categories?limit=1", traced);

        Assert.Equal("0af7651916cd43dd8448eb211c80319c", (string)line["trace_id"]!);
    }

    [Fact]
    public async Task Orders_that_were_placed_together_are_each_charged_the_round_trip_and_their_wait()
    {
        var log = new CapturedLog();
        await using var own = await OwnShop.OpenAsync(shop, s => s with
        {
            JsonLogs = true,
            Log = new Tienda.Telemetry.LogSettings { SlowRequestMs = 0, Output = log.Output },
        });
        var (product, buyer) = (await own.Given.ProductAsync(), await own.Given.ClientAsync());
        var (series, first) = await own.HoldQueueAsync();
        await using var held = series;
        var orders = Enumerable.Range(0, 5).Select(_ => own.Given.OrderForAsync(buyer.Id(), (product, 1))).ToList();
        await own.QueuedAsync(orders.Count);
        await held.DisposeAsync();
        await Task.WhenAll(orders.Append(first));

        var lines = (await log.LinesWithAsync("\"path\":\"/orders\"", count: 6)).Select(line => JsonNode.Parse(line)!).ToList();

        Assert.All(lines, line => Assert.Equal((201, 1), ((int)line["status"]!, (int)line["db_round_trips"]!)));
        Assert.All(lines, line => Assert.Equal("OrderBatch.Place", (string)line["slowest_query"]!));
        var together = lines.GroupBy(line => (double)line["slowest_query_ms"]!).MaxBy(batch => batch.Count())!.ToList();
        Assert.Equal(5, together.Count);
        Assert.All(together, line => Assert.True((double)line["db_wait_ms"]! > 0));
    }
}
