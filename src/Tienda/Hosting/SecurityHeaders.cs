using Scalar.AspNetCore;
using Tienda.Http;

namespace Tienda.Hosting;

/// <summary>
/// Tells browsers, with every answer, to make nothing of it but data; and everybody to keep no copy unless the answer says so.
/// </summary>
public sealed class SecurityHeaders(RequestDelegate next)
{
    private const string DataOnly = "default-src 'none'; frame-ancestors 'none'";

    public Task InvokeAsync(HttpContext context)
    {
        Set(context.Response.Headers);
        if (context.Request.Path.StartsWithSegments(OpenApi.Page))
        {
            // Its nonce is made on the way.
            context.Response.OnStarting(SetPagePolicy, context);
        }

        return next(context);
    }

    /// <summary>Sets them for an answer of which nothing is known yet. One that replaces another begins with no headers at all.</summary>
    public static void Set(IHeaderDictionary headers)
    {
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        // Only for requests without CORS, such as an image of another site; CORS_ORIGINS decides on the rest.
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers.ContentSecurityPolicy = DataOnly;
        headers.CacheControl = "no-store";
    }

    // The page at /docs runs its own scripts, each named by the nonce of this answer; its styles are made by them, without one.
    private static string PagePolicy(string nonce) =>
        $"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        + "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private static Task SetPagePolicy(object state)
    {
        var context = (HttpContext)state;
        if (context.Items[ScalarOptions.NonceHttpContextItemKey] is string nonce)
        {
            context.Response.Headers.ContentSecurityPolicy = PagePolicy(nonce);
        }

        return Task.CompletedTask;
    }
}
