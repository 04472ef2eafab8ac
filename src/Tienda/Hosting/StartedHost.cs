namespace Tienda.Hosting;

/// <summary>When background work begins.</summary>
public static class StartedHost
{
    /// <summary>Waits until requests are taken. A worker that waits to replace another one is to need no connection of the pool.</summary>
    public static Task StartedAsync(this IHostApplicationLifetime lifetime, CancellationToken ct)
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lifetime.ApplicationStarted.Register(started.SetResult);
        return started.Task.WaitAsync(ct);
    }
}
