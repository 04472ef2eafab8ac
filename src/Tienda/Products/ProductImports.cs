using Tienda.Data;
using Tienda.Hosting;

namespace Tienda.Products;

/// <summary>
/// Applies imports in the background, and forgets those that have ended. What a process has left unfinished is finished by the next one
/// that starts, or by another one within five minutes.
/// </summary>
public sealed partial class ProductImports(
    ProductFiles files, ImportUpkeepStore upkeep, IHostApplicationLifetime lifetime, ILogger<ProductImports> logger) : BackgroundService
{
    // A process that has just started has other things to do.
    private static readonly TimeSpan FirstInterval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan IntervalAfterFailure = TimeSpan.FromSeconds(15);

    private readonly SemaphoreSlim _toApply = new(0);
    private readonly SemaphoreSlim _toForget = new(0);

    /// <summary>Something waits to be applied, or to be forgotten.</summary>
    public void Begin()
    {
        _toApply.Release();
        _toForget.Release();
    }

    public override void Dispose()
    {
        _toApply.Dispose();
        _toForget.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await lifetime.StartedAsync(stoppingToken);
        // Apart: an import that is held up by somebody keeps nothing from being forgotten.
        await Task.WhenAll(
            RepeatAsync(_toApply, ct => files.ApplyAsync(null, why => Log.HeldUp(logger, why), ct), stoppingToken),
            RepeatAsync(_toForget, upkeep.ForgetAsync, stoppingToken));
    }

    // Nothing is counted here: a portion takes as long as it takes, and each would be in the log as a slow query.
    private async Task RepeatAsync(SemaphoreSlim begun, Func<CancellationToken, Task> work, CancellationToken stoppingToken)
    {
        for (var pause = FirstInterval; !stoppingToken.IsCancellationRequested;)
        {
            try
            {
                await begun.WaitAsync(pause, stoppingToken);
                pause = await TryAsync(work, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
        }
    }

    /// <returns>How long to wait for the next time.</returns>
    private async Task<TimeSpan> TryAsync(Func<CancellationToken, Task> work, CancellationToken ct)
    {
        try
        {
            await work(ct);
            return Interval;
        }
        catch (Exception away) when (DatabaseFailure.Read(away) is { } failure)
        {
            Log.Failed(logger, failure.Message);
        }
        catch (Exception fault) when (!ct.IsCancellationRequested)
        {
            // Whatever it is, nobody would apply an import any more if it ended the loop.
            Log.Failed(logger, fault);
        }

        return IntervalAfterFailure;
    }

    private static partial class Log
    {
        [LoggerMessage(
            LogLevel.Warning, "Imports of products could not be applied or forgotten; the next attempt follows in 15 seconds: {Reason}")]
        public static partial void Failed(ILogger logger, string reason);

        [LoggerMessage(LogLevel.Error, "Imports of products could not be applied or forgotten; the next attempt follows in 15 seconds")]
        public static partial void Failed(ILogger logger, Exception fault);

        [LoggerMessage(LogLevel.Warning, "An import of products does not go on, and is tried again: {Reason}")]
        public static partial void HeldUp(ILogger logger, string reason);
    }
}
