using System.Diagnostics.Metrics;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using Tienda.Hosting;
using Tienda.Security;

namespace Tienda.Telemetry;

/// <summary>The figures that Prometheus collects: requests, connections to PostgreSQL, the runtime, under OpenTelemetry's names.</summary>
public static class ShopMetrics
{
    /// <summary>The meter of the shop's own figures.</summary>
    public const string Meter = "Tienda";

    /// <summary>OpenTelemetry's name for the number of requests that are being answered.</summary>
    public const string RequestsUnderWay = "http.server.active_requests";

    public static IServiceCollection AddShopMetrics(this IServiceCollection services)
    {
        services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService("tienda", serviceVersion: BuildInfo.Version))
            .WithMetrics(metrics => metrics
                .AddView(DropCountOfRequestsUnderWay)
                .AddMeter("Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "Npgsql", "System.Runtime", Meter)
                .AddPrometheusExporter());
        services.AddSingleton<CacheMetrics>();
        return services;
    }

    // Two changes for each request. The shop counts them anyway: Draining.
    private static MetricStreamConfiguration? DropCountOfRequestsUnderWay(Instrument instrument) =>
        instrument is { Meter.Name: "Microsoft.AspNetCore.Hosting", Name: RequestsUnderWay } ? MetricStreamConfiguration.Drop : null;

    public static void MapShopMetrics(this IEndpointRouteBuilder routes) =>
        routes.MapPrometheusScrapingEndpoint("/metrics").ForAdministrators();
}
