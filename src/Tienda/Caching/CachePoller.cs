using Tienda.Data;
using Tienda.Telemetry;

namespace Tienda.Caching;

/// <summary>
/// Asks the log of changes twice a second, which is what the cache's promise rests on; everything that is faster only makes it faster. Once
/// a minute it forgets what is older than ten minutes.
/// </summary>
public sealed partial class CachePoller(
    CacheLog log, CacheClock clock, OpenConnections connections, CacheMetrics metrics, TimeProvider time, ILogger<CachePoller> logger)
    : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly LogHorizon _horizon = new(time);
    private bool _isAway;

    /// <summary>The log is read before the first request is.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        metrics.ObserveLag(() => clock.SinceLease);
        await LookAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await LookAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
    }

    private async Task LookAsync(CancellationToken ct)
    {
        try
        {
            LogPoll poll;
            long started;
            do
            {
                started = time.GetTimestamp();
                // Not cancelled: to do that, the driver would wait for the server once more.
                poll = await log.PollAsync(clock.Polled, CancellationToken.None).WaitAsync(Patience, time, ct);
                metrics.NoteEvents(CacheMetrics.FromLog, poll.Events.Count);
            }
            while (!clock.Take(poll, started));

            Note(away: null);
            if (_horizon.Note(poll.Snapshot) is { } below)
            {
                await PruneAsync(below, ct);
            }
        }
        catch (Exception failure) when (IsOfDatabase(failure, ct))
        {
            clock.NoteFailure();
            Note(failure.Message);
            if (clock.IsCutOff)
            {
                connections.NoteAway();
            }
        }
    }

    private async Task PruneAsync(ulong below, CancellationToken ct)
    {
        try
        {
            await log.PruneAsync(below, CancellationToken.None).WaitAsync(Patience, time, ct);
        }
        catch (Exception failure) when (IsOfDatabase(failure, ct))
        {
            // Nothing depends on it, and in a minute it is tried again.
            Log.NotPruned(logger, failure.Message);
        }
    }

    private static bool IsOfDatabase(Exception failure, CancellationToken ct) => !ct.IsCancellationRequested
        && (failure is OperationCanceledException or TimeoutException || DatabaseFailure.Read(failure) is not null);

    private void Note(string? away)
    {
        if (_isAway == away is not null)
        {
            return;
        }

        _isAway = away is not null;
        if (_isAway)
        {
            Log.Away(logger, away!);
        }
        else
        {
            Log.Back(logger);
            connections.NoteBack();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "The log of changes cannot be read, so cached answers are not given as fresh: {Reason}")]
        public static partial void Away(ILogger logger, string reason);

        [LoggerMessage(LogLevel.Warning, "The log of changes cannot be shortened: {Reason}")]
        public static partial void NotPruned(ILogger logger, string reason);

        [LoggerMessage(LogLevel.Information, "The log of changes is read again.")]
        public static partial void Back(ILogger logger);
    }
}
