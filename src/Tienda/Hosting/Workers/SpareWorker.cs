namespace Tienda.Hosting.Workers;

/// <summary>
/// A worker that is up and waits, so that one that dies is followed within milliseconds and not after a whole start: all that is left for
/// it to do is to listen. Its number is the one that nobody else has: that of the worker it replaces goes to the next that waits.
/// </summary>
/// <param name="start">Starts a worker of that number, which waits.</param>
public sealed partial class SpareWorker(int number, Func<int, WorkerProcess> start, ILogger<Supervisor> logger)
{
    // Until then it would take the processor from the first requests, which are slow enough.
    private static readonly TimeSpan Delay = TimeSpan.FromSeconds(3);

    private readonly Lock _gate = new();
    private TaskCompletionSource _isGone = NewSignal();
    private WorkerProcess? _worker;
    private int _number = number;

    /// <summary>The process that waits, if there is one at the moment.</summary>
    public WorkerProcess? Worker => Volatile.Read(ref _worker);

    /// <summary>Gives the waiting worker away, whose place another one takes; null if none waits.</summary>
    /// <param name="freed">The number that is free now.</param>
    public WorkerProcess? Take(int freed)
    {
        lock (_gate)
        {
            if (_worker is not { Ended.IsCompleted: false } worker)
            {
                return null;
            }

            _number = freed;
            LetGo();
            return worker;
        }
    }

    /// <summary>Has another one wait, with the settings as they are now.</summary>
    public void Renew()
    {
        lock (_gate)
        {
            if (_worker is { } old)
            {
                LetGo();
                old.End();
                _ = old.Ended.ContinueWith(_ => old.Dispose(), TaskScheduler.Default);
            }
        }
    }

    /// <summary>Sees to it that one waits, until it is told to end.</summary>
    public async Task KeepAsync(CancellationToken ct)
    {
        await Task.Delay(Delay, ct);
        var failures = 0;
        while (!ct.IsCancellationRequested)
        {
            var (worker, isGone) = Begin();
            await Task.WhenAny(worker.Ended, isGone, Task.Delay(Timeout.Infinite, ct));
            failures = isGone.IsCompleted ? 0 : failures + 1;
            if (failures > 0 && !ct.IsCancellationRequested)
            {
                var pause = RestartPause.After(failures);
                Log.Ended(logger, worker.Number, worker.Id, worker.ExitCode, pause.TotalSeconds);
                await Task.Delay(pause, ct);
            }
        }
    }

    private (WorkerProcess Worker, Task IsGone) Begin()
    {
        lock (_gate)
        {
            _worker?.Dispose();
            var worker = _worker = start(_number);
            _ = worker.IsWaiting.ContinueWith(_ => Log.Waits(logger, worker.Number, worker.Id), TaskScheduler.Default);
            return (worker, _isGone.Task);
        }
    }

    private void LetGo()
    {
        _worker = null;
        var gone = _isGone;
        _isGone = NewSignal();
        gone.SetResult();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "worker {Worker} (process {Process}) waits, to take the place of one that ends.")]
        public static partial void Waits(ILogger logger, int worker, int process);

        [LoggerMessage(
            LogLevel.Error,
            "worker {Worker} (process {Process}), which waited, ended with exit code {Code}; another one will wait in {Seconds} s.")]
        public static partial void Ended(ILogger logger, int worker, int process, int code, double seconds);
    }
}
