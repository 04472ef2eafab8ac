using System.Globalization;
using Microsoft.AspNetCore.Authentication;
using Tienda.Hosting;
using Tienda.Http;

namespace Tienda.Security;

/// <summary>The endpoint has a limit of its own beside that of all requests.</summary>
/// <param name="Choose">Which one.</param>
public sealed record OwnRateLimit(Func<RateLimitPolicies, RateLimitPolicy> Choose);

/// <summary>
/// Counts every request before anything is done for it: of a client who is signed in by the account, of anybody else by the address.
/// Administrators are not counted. Health checks and metrics are not either, unless they come with wrong credentials.
/// </summary>
public sealed class RateLimits(RequestDelegate next, RateLimiter limiter, RateLimitPolicies policies, Settings settings)
{
    public Task InvokeAsync(HttpContext context)
    {
        if (settings.AuthEnabled && Authentication.HasCredentials(context.Request))
        {
            return IdentifyAndCountAsync(context);
        }

        var address = RateSubject.OfAddress(context.Connection.RemoteIpAddress);
        return IsExempt(context.Request.Path) ? next(context) : CountAsync(context, address);
    }

    private async Task IdentifyAndCountAsync(HttpContext context)
    {
        // Without this, wrong keys could be tried on the exempt paths without end.
        var result = await context.AuthenticateAsync();
        var isExempt = result.Succeeded
            ? result.Principal.IsAdministrator || IsExempt(context.Request.Path)
            : result.Failure is null && IsExempt(context.Request.Path);
        await (isExempt ? next(context) : CountAsync(
            context,
            result is { Succeeded: true, Principal.ClientId: { } id }
                ? RateSubject.OfClient(id)
                : RateSubject.OfAddress(context.Connection.RemoteIpAddress)));
    }

    private Task CountAsync(HttpContext context, RateSubject subject)
    {
        var counting = limiter.TakeAsync(policies.Default, subject);
        return counting.IsCompletedSuccessfully ? GoOn(context, counting.Result) : GoOnLaterAsync(context, counting);
    }

    private async Task GoOnLaterAsync(HttpContext context, ValueTask<RateVerdict> counting) => await GoOn(context, await counting);

    private Task GoOn(HttpContext context, RateVerdict verdict)
    {
        RateLimitHeaders.Write(context.Response.Headers, verdict);
        return verdict.Allowed ? next(context) : TooManyRequests(verdict).ExecuteAsync(context);
    }

    private static bool IsExempt(PathString path) =>
        HealthEndpoints.Contain(path) || path.Equals("/metrics", StringComparison.OrdinalIgnoreCase);

    public static Problem TooManyRequests(RateVerdict verdict) => new(
        ProblemType.TooManyRequests,
        string.Create(
            CultureInfo.InvariantCulture,
            $"The limit \"{verdict.Policy.Name}\" of {verdict.Policy.Calls} in {verdict.Policy.PeriodSeconds} seconds is reached; ")
            + string.Create(CultureInfo.InvariantCulture, $"it opens again in {verdict.ResetSeconds} seconds."))
    {
        RetryAfterSeconds = verdict.ResetSeconds,
    };
}

/// <summary>Counts the requests of endpoints that have a limit of their own, unless they are exempt from that of all requests.</summary>
public sealed class OwnRateLimits(RequestDelegate next, RateLimiter limiter, RateLimitPolicies policies)
{
    public async Task InvokeAsync(HttpContext context)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<OwnRateLimit>() is { } own && RateLimitHeaders.AreIn(context.Response.Headers))
        {
            var subject = context.User.ClientId is { } id
                ? RateSubject.OfClient(id)
                : RateSubject.OfAddress(context.Connection.RemoteIpAddress);
            var verdict = await limiter.TakeAsync(own.Choose(policies), subject);
            RateLimitHeaders.Add(context.Response.Headers, verdict);
            if (!verdict.Allowed)
            {
                await RateLimits.TooManyRequests(verdict).ExecuteAsync(context);
                return;
            }
        }

        await next(context);
    }
}

/// <summary>The rate limits' services and what endpoints say about them.</summary>
public static partial class RateLimitSetup
{
    public static IServiceCollection AddRateLimits(this IServiceCollection services) => services
        .AddSingleton(OpenCounters)
        .AddSingleton<RateLimitPolicies>()
        .AddSingleton<RateLeases>()
        .AddSingleton<RateLimiter>()
        .AddSingleton<SignInAttempts>();

    public static T LimitedBy<T>(this T endpoint, Func<RateLimitPolicies, RateLimitPolicy> choose) where T : IEndpointConventionBuilder =>
        endpoint.WithMetadata(new OwnRateLimit(choose));

    private static SharedCounters OpenCounters(IServiceProvider services)
    {
        var folder = Path.Combine(services.GetRequiredService<Settings>().DataFolder, "shared");
        try
        {
            return SharedCounters.Open(folder);
        }
        catch (Exception unusable) when (unusable is IOException or UnauthorizedAccessException)
        {
            Log.CountsAlone(services.GetRequiredService<ILogger<SharedCounters>>(), folder, unusable.Message);
            return SharedCounters.OpenPrivate();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "This worker counts calls for itself, because {Folder} cannot be used: {Reason}")]
        public static partial void CountsAlone(ILogger logger, string folder, string reason);
    }
}
