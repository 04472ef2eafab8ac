using System.Globalization;
using System.Reflection;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Primitives;
using Tienda.Caching;

namespace Tienda.Http;

/// <summary>Makes pages.</summary>
public static class Page
{
    /// <summary>How many records there are in all, if the client asked.</summary>
    public const string TotalHeader = "X-Total-Count";

    /// <summary>What was searched for instead of what was typed, if that was corrected.</summary>
    public const string CorrectedHeader = "X-Search-Corrected";

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

/// <summary>An answer to a search.</summary>
public interface ISearched
{
    /// <summary>The value of the X-Search-Corrected header, or null if what was typed was searched for.</summary>
    string? Corrected { get; }
}

/// <summary>A page whatever its records are, for who keeps it.</summary>
public interface IPage : ISearched
{
    /// <summary>The value of the Link header for a request, or null at the end of the list.</summary>
    string? LinkOf(HttpRequest request);

    /// <summary>The value of the X-Total-Count header, or null if the client did not ask.</summary>
    string? TotalText { get; }

    /// <summary>The body.</summary>
    byte[] ToJson();
}

/// <summary>What a list answers: a bare JSON array, the link to the next page, and the total if it was asked for.</summary>
/// <param name="Items">The records of this page.</param>
/// <param name="Next">Where the next page begins, or null at the end.</param>
/// <param name="Total">How many records there are in all, or null if the client did not ask.</param>
public sealed record Page<T>(List<T> Items, Cursor? Next, long? Total) : IResult, IPage, IEndpointMetadataProvider
{
    public Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        if (TotalText is { } total)
        {
            response.Headers[Page.TotalHeader] = total;
        }

        if (LinkOf(httpContext.Request) is { } link)
        {
            response.Headers.Link = link;
        }

        if (Corrected is not null)
        {
            response.Headers[Page.CorrectedHeader] = Corrected;
        }

        return response.WriteAsJsonAsync(Items, TiendaJson.Wire, "application/json; charset=utf-8", httpContext.RequestAborted);
    }

    /// <summary>What was searched for instead of what was typed.</summary>
    public string? Corrected { get; init; }

    public string? TotalText => Total?.ToString(CultureInfo.InvariantCulture);

    public string? LinkOf(HttpRequest request) => Next is { } next ? $"<{NextUrl(request, next)}>; rel=\"next\"" : null;

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(Items, TiendaJson.Wire);

    // The same request with another place to begin. Relative to the host, which a proxy may have renamed.
    private static string NextUrl(HttpRequest request, Cursor next)
    {
        // Requests that are answered with the same bytes lead to the same next page.
        Span<char> key = stackalloc char[CacheKey.Longest];
        if (CacheKey.Write(request.Path.Value, request.QueryString.Value, key) is > 0 and var length)
        {
            return CacheKey.NextUrl(key[..length].ToString(), next);
        }

        var query = request.Query
            .Where(p => p.Key is not ("after" or "skip"))
            .Append(new KeyValuePair<string, StringValues>("after", next.ToString()));
        return QueryHelpers.AddQueryString(request.PathBase + request.Path, query);
    }

    static void IEndpointMetadataProvider.PopulateMetadata(MethodInfo method, EndpointBuilder builder)
    {
        builder.Metadata.Add(new ProducesResponseTypeMetadata(StatusCodes.Status200OK, typeof(List<T>), ["application/json"]));
        // One for the page, one for count=estimate.
        builder.Metadata.Add(new RoundTripBudget(2));
    }
}
