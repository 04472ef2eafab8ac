namespace Tienda.Http;

/// <summary>
/// Lets every GET answer HEAD. The endpoint sees GET; the server, which read HEAD from the connection, leaves out the body.
/// </summary>
public sealed class HeadRequests(RequestDelegate next)
{
    public async Task InvokeAsync(HttpContext context)
    {
        context.Response.OnStarting(NameHead, context.Response);
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await next(context);
            return;
        }

        context.Request.Method = HttpMethods.Get;
        try
        {
            await next(context);
        }
        finally
        {
            context.Request.Method = HttpMethods.Head;
        }
    }

    // Routing knows only the methods that were mapped.
    private static Task NameHead(object state)
    {
        var headers = ((HttpResponse)state).Headers;
        if (headers.Allow.ToString() is { Length: > 0 } allowed && allowed.Contains(HttpMethods.Get, StringComparison.Ordinal))
        {
            headers.Allow = allowed.Replace(HttpMethods.Get, "GET, HEAD", StringComparison.Ordinal);
        }

        return Task.CompletedTask;
    }
}
