using Tienda.Data;
using Tienda.Hosting;

namespace Tienda.Http;

/// <summary>Gives a request up when its client has left, or when it has been with the database for longer than any answer takes.</summary>
public sealed class Patience(Settings settings, TimeProvider time) : IEndpointFilter
{
    // Behind the server's own bound for a statement: this one is for servers that do nothing any more.
    private readonly TimeSpan _longest = TimeSpan.FromSeconds(settings.PoolTimeoutSeconds + settings.DatabasePatienceSeconds);

    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var left = context.HttpContext.RequestAborted;
        await using var deadline = new Deadline(_longest, time, left);
        for (var i = 0; i < context.Arguments.Count; i++)
        {
            if (context.Arguments[i] is CancellationToken)
            {
                context.Arguments[i] = deadline.Token;
            }
        }

        try
        {
            return await next(context);
        }
        catch (OperationCanceledException) when (deadline.IsMissed && !left.IsCancellationRequested)
        {
            throw new BusyException("The database did not answer in time.");
        }
    }
}
