using System.Globalization;
using System.Text.Json;
using Microsoft.Net.Http.Headers;
using Tienda.Hosting;
using Tienda.Security;

namespace Tienda.Http;

/// <summary>
/// Gives the answers that the framework refuses on its own (no route, wrong method, failed validation) the form of every other problem.
/// </summary>
public sealed class FrameworkProblems : IProblemDetailsWriter
{
    public bool CanWrite(ProblemDetailsContext context) => true;

    public async ValueTask WriteAsync(ProblemDetailsContext context)
    {
        await Describe(context).ExecuteAsync(context.HttpContext);
    }

    private static Problem Describe(ProblemDetailsContext context)
    {
        if (context.ProblemDetails is HttpValidationProblemDetails invalid)
        {
            var errors = invalid.Errors.ToDictionary(e => JsonPath(e.Key), e => e.Value);
            var fields = string.Join(", ", errors.Keys);
            return new Problem(ProblemType.InvalidValues, $"Not valid: {fields}.") { Errors = errors };
        }

        var request = context.HttpContext.Request;
        var status = context.HttpContext.Response.StatusCode;
        var detail = status switch
        {
            StatusCodes.Status401Unauthorized => UnauthenticatedDetail(request),
            StatusCodes.Status403Forbidden => $"Only an administrator may {request.Method} {request.Path}.",
            StatusCodes.Status404NotFound => $"The shop has nothing at {request.Path}.",
            StatusCodes.Status405MethodNotAllowed => $"{request.Path} does not answer {request.Method}.",
            StatusCodes.Status413PayloadTooLarge => TooLargeDetail,
            StatusCodes.Status415UnsupportedMediaType => MediaTypeDetail(request),
            _ => ProblemType.ForStatus(status).Title + ".",
        };
        return new Problem(ProblemType.ForStatus(status), detail);
    }

    private static string UnauthenticatedDetail(HttpRequest request) =>
        request.Headers.ContainsKey(ApiKeyAuthentication.Header) ? $"The key in {ApiKeyAuthentication.Header} is not the administrator's."
        : request.Headers.ContainsKey(HeaderNames.Authorization) ? "The access token is not valid or has expired."
        : $"{request.Method} {request.Path} is for clients who have signed in.";

    private static readonly string TooLargeDetail =
        string.Create(CultureInfo.InvariantCulture, $"The body is larger than {ShopServer.MaximumBodyBytes} bytes.");

    public static string MediaTypeDetail(HttpRequest request) => request.Path.StartsWithSegments("/products/import")
        ? $"The body must be {FileFormats.Csv} or {FileFormats.Ndjson} in UTF-8, as Content-Type has to say."
        : string.IsNullOrEmpty(request.ContentType)
            ? "The Content-Type header is missing; it must be application/json."
            : $"The body was sent as {request.ContentType}; it must be application/json in UTF-8.";

    // The framework names C# members, also inside lists: Items[0].ProductId.
    private static string JsonPath(string memberPath) =>
        string.Join('.', memberPath.Split('.').Select(JsonNamingPolicy.SnakeCaseLower.ConvertName));
}
