using Tienda.Http;

namespace Tienda.Hosting;

/// <summary>
/// Answers 503 to requests beyond LIMIT_CONCURRENCY at once: a queue would only make all of them slow. Health checks are always let
/// in, since a full shop is not a dead one.
/// </summary>
public sealed class ConcurrencyLimit(RequestDelegate next, Settings settings)
{
    private int _running;

    public Task InvokeAsync(HttpContext context) =>
        settings.FrontDoor.ConcurrencyLimit is { } limit ? LimitAsync(context, limit) : next(context);

    private async Task LimitAsync(HttpContext context, int limit)
    {
        if (HealthEndpoints.Contain(context.Request.Path))
        {
            await next(context);
            return;
        }

        try
        {
            if (Interlocked.Increment(ref _running) <= limit)
            {
                await next(context);
                return;
            }
        }
        finally
        {
            Interlocked.Decrement(ref _running);
        }

        await new Problem(ProblemType.Unavailable, $"The shop is busy with {limit} requests, the most that LIMIT_CONCURRENCY allows.")
            .ExecuteAsync(context);
    }
}
