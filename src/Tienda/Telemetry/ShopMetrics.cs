using System.Text;
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

    private const string OpenMetricsEnd = "# EOF\n";

    public static IServiceCollection AddShopMetrics(this IServiceCollection services)
    {
        services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService("tienda", serviceVersion: BuildInfo.Version))
            .WithMetrics(metrics => metrics
                .AddMeter("Microsoft.AspNetCore.Server.Kestrel", "Npgsql", "System.Runtime", Meter)
                .AddPrometheusExporter());
        services.AddSingleton<CacheMetrics>();
        services.AddSingleton<RequestFigures>();
        return services;
    }

    /// <summary>The page that Prometheus reads: what the library writes of the meters, and the requests.</summary>
    public static void MapShopMetrics(this IEndpointRouteBuilder routes) => routes.MapPrometheusScrapingEndpoint("/metrics")
        .ForAdministrators()
        .Add(endpoint =>
        {
            var writeMeters = endpoint.RequestDelegate!;
            endpoint.RequestDelegate = context => WriteAsync(context, writeMeters);
        });

    private static async Task WriteAsync(HttpContext context, RequestDelegate writeMeters)
    {
        var response = context.Response;
        var body = response.Body;
        using var meters = new MemoryStream();
        response.Body = meters;
        try
        {
            await writeMeters(context);
        }
        finally
        {
            response.Body = body;
        }

        var text = Encoding.UTF8.GetString(meters.GetBuffer(), 0, (int)meters.Length);
        var isOpenMetrics = text.EndsWith(OpenMetricsEnd, StringComparison.Ordinal);
        text = (isOpenMetrics ? text[..^OpenMetricsEnd.Length] : text)
            + context.RequestServices.GetRequiredService<RequestFigures>().ToText()
            + (isOpenMetrics ? OpenMetricsEnd : "");
        response.ContentLength = Encoding.UTF8.GetByteCount(text);
        await response.WriteAsync(text, context.RequestAborted);
    }
}
