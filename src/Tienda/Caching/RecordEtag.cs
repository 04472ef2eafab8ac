using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Primitives;
using Tienda.Http;

namespace Tienda.Caching;

/// <summary>The answer of the endpoint has the ETag of the record that it is; for the OpenAPI document.</summary>
public sealed record Tagged;

/// <summary>
/// Gives an answer that is one record, and that no cache keeps, the ETag that <see cref="IfMatch"/> takes: reads, and writes, after
/// which the sender can write again without reading.
/// </summary>
public sealed class RecordEtag : IEndpointFilter
{
    private static readonly StatusCodeHttpResult NotModified = TypedResults.StatusCode(StatusCodes.Status304NotModified);

    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var result = await next(context);
        if ((result is INestedHttpResult nested ? nested.Result : result) is not IValueHttpResult { Value: { } record })
        {
            return result;
        }

        var http = context.HttpContext;
        var etag = IfMatch.EtagOf(record);
        http.Response.Headers.ETag = etag;
        return HttpMethods.IsGet(http.Request.Method) && IsKnown(http.Request.Headers.IfNoneMatch, etag) ? NotModified : result;
    }

    // RFC 9110 13.1.2, weakly compared.
    private static bool IsKnown(StringValues ifNoneMatch, string etag) => ifNoneMatch
        .SelectMany(line => line!.Split(',', StringSplitOptions.TrimEntries))
        .Any(part => part == "*" || part == etag || part == "W/" + etag);
}

/// <summary>What endpoints say about their ETags.</summary>
public static class RecordEtags
{
    /// <summary>A read of one record, or a write that answers it.</summary>
    public static RouteHandlerBuilder Tagged(this RouteHandlerBuilder endpoint) =>
        endpoint.AddEndpointFilter<RecordEtag>().WithMetadata(new Tagged());

    /// <summary>A write that honours If-Match: 412. What it answers has the record's new ETag.</summary>
    public static RouteHandlerBuilder Conditional(this RouteHandlerBuilder endpoint) =>
        endpoint.Tagged().WithMetadata(new RefusesWith(412));
}
