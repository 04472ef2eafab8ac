using Microsoft.Net.Http.Headers;

namespace Tienda.Hosting;

/// <summary>CORS for the pages of CORS_ORIGINS. Without any, the shop says nothing about it and browsers keep other sites out.</summary>
public static class CrossOrigin
{
    private static readonly string[] Methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

    private static readonly string[] RequestHeaders =
        ["Authorization", "Content-Type", "X-API-Key", "Idempotency-Key", "If-Match", "If-None-Match", "X-Request-ID"];

    private static readonly string[] ExposedHeaders =
    [
        "ETag", "Link", "Location", "X-Total-Count", "X-Search-Corrected", "X-Request-ID", "X-Cache-Hit", "Idempotency-Replayed",
        "RateLimit", "RateLimit-Policy", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset",
        "Retry-After", "WWW-Authenticate", "Age", "Warning",
    ];

    private static readonly TimeSpan PreflightAge = TimeSpan.FromMinutes(10);

    public static IServiceCollection AddCrossOrigin(this IServiceCollection services, Settings settings) =>
        services.AddCors(cors => cors.AddDefaultPolicy(policy => policy
            .WithOrigins([.. settings.FrontDoor.CorsOrigins])
            .WithMethods(Methods)
            .WithHeaders(RequestHeaders)
            .WithExposedHeaders(ExposedHeaders)
            .SetPreflightMaxAge(PreflightAge)));

    public static void UseCrossOrigin(this WebApplication app, Settings settings)
    {
        if (settings.FrontDoor.CorsOrigins.Count == 0)
        {
            return;
        }

        if (!settings.FrontDoor.CorsOrigins.Contains("*"))
        {
            app.Use(VaryByOrigin);
        }

        app.UseCors();
    }

    // The framework says so only to origins that are allowed; a cache must also not give them what it kept for somebody else.
    private static Task VaryByOrigin(HttpContext context, RequestDelegate next)
    {
        context.Response.OnStarting(
            static state =>
            {
                var headers = ((HttpResponse)state).Headers;
                if (!headers.GetCommaSeparatedValues(HeaderNames.Vary).Contains(HeaderNames.Origin, StringComparer.OrdinalIgnoreCase))
                {
                    headers.AppendCommaSeparatedValues(HeaderNames.Vary, HeaderNames.Origin);
                }

                return Task.CompletedTask;
            },
            context.Response);
        return next(context);
    }
}
