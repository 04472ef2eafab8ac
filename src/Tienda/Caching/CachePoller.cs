using Tienda.Data;
using Tienda.Telemetry;

namespace Tienda.Caching;

/// <summary>
/// Asks the log of changes twice a second, which is what the cache's promise rests on; everything that is faster only makes it faster. Once
/// a minute it forgets what is older than ten minutes.
/// </summary>
public sealed partial class CachePoller(
    CacheLog log, CacheClock clock, ConnectionPools pools, CacheMetrics metrics, QueryFigures queries, TimeProvider time,
    ILogger<CachePoller> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    // A look that is given up later than this was not held up by the database alone, but by a process that did not get to run.
    private static readonly TimeSpan OnTime = Patience + TimeSpan.FromMilliseconds(300);

    // A log that is another one at every look can wait until the next.
    private const int MostAttempts = 3;

    private LogHorizon _horizon = new(time);
    private string? _incarnation;
    private bool _isAway;
    private bool _wasCutOff;

    /// <summary>The log is read before the first request is.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        metrics.ObserveLag(() => clock.SinceLease);
        await LookAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        DatabaseUse.Begin(queries);
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
        var started = time.GetTimestamp();
        try
        {
            for (var attempt = 0; attempt < MostAttempts; attempt++)
            {
                started = time.GetTimestamp();
                var poll = await WithinPatienceAsync(patience => log.PollAsync(clock.Polled, patience), ct);
                metrics.NoteEvents(CacheMetrics.FromLog, poll.Events.Count);
                if (clock.Take(poll, started))
                {
                    Note(away: null);
                    await PruneAsync(poll, ct);
                    return;
                }
            }
        }
        catch (Exception failure) when (!ct.IsCancellationRequested)
        {
            var failed = DatabaseFailure.Read(failure);
            clock.NoteFailure(
                isOutage: IsOutage(failure, failed) && time.GetElapsedTime(started) <= OnTime,
                isUnreadable: failed is { IsStandBy: true });
            _wasCutOff |= clock.IsCutOff;
            Note(failure.Message);
        }
    }

    private async Task PruneAsync(LogPoll poll, CancellationToken ct)
    {
        if (poll.Incarnation != _incarnation)
        {
            // The transactions of another log are no measure for this one.
            (_horizon, _incarnation) = (new LogHorizon(time), poll.Incarnation);
        }

        if (_horizon.Note(poll.Snapshot) is { } below)
        {
            await WithinPatienceAsync(async patience =>
            {
                await log.PruneAsync(below, patience);
                return true;
            }, ct);
        }
    }

    private async Task<T> WithinPatienceAsync<T>(Func<CancellationToken, Task<T>> act, CancellationToken ct)
    {
        await using var patience = new Deadline(Patience, time, ct);
        return await act(patience.Token);
    }

    // Whoever is refused (for too many connections, say) is not cut off: others may be reading and writing. A stand-by is there, too.
    private static bool IsOutage(Exception failure, DatabaseFailure? failed) => failure is OperationCanceledException or TimeoutException
        || failed is { IsConnectionLost: true } or { IsTimeout: true };

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
            if (_wasCutOff)
            {
                _wasCutOff = false;
                // Connections of before may lead nowhere, and each would hold up a request until that is noticed.
                pools.Clear();
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "The log of changes cannot be read, so cached answers are not given as fresh: {Reason}")]
        public static partial void Away(ILogger logger, string reason);

        [LoggerMessage(LogLevel.Information, "The log of changes is read again.")]
        public static partial void Back(ILogger logger);
    }
}
