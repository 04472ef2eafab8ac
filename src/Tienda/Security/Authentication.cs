using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Tienda.Hosting;

namespace Tienda.Security;

/// <summary>Finds out who sends a request: by an access token or by the administrator's key; with AUTH_ENABLED=false, not at all.</summary>
public static class Authentication
{
    private const string ByCredentials = "Credentials";

    /// <summary>Whether a request names anybody, rightly or not.</summary>
    public static bool HasCredentials(HttpRequest request) =>
        request.Headers.Authorization.Count > 0 || request.Headers.ContainsKey(ApiKeyAuthentication.Header);

    public static IServiceCollection AddShopAuthentication(this IServiceCollection services, Settings settings)
    {
        services.AddSingleton<AccessTokens>();
        if (!settings.AuthEnabled)
        {
            services.AddAuthentication(OpenAuthentication.Scheme)
                .AddScheme<AuthenticationSchemeOptions, OpenAuthentication>(OpenAuthentication.Scheme, null);
            return services.WithoutKeyRing();
        }

        services.AddAuthentication(ByCredentials)
            .AddPolicyScheme(ByCredentials, null, choice => choice.ForwardDefaultSelector =
                context => ApiKeyAuthentication.IsMeant(context.Request, settings)
                    ? ApiKeyAuthentication.Scheme
                    : JwtBearerDefaults.AuthenticationScheme)
            .AddScheme<AuthenticationSchemeOptions, ApiKeyAuthentication>(ApiKeyAuthentication.Scheme, null)
            .AddJwtBearer(bearer =>
            {
                bearer.MapInboundClaims = false;
                bearer.IncludeErrorDetails = false;
                bearer.TokenValidationParameters = AccessTokens.Rules(settings);
            });
        return services.WithoutKeyRing();
    }

    // Authentication brings along the keys that protect cookies. The shop has none; and at each start they would be looked for in the home
    // folder, which a container or a service of systemd does not have, and complained about in three warnings.
    private static IServiceCollection WithoutKeyRing(this IServiceCollection services)
    {
        foreach (var keyRing in services.Where(IsKeyRing).ToList())
        {
            services.Remove(keyRing);
        }

        return services;
    }

    private static bool IsKeyRing(ServiceDescriptor service) => service.ServiceType == typeof(IHostedService)
        && service.ImplementationType?.Assembly.GetName().Name == "Microsoft.AspNetCore.DataProtection";
}

/// <summary>
/// The administrator's key, ADMIN_API_KEY, in <c>X-API-Key</c>, or as a bearer token, which is all that Prometheus can send.
/// </summary>
public sealed class ApiKeyAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logs, UrlEncoder encoder, Settings settings)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logs, encoder)
{
    public new const string Scheme = "ApiKey";
    public const string Header = "X-API-Key";
    private const string BearerPrefix = "Bearer ";

    /// <summary>Whether a request is to be judged by the key rather than by an access token.</summary>
    public static bool IsMeant(HttpRequest request, Settings settings) =>
        request.Headers.ContainsKey(Header) || Matches(BearerToken(request), settings.AdminApiKey);

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var sent = Request.Headers.TryGetValue(Header, out var key) ? key.ToString() : BearerToken(Request);
        return Task.FromResult(Matches(sent, settings.AdminApiKey)
            ? AuthenticateResult.Success(new AuthenticationTicket(Administrator(Scheme), Scheme))
            : AuthenticateResult.Fail("The key is not ADMIN_API_KEY."));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        Response.Headers.Append(HeaderNames.WWWAuthenticate, Scheme);
        return base.HandleChallengeAsync(properties);
    }

    internal static ClaimsPrincipal Administrator(string scheme) =>
        new(new ClaimsIdentity([new Claim(Caller.RoleClaim, Caller.AdministratorRole)], scheme, Caller.ClientIdClaim, Caller.RoleClaim));

    // The hashes are of one length, so that the comparison takes the same time whatever was sent.
    private static bool Matches(string? sent, string? key) => sent is not null && key is not null
        && CryptographicOperations.FixedTimeEquals(Hash(sent), Hash(key));

    private static byte[] Hash(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));

    private static string? BearerToken(HttpRequest request) =>
        request.Headers.Authorization.ToString() is { } sent && sent.StartsWith(BearerPrefix, StringComparison.OrdinalIgnoreCase)
            ? sent[BearerPrefix.Length..].Trim()
            : null;
}

/// <summary>AUTH_ENABLED=false: everybody is an administrator, whatever they send.</summary>
public sealed class OpenAuthentication(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logs, UrlEncoder encoder)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logs, encoder)
{
    public new const string Scheme = "Open";

    protected override Task<AuthenticateResult> HandleAuthenticateAsync() =>
        Task.FromResult(AuthenticateResult.Success(new AuthenticationTicket(ApiKeyAuthentication.Administrator(Scheme), Scheme)));
}
