using Tienda.Data;
using Tienda.Telemetry;

namespace Tienda.Caching;

/// <summary>
/// Asks the log of changes twice a second, which is what the cache's promise rests on; everything that is faster only makes it faster. Once
/// a minute it forgets what is older than ten minutes.
/// </summary>
public sealed partial class CachePoller(
    CacheLog log, CacheClock clock, CacheMetrics metrics, TimeProvider time, ILogger<CachePoller> logger) : BackgroundService
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
                await using var patience = new Deadline(Patience, time, ct);
                started = time.GetTimestamp();
                poll = await log.PollAsync(clock.Polled, patience.Token);
                metrics.NoteEvents(CacheMetrics.FromLog, poll.Events.Count);
            }
            while (!clock.Take(poll, started));

            Note(away: null);
            if (_horizon.Note(poll.Snapshot) is { } below)
            {
                await using var patience = new Deadline(Patience, time, ct);
                await log.PruneAsync(below, patience.Token);
            }
        }
        catch (Exception failure) when (!ct.IsCancellationRequested
            && (failure is OperationCanceledException or TimeoutException || DatabaseFailure.Read(failure) is not null))
        {
            clock.NoteFailure(DatabaseFailure.Read(failure) is { IsStandBy: true });
            Note(failure.Message);
        }
    }

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
