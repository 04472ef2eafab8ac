using Microsoft.AspNetCore.Http.HttpResults;
using Tienda.Http;

namespace Tienda.Security;

/// <summary>The routes by which clients sign in, stay signed in, and sign out.</summary>
public static class SignInEndpoints
{
    public static IServiceCollection AddSignIn(this IServiceCollection services) => services
        .AddSingleton<Passwords>()
        .AddSingleton<SessionStore>()
        .AddSingleton<AdministratorStore>()
        .AddHostedService<FirstAdministrator>();

    public static void MapSignIn(this IEndpointRouteBuilder routes)
    {
        var auth = routes.MapGroup("/auth").WithTags("Sign-in");

        auth.MapPost("/token", SignIn).WithName("SignIn").ForAnyoneUnasked().LimitedBy(p => p.SignIn).MayRefuseCredentials().RoundTrips(4);
        auth.MapPost("/refresh", Refresh).WithName("RefreshSession").ForAnyoneUnasked().LimitedBy(p => p.SignIn).MayRefuseCredentials();
        auth.MapPost("/logout", SignOut).WithName("SignOut").ForAnyoneUnasked();
    }

    /// <summary>Sign in</summary>
    /// <remarks>An unknown e-mail and a wrong password get the same answer after the same time.</remarks>
    public static async Task<Results<Ok<SignedIn>, Problem>> SignIn(
        SignInRequest request, HttpContext context, SignInAttempts attempts, SessionStore sessions, Passwords passwords,
        AccessTokens tokens, CancellationToken ct)
    {
        var (who, address) = (RateSubject.OfEmail(request.Email!), RateSubject.OfAddress(context.Connection.RemoteIpAddress));
        if (await attempts.BeginAsync(who, address) is { Allowed: false } refused)
        {
            return RateLimits.TooManyRequests(refused);
        }

        var wasWrong = false;
        try
        {
            // Twice, since another sign-in with the same password may have put a stronger hash in the place of the one that was read.
            for (var attempt = 1; attempt <= 2; attempt++)
            {
                var account = await sessions.FindAccountAsync(request.Email!, ct);
                var check = await passwords.CheckAsync(account?.PasswordHash, request.Password!, ct);
                wasWrong = !check.IsRight;
                if (wasWrong)
                {
                    break;
                }

                var token = RefreshToken.Create();
                if (await sessions.OpenAsync(account!, check.BetterHash, token, ct))
                {
                    return TypedResults.Ok(Answer(account!, token, tokens));
                }
            }

            return new Problem(ProblemType.InvalidCredentials, "There is no client with this e-mail and password.");
        }
        finally
        {
            // Right passwords do not count, nor do attempts that an outage ended.
            if (!wasWrong)
            {
                attempts.TakeBack(who, address);
            }
        }
    }

    /// <summary>Get the next access token</summary>
    /// <remarks>
    /// A refresh token works once; the answer has the next one. If one that was used comes again, somebody has a copy, and the whole
    /// session ends. A change of the password ends every session.
    /// </remarks>
    public static async Task<Results<Ok<SignedIn>, Problem>> Refresh(
        SessionRequest request, SessionStore sessions, AccessTokens tokens, CancellationToken ct) =>
        RefreshToken.Parse(request.RefreshToken!) is { } shown
        && RefreshToken.OfSession(shown.Session) is var next
        && await sessions.RenewAsync(shown, next, ct) is { } account
            ? TypedResults.Ok(Answer(account, next, tokens))
            : new Problem(ProblemType.InvalidCredentials, "The refresh token is not valid, was used before, or its session has ended.");

    /// <summary>Sign out</summary>
    /// <remarks>Ends the session. An access token that was issued for it works until it expires, 15 minutes at most.</remarks>
    public static async Task<NoContent> SignOut(SessionRequest request, SessionStore sessions, CancellationToken ct)
    {
        if (RefreshToken.Parse(request.RefreshToken!) is { } shown)
        {
            await sessions.CloseAsync(shown, ct);
        }

        return TypedResults.NoContent();
    }

    private static SignedIn Answer(Account account, RefreshToken token, AccessTokens tokens) => new()
    {
        AccessToken = tokens.Issue(account.Client.IdKey, account.IsAdministrator),
        RefreshToken = token.ToWord(),
        ExpiresIn = (int)AccessTokens.Lifetime.TotalSeconds,
        Client = account.Client,
    };
}
