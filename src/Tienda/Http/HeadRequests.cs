namespace Tienda.Http;

/// <summary>
/// Lets every GET answer HEAD. The endpoint sees GET; the server, which read HEAD from the connection, leaves out the body.
/// </summary>
public sealed class HeadRequests(RequestDelegate next)
{
    /// <summary>Whether only the headers will be sent, for endpoints whose body is long.</summary>
    public static bool IsHead(HttpContext context) => context.Items.ContainsKey(typeof(HeadRequests));

    public Task InvokeAsync(HttpContext context)
    {
        if (HttpMethods.IsGet(context.Request.Method))
        {
            return next(context);
        }

        context.Response.OnStarting(NameHead, context.Response);
        return HttpMethods.IsHead(context.Request.Method) ? AnswerAsGetAsync(context) : next(context);
    }

    private async Task AnswerAsGetAsync(HttpContext context)
    {
        context.Request.Method = HttpMethods.Get;
        context.Items[typeof(HeadRequests)] = null;
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
