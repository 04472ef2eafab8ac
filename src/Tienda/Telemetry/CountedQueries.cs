using Tienda.Data;

namespace Tienda.Telemetry;

/// <summary>Counts what a request asks of the database, for the metrics, and for the log if the request turns out to be worth it.</summary>
public sealed class CountedQueries(QueryFigures queries) : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        var id = http.TraceIdentifier;
        var use = DatabaseUse.Begin(queries, () => id);
        http.Features.Set(use);
        try
        {
            return await next(context);
        }
        finally
        {
            queries.Note(RequestFigures.KnownMethod(http.Request.Method), RequestFigures.RouteOf(http), use);
        }
    }
}
