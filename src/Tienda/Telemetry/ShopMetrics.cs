using System.Diagnostics.Metrics;
using Microsoft.AspNetCore.Http.HttpResults;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using Tienda.Hosting;
using Tienda.Http;
using Tienda.Security;
using Tienda.Telemetry.Otlp;
using Tienda.Telemetry.Reports;

namespace Tienda.Telemetry;

/// <summary>
/// The figures that Prometheus collects, under OpenTelemetry's names: the shop's own, and of the server's, the driver's and the runtime's
/// those that an operator has a use for. docs/metrics.md has each of them.
/// </summary>
public static class ShopMetrics
{
    /// <summary>The meter of the shop's own figures.</summary>
    public const string Meter = "Tienda";

    /// <summary>OpenTelemetry's name for the number of requests that are being answered.</summary>
    public const string RequestsUnderWay = "http.server.active_requests";

    private const string Page = "/metrics";
    private const string Pool = "db.client.connection.pool.name";

    // What others measure, by what it is told apart; the rest of theirs is not even measured. How long statements take is measured by
    // their names, which the driver does not know: see QueryFigures.
    private static readonly Dictionary<string, string[]> Others = new()
    {
        ["kestrel.active_connections"] = [],
        ["kestrel.queued_connections"] = [],
        ["kestrel.rejected_connections"] = [],
        ["db.client.connection.count"] = [Pool, "db.client.connection.state"],
        ["db.client.connection.max"] = [Pool],
        ["db.client.connection.npgsql.pending_requests"] = [Pool],
        ["db.client.connection.npgsql.timeouts"] = [Pool],
        ["db.client.operation.failed"] = [Pool],
        ["dotnet.exceptions"] = [],
        ["dotnet.gc.collections"] = ["gc.heap.generation"],
        ["dotnet.gc.heap.total_allocated"] = [],
        ["dotnet.gc.last_collection.memory.committed_size"] = [],
        ["dotnet.gc.pause.time"] = [],
        ["dotnet.monitor.lock_contentions"] = [],
        ["dotnet.process.cpu.count"] = [],
        ["dotnet.process.cpu.time"] = ["cpu.mode"],
        ["dotnet.process.memory.working_set"] = [],
        ["dotnet.thread_pool.queue.length"] = [],
        ["dotnet.thread_pool.thread.count"] = [],
        ["dotnet.thread_pool.work_item.count"] = [],
    };

    public static IServiceCollection AddShopMetrics(this IServiceCollection services, Settings settings)
    {
        services.AddOpenTelemetry()
            // What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say comes last, and wins.
            .ConfigureResource(resource => resource
                .AddService("tienda", serviceVersion: BuildInfo.Version)
                .AddAttributes([new("tienda.worker", (long)(settings.Place?.Number ?? 1))])
                .AddEnvironmentVariableDetector())
            .WithMetrics(metrics => Send(settings, metrics
                .AddMeter("Microsoft.AspNetCore.Server.Kestrel", "Npgsql", "System.Runtime", Meter)
                .AddReader(provider => provider.GetRequiredService<MeterReader>().Reader)));
        services.ConfigureOpenTelemetryMeterProvider((provider, metrics) =>
        {
            var own = provider.GetRequiredService<IMeterFactory>();
            metrics.AddView(instrument => Select(instrument, own));
        });
        if (settings.Telemetry.SendsMetrics)
        {
            services.AddSingleton<RequestHistogram>();
            services.AddOptions<OtlpExporterOptions>().PostConfigure<RequestHistogram>((options, histogram) =>
            {
                var connect = options.HttpClientFactory;
                options.HttpClientFactory = () => RequestHistogramSender.Around(connect(), histogram);
            });
        }

        return services
            .AddSingleton<MeterReader>().AddSingleton<ProcessReport>().AddSingleton<HostReport>()
            .AddSingleton<RequestFigures>().AddSingleton<QueryFigures>()
            .AddSingleton<CacheMetrics>().AddSingleton<RateLimitMetrics>().AddSingleton<RedisMetrics>()
            .AddSingleton<StateMetrics>().AddHostedService(provider => provider.GetRequiredService<StateMetrics>());
    }

    /// <summary>The page that Prometheus reads.</summary>
    public static void MapShopMetrics(this IEndpointRouteBuilder routes) =>
        routes.MapGet(Page, Scrape).WithName("GetMetrics").ForAdministrators().ExcludeFromDescription();

    // Meters are heard by their names, also those of another shop in the same process, as in tests.
    private static MetricStreamConfiguration? Select(Instrument instrument, IMeterFactory own) =>
        instrument.Meter.Scope is IMeterFactory maker && maker != own ? MetricStreamConfiguration.Drop
        : instrument.Meter.Name == Meter ? null
        : Others.TryGetValue(instrument.Name, out var tags) ? new MetricStreamConfiguration { TagKeys = tags }
        : MetricStreamConfiguration.Drop;

    private static MeterProviderBuilder Send(Settings settings, MeterProviderBuilder metrics) =>
        settings.Telemetry.SendsMetrics ? metrics.AddOtlpExporter() : metrics;

    public static bool IsPage(PathString path) => path.StartsWithSegments(Page);

    /// <summary>The figures of all workers of this host, or of one.</summary>
    /// <param name="worker">Its number, from 1.</param>
    public static async Task<Results<MetricsPage, Problem>> Scrape(int? worker, HostReport host, CancellationToken ct)
    {
        try
        {
            var report = worker is { } number ? await host.ReadAsync(number, ct) : await host.ReadAsync(ct);
            return report is null
                ? new Problem(ProblemType.NotFound, $"This host has no worker {worker}.")
                : new MetricsPage(report);
        }
        catch (Exception lost) when (lost is IOException or FormatException)
        {
            // No figures are better than figures that are too small, which Prometheus would take for a restart.
            return new Problem(ProblemType.Unavailable, $"The figures of the workers cannot be added up: {lost.Message}");
        }
    }
}

/// <summary>Figures in the format that the reader prefers.</summary>
public sealed class MetricsPage(MetricReport report) : IResult
{
    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var isOpenMetrics = PrefersOpenMetrics(httpContext.Request);
        httpContext.Response.ContentType = isOpenMetrics ? MetricText.OpenMetricsType : MetricText.TextType;
        httpContext.Response.Headers.CacheControl = "no-store";
        httpContext.Response.Headers.Vary = "Accept";
        await httpContext.Response.WriteAsync(MetricText.Write(report, isOpenMetrics), httpContext.RequestAborted);
    }

    private static bool PrefersOpenMetrics(HttpRequest request)
    {
        var accepted = request.GetTypedHeaders().Accept;
        return QualityOf("application/openmetrics-text") is > 0 and var quality && quality >= QualityOf("text/plain");

        double QualityOf(string type) => accepted
            .Where(range => range.MediaType.Equals(type, StringComparison.OrdinalIgnoreCase))
            .Select(range => range.Quality ?? 1).DefaultIfEmpty(0).Max();
    }
}
