using Tienda.Hosting;

namespace Tienda.Data;

/// <summary>
/// Makes a read again whose connection broke: after the database server was restarted each pool is full of connections that are none, and
/// the first requests would find that out. A read can be made twice; what writes is left to its sender.
/// </summary>
public sealed class RepeatedReads(ConnectionPools pools) : IEndpointFilter
{
    // Together the time that a server takes to restart with nothing to recover.
    private static readonly int[] PausesMs = [0, 50, 150, 300, 500];

    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        if (!HttpMethods.IsGet(http.Request.Method))
        {
            return await next(context);
        }

        foreach (var pause in PausesMs)
        {
            try
            {
                return await next(context);
            }
            catch (Exception broken) when (DatabaseFailure.Read(broken) is { IsConnectionLost: true })
            {
                // The others in the pool are broken as well.
                pools.Clear();
                http.RequestServices.GetRequiredService<CacheFill>().Clear();
                await Task.Delay(pause, http.RequestAborted);
            }
        }

        return await next(context);
    }
}

/// <summary>Says that the reads of a group of routes are repeated.</summary>
public static class RepeatedReadsSetup
{
    /// <summary>Unless DB_POOL_PRE_PING is off.</summary>
    public static RouteGroupBuilder RepeatingReads(this RouteGroupBuilder routes, Settings settings) =>
        settings.PoolPrePing ? routes.AddEndpointFilter<RouteGroupBuilder, RepeatedReads>() : routes;
}
