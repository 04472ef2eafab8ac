using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;

namespace Tienda.Security;

/// <summary>The endpoint does not look at credentials, not even to refuse wrong ones.</summary>
public sealed record IgnoresCredentials;

/// <summary>Who may use an endpoint. Each declares one of these; one that declares nothing lets nobody in, and fails a test.</summary>
public static class Access
{
    public const string Clients = "clients";
    public const string Administrators = "administrators";

    public static IServiceCollection AddShopAccess(this IServiceCollection services)
    {
        services.AddAuthorizationBuilder()
            .AddPolicy(Clients, policy => policy.RequireAuthenticatedUser())
            .AddPolicy(Administrators, policy => policy.RequireAssertion(context => context.User.IsAdministrator))
            // Endpoints that routing makes for itself, such as the one that answers 405, are not route endpoints.
            .SetFallbackPolicy(new AuthorizationPolicyBuilder()
                .RequireAssertion(context => context.Resource is HttpContext http && http.GetEndpoint() is not RouteEndpoint)
                .Build());
        services.AddScoped<RequestCaller>();
        return services;
    }

    /// <summary>Anybody, signed in or not. Credentials that are sent must be right.</summary>
    public static T ForAnyone<T>(this T endpoint) where T : IEndpointConventionBuilder => endpoint.AllowAnonymous();

    /// <summary>Anybody, whatever credentials they send: health, documentation, and signing in, which comes before having any.</summary>
    public static T ForAnyoneUnasked<T>(this T endpoint) where T : IEndpointConventionBuilder =>
        endpoint.AllowAnonymous().WithMetadata(new IgnoresCredentials());

    /// <summary>Signed-in clients, each confined to what is their own, and administrators.</summary>
    public static T ForClients<T>(this T endpoint) where T : IEndpointConventionBuilder => endpoint.RequireAuthorization(Clients);

    public static T ForAdministrators<T>(this T endpoint) where T : IEndpointConventionBuilder =>
        endpoint.RequireAuthorization(Administrators);
}

/// <summary>
/// Who sends the request, for the rules on fields whose values depend on it. The framework's own accessor would make the server build
/// a context for every request instead of using one again.
/// </summary>
public sealed class RequestCaller
{
    public ClaimsPrincipal Principal { get; set; } = new();
}

/// <summary>
/// Refuses wrong credentials also where none are needed: who means to be signed in should learn that they are not, rather than be
/// taken for a stranger.
/// </summary>
public sealed class BadCredentials(RequestDelegate next)
{
    public async Task InvokeAsync(HttpContext context)
    {
        // The authentication middleware keeps only a success; asking again answers what it found.
        if (context.GetEndpoint() is RouteEndpoint endpoint
            && endpoint.Metadata.GetMetadata<IgnoresCredentials>() is null
            && (await context.AuthenticateAsync()).Failure is not null)
        {
            await context.ChallengeAsync();
            return;
        }

        if (context.User.Identity is { IsAuthenticated: true })
        {
            context.RequestServices.GetRequiredService<RequestCaller>().Principal = context.User;
        }

        await next(context);
    }
}
