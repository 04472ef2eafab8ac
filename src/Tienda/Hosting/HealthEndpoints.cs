using Microsoft.AspNetCore.Http.HttpResults;
using Tienda.Data;
using Tienda.Hosting.Workers;
using Tienda.Security;
using Tienda.Telemetry;

namespace Tienda.Hosting;

/// <summary>Whether the process works and takes requests, for orchestrators.</summary>
public sealed record Liveness
{
    /// <summary>alive, ready, or why not.</summary>
    public required string Status { get; init; }
}

/// <summary>The health routes: one for people and monitors, two for orchestrators.</summary>
public static class HealthEndpoints
{
    private static readonly string[] Routes = ["/health_check", "/health/live", "/health/ready"];

    /// <summary>Whether a path is one of these. They are answered when nothing else is any more.</summary>
    public static bool Contain(PathString path)
    {
        var plain = path.Value.AsSpan().TrimEnd('/');
        foreach (var route in Routes)
        {
            if (plain.Equals(route, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    public static IServiceCollection AddShopHealth(this IServiceCollection services) =>
        services.AddSingleton<DatabaseProbe>().AddSingleton<PoolGauge>().AddSingleton<HealthCheck>().AddSingleton<SchemaCheck>();

    public static void MapHealth(this IEndpointRouteBuilder routes)
    {
        var health = routes.MapGroup("").WithTags("Health");
        health.MapGet("/health_check", Check).WithName("CheckHealth").ForAnyoneUnasked();
        health.MapGet("/health/live", Live).WithName("CheckLiveness").ForAnyoneUnasked();
        health.MapGet("/health/ready", Ready).WithName("CheckReadiness").ForAnyoneUnasked();
    }

    /// <summary>Report the health of the shop</summary>
    /// <remarks>
    /// 503 if critical: the database is down, slower than 500 ms or takes no changes, or more than 90 % of its connections are in use.
    /// </remarks>
    /// <response code="200">healthy, warning or degraded</response>
    /// <response code="503">critical; the same body</response>
    public static async Task<Results<Ok<HealthReport>, JsonHttpResult<HealthReport>>> Check(HealthCheck health)
    {
        var report = await health.ReportAsync();
        return report.Status == "critical"
            ? TypedResults.Json(report, TiendaJson.Wire, statusCode: StatusCodes.Status503ServiceUnavailable)
            : TypedResults.Ok(report);
    }

    /// <summary>Tell whether the process works</summary>
    /// <remarks>Asks nothing else: a database that is away is no reason to restart the program.</remarks>
    public static Ok<Liveness> Live() => TypedResults.Ok(new Liveness { Status = "alive" });

    /// <summary>Tell whether to send requests here</summary>
    /// <remarks>503 while a migration is pending, and while the program stops, so that a proxy goes elsewhere first.</remarks>
    public static async Task<Results<Ok<Liveness>, JsonHttpResult<Liveness>>> Ready(
        Draining draining, SchemaCheck schema, CancellationToken ct)
    {
        var obstacle = draining.IsClosing ? "stopping" : await schema.ObstacleAsync(ct);
        return obstacle is null
            ? TypedResults.Ok(new Liveness { Status = "ready" })
            : TypedResults.Json(new Liveness { Status = obstacle }, TiendaJson.Wire, statusCode: StatusCodes.Status503ServiceUnavailable);
    }
}
