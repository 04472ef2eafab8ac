using Tienda.ApiTests.Data;

namespace Tienda.ApiTests.Telemetry;

/// <summary>What a shop sends to a collector: metrics as soon as it knows one, traces only if it is asked for some.</summary>
public sealed class OtlpTests(ShopApp shop)
{
    private const string Requests = "http.server.request.duration";

    private static readonly HashSet<string> OthersNames =
        ["tienda.cache.reads", "tienda.rate_limit.requests", "db.client.connection.count", "dotnet.gc.collections"];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Metrics_go_to_the_collector_those_of_requests_included_and_no_traces()
    {
        await using var collector = await TestCollector.StartAsync();
        collector.SetAway(true);
        await using var sender = await Sender.StartAsync(shop, new()
        {
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.Url,
            ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
            ["OTEL_EXPORTER_OTLP_COMPRESSION"] = "gzip",
            ["OTEL_EXPORTER_OTLP_HEADERS"] = "authorization=of the collector",
            ["OTEL_METRIC_EXPORT_INTERVAL"] = "300",
            ["OTEL_SERVICE_NAME"] = "the shop",
            ["OTEL_RESOURCE_ATTRIBUTES"] = "deployment.environment.name=test",
        });
        for (var i = 0; i < 7; i++)
        {
            await sender.Http.GottenAsync("/categories?limit=1").ShouldBeAsync(200);
        }

        // What it has missed is in what it is sent afterwards, which may be an older figure first: one that was refused is sent again.
        collector.SetAway(false);
        await Eventually.HoldsAsync(() => Sent().Any(metric => PointOf(metric)?.Number(4) == 7));

        var sent = Sent().First(metric => PointOf(metric)?.Number(4) == 7);
        var histogram = sent.Data.Messages(9).Single();
        var point = PointOf(sent)!;
        Assert.Equal(("s", 2UL), (sent.Unit, histogram.Number(2)));
        Assert.Equal(("GET", "200"), (point.Attributes(9)["http.request.method"], point.Attributes(9)["http.response.status_code"]));
        Assert.Equal(7UL, point.Packed(6).Aggregate((one, other) => one + other));
        Assert.Equal(point.Packed(6).Count, point.Packed(7).Count + 1);
        Assert.InRange(point.Real(5), 0.0001, 60);
        Assert.InRange(point.Number(3) - point.Number(2), 1UL, 600_000_000_000UL);
        Assert.Equal(
            ("the shop", "1", "test"),
            (sent.Resource["service.name"], sent.Resource["tienda.worker"], sent.Resource["deployment.environment.name"]));
        Assert.Equal("of the collector", collector.Authorization);
        Assert.Superset(OthersNames, collector.Metrics.Select(metric => metric.Name).ToHashSet());
        // Looked at once in five seconds.
        await Eventually.HoldsAsync(() => collector.Metrics.Any(metric => metric.Name == "tienda.database.up"));
        Assert.Empty(collector.Spans);

        IEnumerable<ReceivedMetric> Sent() => collector.Metrics.Where(metric => metric.Name == Requests);

        static ProtobufReader? PointOf(ReceivedMetric metric) =>
            metric.Data.Messages(9).Single().Messages(1).SingleOrDefault(point => point.Attributes(9).GetValueOrDefault("http.route") == "/categories");
    }

    [Fact]
    public async Task Over_gRPC_and_from_a_file_a_request_is_traced_to_the_database_and_redis()
    {
        await using var collector = await TestCollector.StartAsync(isGrpc: true);
        await using var redis = await TestRedis.StartAsync();
        await using var sender = await Sender.StartAsync(shop, redis.Settings, $"""
            OTEL_EXPORTER_OTLP_ENDPOINT={collector.Url}
            OTEL_TRACES_SAMPLER_ARG=1.0
            OTEL_BSP_SCHEDULE_DELAY=100
            OTEL_METRIC_EXPORT_INTERVAL=300
            """);
        var product = await sender.Given.ProductAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/products/{product.Id()}");
        request.Headers.Add("X-Request-ID", "the-read");
        request.Headers.Add("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00");
        using var anyone = new HttpClient { BaseAddress = sender.Http.BaseAddress };
        await anyone.SendAsync(request, Ct).ShouldBeAsync(200);
        await sender.Http.GottenAsync("/health_check").ShouldBeAsync(200);
        using var again = new HttpRequestMessage(HttpMethod.Get, $"/products/{product.Id()}");
        again.Headers.Add("X-Request-ID", "the-hit");
        await anyone.SendAsync(again, Ct).ShouldBeAsync(200);
        await sender.Given.OrderAsync((product, 1)).ShouldBeAsync(201);

        await Eventually.HoldsAsync(() => collector.Spans.Any(span => span.Name == "place_orders"));
        await Eventually.HoldsAsync(() => collector.Spans.Any(span => span.Name == "POST /orders"));
        await Eventually.HoldsAsync(() => collector.Metrics.Any(metric => metric.Name == Requests));

        var read = RequestOf("the-read");
        Assert.Equal("GET /products/{id_key}", read.Name);
        Assert.Equal(("/products/{id_key}", "200"), (read.Attributes["http.route"], read.Attributes["http.response.status_code"]));
        // The caller's trace, although the caller itself does not keep it.
        Assert.Equal(("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"), (read.TraceId, read.ParentId));
        Assert.Contains(collector.Spans, span => span.TraceId == read.TraceId && span.Attributes.GetValueOrDefault("db.system.name") == "redis");
        Assert.Contains(collector.Spans, span => span.TraceId == read.TraceId && span.Attributes.GetValueOrDefault("db.system.name") == "postgresql");
        Assert.Equal("GET /products/{id_key}", RequestOf("the-hit").Name);

        var batch = collector.Spans.Single(span => span.Name == "place_orders");
        Assert.Equal(collector.Spans.Single(span => span.Name == "POST /orders").TraceId, batch.TraceId);
        Assert.Contains(collector.Spans, span => span.ParentId == batch.SpanId);
        // What the shop does by itself is in no trace, and nobody traces health checks.
        var requests = collector.Spans.Where(span => span.Attributes.ContainsKey("tienda.request_id")).ToList();
        Assert.All(collector.Spans, span => Assert.Contains(requests, request => request.TraceId == span.TraceId));
        Assert.DoesNotContain(requests, request => request.Attributes["url.path"] == "/health_check");

        ReceivedSpan RequestOf(string id) =>
            collector.Spans.Single(span => span.Attributes.GetValueOrDefault("tienda.request_id") == id);
    }

    /// <summary>A shop on the tests' database that sends what it knows somewhere.</summary>
    private sealed class Sender(ShopFolder folder, TiendaProgram program, HttpClient http) : IAsyncDisposable
    {
        public HttpClient Http => http;

        public Given Given => new(http);

        public static async Task<Sender> StartAsync(ShopApp shop, Dictionary<string, string> settings, string file = "")
        {
            var server = shop.Postgres.Server("shop");
            var folder = new ShopFolder();
            await File.WriteAllTextAsync(Path.Combine(folder.Path, ".env"), file, Ct);
            var program = TiendaProgram.Start(folder.Path, ["--port", "0"], new(settings)
            {
                ["POSTGRES_HOST"] = server.Host,
                ["POSTGRES_DB"] = server.Database,
                ["POSTGRES_USER"] = server.User,
                ["RATE_LIMIT_ENABLED"] = "false",
            });
            try
            {
                return new Sender(folder, program, await program.OpenAsync());
            }
            catch
            {
                await program.DisposeAsync();
                throw;
            }
        }

        public async ValueTask DisposeAsync()
        {
            http.Dispose();
            await program.DisposeAsync();
            await folder.DisposeAsync();
        }
    }
}
