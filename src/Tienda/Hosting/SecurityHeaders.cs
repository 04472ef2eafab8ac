namespace Tienda.Hosting;

/// <summary>Tells browsers, with every answer, to make nothing of it but data; and everybody to keep no copy unless the answer says so.</summary>
public sealed class SecurityHeaders(RequestDelegate next)
{
    private const string DataOnly = "default-src 'none'; frame-ancestors 'none'";

    public Task InvokeAsync(HttpContext context)
    {
        // An answer that replaces another one, as after an exception, begins with no headers; so they are set last.
        context.Response.OnStarting(Set, context.Response);
        return next(context);
    }

    private static Task Set(object state)
    {
        var headers = ((HttpResponse)state).Headers;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        // Only for requests without CORS, such as an image of another site; CORS_ORIGINS decides on the rest.
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        if (headers.ContentSecurityPolicy.Count == 0)
        {
            headers.ContentSecurityPolicy = DataOnly;
        }

        if (headers.CacheControl.Count == 0)
        {
            headers.CacheControl = "no-store";
        }

        return Task.CompletedTask;
    }
}
