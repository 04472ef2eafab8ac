using Microsoft.Net.Http.Headers;
using Tienda.Hosting.Dashboard;

namespace Tienda.Http;

/// <summary>
/// Refuses a request whose Accept header allows no JSON, except for the pages, the metrics and files, which are something else; and a body
/// in another encoding than JSON's own, UTF-8, which the framework would look for by name and fail.
/// </summary>
public sealed class Negotiation(RequestDelegate next)
{
    private static readonly MediaTypeHeaderValue Json = new("application/json");
    private static readonly string[] OtherMedia = [OpenApi.Page, "/metrics", DashboardPage.Path, "/products/export", "/orders/export"];

    public Task InvokeAsync(HttpContext context)
    {
        var request = context.Request;
        if (request.ContentType is not null && MediaTypeHeaderValue.TryParse(request.ContentType, out var sent) && sent.Charset.HasValue)
        {
            if (!HeaderUtilities.RemoveQuotes(sent.Charset).Equals("utf-8", StringComparison.OrdinalIgnoreCase))
            {
                return new Problem(ProblemType.UnsupportedMediaType, FrameworkProblems.MediaTypeDetail(request)).ExecuteAsync(context);
            }

            request.ContentType = sent.MediaType.Value;
        }

        // What nearly everybody sends need not be taken apart.
        if (request.Headers.Accept.Count == 0 || request.Headers.Accept is ["*/*"] or ["application/json"])
        {
            return next(context);
        }

        var accepted = request.GetTypedHeaders().Accept;
        return accepted.Count == 0 || accepted.Any(AllowsJson) || OtherMedia.Any(path => request.Path.StartsWithSegments(path))
            ? next(context)
            : new Problem(ProblemType.NotAcceptable, $"The answer is JSON, which Accept: {request.Headers.Accept} does not allow.")
                .ExecuteAsync(context);
    }

    // Who accepts only problems still gets the answer: the header of older clients names nothing else.
    private static bool AllowsJson(MediaTypeHeaderValue range) =>
        range.Quality is not 0
        && (Json.IsSubsetOf(range) || range.MediaType.Equals("application/problem+json", StringComparison.OrdinalIgnoreCase));
}
