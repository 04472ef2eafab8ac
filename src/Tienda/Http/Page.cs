using System.Globalization;
using System.Reflection;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Primitives;

namespace Tienda.Http;

/// <summary>Makes pages.</summary>
public static class Page
{
    /// <summary>Cuts off the record that was read only to see whether there is a next page.</summary>
    /// <param name="rows">At most <see cref="ListQuery.RowsToRead"/> records.</param>
    /// <param name="place">The place of a record in the order of this list.</param>
    public static Page<T> Of<T>(List<T> rows, ListQuery query, long? total, Func<T, Cursor> place)
    {
        if (rows.Count < query.RowsToRead)
        {
            return new Page<T>(rows, null, total);
        }

        rows.RemoveAt(rows.Count - 1);
        return new Page<T>(rows, place(rows[^1]), total);
    }
}

/// <summary>What a list answers: a bare JSON array, the link to the next page, and the total if it was asked for.</summary>
/// <param name="Items">The records of this page.</param>
/// <param name="Next">Where the next page begins, or null at the end.</param>
/// <param name="Total">How many records there are in all, or null if the client did not ask.</param>
public sealed record Page<T>(List<T> Items, Cursor? Next, long? Total) : IResult, IEndpointMetadataProvider
{
    public Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        if (Total is { } total)
        {
            response.Headers["X-Total-Count"] = total.ToString(CultureInfo.InvariantCulture);
        }

        if (Next is { } next)
        {
            response.Headers.Link = $"<{NextUrl(httpContext.Request, next)}>; rel=\"next\"";
        }

        return response.WriteAsJsonAsync(Items, TiendaJson.Wire, "application/json; charset=utf-8", httpContext.RequestAborted);
    }

    // The same request with another place to begin. Relative to the host, which a proxy may have renamed.
    private static string NextUrl(HttpRequest request, Cursor next)
    {
        var query = request.Query
            .Where(p => p.Key is not ("after" or "skip"))
            .Append(new KeyValuePair<string, StringValues>("after", next.ToString()));
        return QueryHelpers.AddQueryString(request.PathBase + request.Path, query);
    }

    static void IEndpointMetadataProvider.PopulateMetadata(MethodInfo method, EndpointBuilder builder) =>
        builder.Metadata.Add(new ProducesResponseTypeMetadata(StatusCodes.Status200OK, typeof(List<T>), ["application/json"]));
}
