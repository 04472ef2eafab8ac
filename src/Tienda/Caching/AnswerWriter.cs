using Microsoft.Extensions.Primitives;
using Tienda.Http;

namespace Tienda.Caching;

/// <summary>Sends an entry: all of it, compressed if the client takes that, or only the news that nothing has changed.</summary>
public static class AnswerWriter
{
    /// <summary>true if the answer was given without asking the database.</summary>
    public const string HitHeader = "X-Cache-Hit";

    private const string Json = "application/json; charset=utf-8";
    private const string ForAnyone = "public, no-cache";
    private const string ForAdministrators = "private, no-cache";

    /// <param name="isPrivate">Whether others may see less.</param>
    /// <param name="isCurrent">Whether it may be said of it that nothing has changed.</param>
    public static Task WriteAsync(HttpContext context, CacheEntry entry, bool isHit, bool isPrivate = false, bool isCurrent = true)
    {
        var headers = context.Response.Headers;
        headers[HitHeader] = isHit ? "true" : "false";
        if (entry.Absent is { } absent)
        {
            return new Problem(ProblemType.NotFound, absent).ExecuteAsync(context);
        }

        headers.CacheControl = isPrivate ? ForAdministrators : ForAnyone;
        headers.Vary = "Accept-Encoding";
        if (entry.Link is { } link)
        {
            headers.Link = link;
        }

        if (entry.Total is { } total)
        {
            headers[Page.TotalHeader] = total;
        }

        if (entry.Corrected is { } corrected)
        {
            headers[Page.CorrectedHeader] = corrected;
        }

        var request = context.Request.Headers;
        if (isCurrent && request.IfNoneMatch is { Count: > 0 } known && Known(known, entry) is { } etag)
        {
            headers.ETag = etag;
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }

        var body = entry.Body;
        headers.ETag = entry.Etag;
        if (request.AcceptEncoding is { Count: > 0 } accepted)
        {
            if (Accepts(accepted, "br") && entry.Brotli is { } brotli)
            {
                (body, headers.ETag, headers.ContentEncoding) = (brotli, entry.EtagOfBrotli, "br");
            }
            else if (Accepts(accepted, "gzip") && entry.Gzip is { } gzip)
            {
                (body, headers.ETag, headers.ContentEncoding) = (gzip, entry.EtagOfGzip, "gzip");
            }
        }

        headers.ContentType = Json;
        headers.ContentLength = body.Length;
        var writing = context.Response.Body.WriteAsync(body);
        return writing.IsCompletedSuccessfully ? Task.CompletedTask : writing.AsTask();
    }

    /// <summary>The ETag of the client that names this entry in any of its forms, or null (RFC 9110 13.1.2, weakly compared).</summary>
    private static string? Known(StringValues ifNoneMatch, CacheEntry entry)
    {
        foreach (var line in ifNoneMatch)
        {
            foreach (var part in line.AsSpan().Split(','))
            {
                var tag = line.AsSpan()[part].Trim();
                tag = tag.StartsWith("W/", StringComparison.Ordinal) ? tag[2..] : tag;
                var known = tag is "*" || tag.SequenceEqual(entry.Etag) ? entry.Etag
                    : tag.SequenceEqual(entry.EtagOfBrotli) ? entry.EtagOfBrotli
                    : tag.SequenceEqual(entry.EtagOfGzip) ? entry.EtagOfGzip
                    : null;
                if (known is not null)
                {
                    return known;
                }
            }
        }

        return null;
    }

    /// <summary>Whether the client takes an encoding (RFC 9110 12.5.3); one with the weight 0 is refused.</summary>
    internal static bool Accepts(StringValues acceptEncoding, string encoding)
    {
        foreach (var line in acceptEncoding)
        {
            foreach (var part in line.AsSpan().Split(','))
            {
                var coding = line.AsSpan()[part].Trim();
                var end = coding.IndexOf(';');
                var name = end < 0 ? coding : coding[..end].TrimEnd();
                if (name.Equals(encoding, StringComparison.OrdinalIgnoreCase))
                {
                    return end < 0 || !IsZero(coding[(end + 1)..]);
                }
            }
        }

        return false;
    }

    private static bool IsZero(ReadOnlySpan<char> parameter)
    {
        parameter = parameter.Trim();
        return parameter.StartsWith("q=0", StringComparison.OrdinalIgnoreCase) && !parameter[2..].ContainsAnyInRange('1', '9');
    }
}
