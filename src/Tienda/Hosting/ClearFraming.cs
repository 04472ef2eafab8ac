using System.Buffers;
using Microsoft.AspNetCore.Http.Features;
using Tienda.Http;

namespace Tienda.Hosting;

/// <summary>
/// Refuses requests that the server reads without doubt but that a proxy in front may read differently: where the two disagree on
/// where a body ends, a second request hides in the first. Nobody who means well sends these. The connection ends with the answer.
/// </summary>
public sealed class ClearFraming(RequestDelegate next)
{
    private static readonly SearchValues<char> Controls =
        SearchValues.Create([.. Enumerable.Range(0, 128).Select(c => (char)c).Where(c => char.IsControl(c) && c != '\t')]);

    // RFC 9110 5.6.2
    private static readonly SearchValues<char> Token =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    public Task InvokeAsync(HttpContext context)
    {
        if (Doubt(context.Request) is not { } doubt)
        {
            return next(context);
        }

        context.Response.Headers.Connection = "close";
        return new Problem(ProblemType.MalformedRequest, doubt).ExecuteAsync(context);
    }

    private static string? Doubt(HttpRequest request)
    {
        // A line break in it ends the request line for a lenient reader. An escaped one, which the path shows too, does no harm.
        if ((request.Path.Value.AsSpan().ContainsAny(Controls) || request.QueryString.Value.AsSpan().ContainsAny(Controls))
            && request.HttpContext.Features.Get<IHttpRequestFeature>()!.RawTarget.AsSpan().ContainsAny(Controls))
        {
            return "The path has a control character in it.";
        }

        var headers = request.Headers;
        foreach (var (name, values) in headers)
        {
            if (name.AsSpan().ContainsAnyExcept(Token))
            {
                return "A header has a name that is none.";
            }

            foreach (var value in values)
            {
                if (value.AsSpan().ContainsAny(Controls))
                {
                    return $"The header {name} has a control character in it.";
                }
            }
        }

        if (headers.TransferEncoding.Count == 0)
        {
            return null;
        }

        if (!HttpProtocol.IsHttp11(request.Protocol))
        {
            return "Only HTTP/1.1 knows Transfer-Encoding.";
        }

        // Several lines come joined by commas and are not this word.
        if (!headers.TransferEncoding.ToString().Equals("chunked", StringComparison.OrdinalIgnoreCase))
        {
            return "The only Transfer-Encoding is chunked, once.";
        }

        // Where both are sent, the server drops the length and keeps it under this name.
        return headers.ContentLength is not null || headers.ContainsKey("X-Content-Length")
            ? "A request has a Content-Length or a Transfer-Encoding, not both."
            : null;
    }
}
