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

    public static IServiceCollection AddShopMetrics(this IServiceCollection services)
    {
        services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService("tienda", serviceVersion: BuildInfo.Version))
            .WithMetrics(metrics => metrics
                .AddMeter("Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "Npgsql", "System.Runtime", Meter)
                .AddPrometheusExporter());
        services.AddSingleton<CacheMetrics>();
        return services;
    }

    public static void MapShopMetrics(this IEndpointRouteBuilder routes) =>
        routes.MapPrometheusScrapingEndpoint("/metrics").ForAdministrators();
}
