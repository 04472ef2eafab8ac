using System.Runtime.InteropServices;
using Tienda.Telemetry.Reports;

namespace Tienda.Hosting.Workers;

/// <summary>
/// Keeps a number of workers on one listening socket: a worker that ends is followed by one that waits for that, on SIGHUP they are
/// replaced one after the other, and on SIGTERM all of them finish what they have begun. It does nothing else, so that nothing can happen
/// to it.
/// </summary>
public sealed partial class Supervisor : IDisposable
{
    // A worker that ends sooner is not well, and the next one waits.
    private static readonly TimeSpan Healthy = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(60);

    // Beyond SHUTDOWN_TIMEOUT, for what a process does behind its last request.
    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(5);

    private readonly Settings _settings;
    private readonly ListeningSocket _socket;
    private readonly IReadOnlyDictionary<string, string> _environment;
    private readonly ReportArchive _reports;
    private readonly ILogger<Supervisor> _logger;
    private readonly WorkerSlot[] _slots;
    private readonly SpareWorker _spare;
    private readonly SemaphoreSlim _replacing = new(1);

    /// <param name="environment">What the workers find beside the environment of this process.</param>
    public Supervisor(
        Settings settings,
        ListeningSocket socket,
        IReadOnlyDictionary<string, string> environment,
        ReportArchive reports,
        ILogger<Supervisor> logger)
    {
        (_settings, _socket, _environment, _reports, _logger) = (settings, socket, environment, reports, logger);
        _slots = [.. Enumerable.Range(0, settings.Workers).Select(_ => new WorkerSlot())];
        _spare = new SpareWorker(settings.Workers + 1, Prepare, logger);
    }

    /// <summary>Runs until it is told to end.</summary>
    /// <param name="opened">Called once, when every worker takes requests.</param>
    /// <exception cref="CommandException">The first worker did not start; it has said why.</exception>
    public async Task RunAsync(Action opened, CancellationToken ct)
    {
        _socket.Bequeath();
        // Alone, so that what is wrong is said once.
        var first = Fill(_slots[0], Prepare(1));
        await Task.WhenAny(first.IsReady, first.Ended, Task.Delay(Timeout.Infinite, ct));
        if (first.Ended.IsCompleted && !ct.IsCancellationRequested)
        {
            throw new CommandException($"The first worker ended with exit code {first.ExitCode} before it could take a request.");
        }

        for (var i = 1; i < _slots.Length && !ct.IsCancellationRequested; i++)
        {
            Fill(_slots[i], Prepare(i + 1));
        }

        var reloading = Task.CompletedTask;
        using var hangup = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
        {
            signal.Cancel = true;
            reloading = Task.WhenAll(reloading, ReloadAsync(ct));
        });
        var keeping = _slots.Select(slot => KeepAsync(slot, ct)).ToList();
        var all = Task.WhenAll(_slots.Select(slot => slot.Worker!.IsReady));
        if (await Task.WhenAny(all, Task.Delay(Timeout.Infinite, ct)) == all)
        {
            opened();
            keeping.Add(_spare.KeepAsync(ct));
        }

        await UntilStoppedAsync(Task.WhenAll(keeping), ct);
        await EndAllAsync();
        // A reload that was under way may have put an old worker back.
        await UntilStoppedAsync(reloading, ct);
        await EndAllAsync();
    }

    private static async Task UntilStoppedAsync(Task work, CancellationToken ct)
    {
        try
        {
            await work;
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
        }
    }

    public void Dispose()
    {
        _replacing.Dispose();
        foreach (var slot in _slots)
        {
            slot.Dispose();
        }
    }

    private WorkerProcess Prepare(int number)
    {
        var worker = WorkerProcess.Start(number, _socket, _environment, _reports.Begin(number));
        _ = worker.IsReady.ContinueWith(
            _ => Log.Ready(_logger, worker.Number, worker.Id), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        _ = worker.Ended.ContinueWith(
            _ => _reports.Retire(worker.Files), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        return worker;
    }

    private static WorkerProcess Fill(WorkerSlot slot, WorkerProcess worker)
    {
        _ = worker.BeginAsync();
        return slot.Worker = worker;
    }

    // Waits for whatever happens to the worker of a place, and sees to it that there is one.
    private async Task KeepAsync(WorkerSlot slot, CancellationToken ct)
    {
        var failures = 0;
        while (!ct.IsCancellationRequested)
        {
            var worker = slot.Worker!;
            var asks = slot.HasFailedToReplace(worker) ? Task.Delay(Timeout.Infinite, ct) : (Task)worker.IsTired;
            await Task.WhenAny(worker.Ended, asks, Task.Delay(Timeout.Infinite, ct));
            if (ct.IsCancellationRequested)
            {
                return;
            }

            if (!worker.Ended.IsCompleted)
            {
                Log.Tired(_logger, worker.Number, worker.Id, await worker.IsTired);
                await ReplaceAsync(slot, worker, ct);
                continue;
            }

            using (await slot.LockAsync(ct))
            {
                if (slot.Worker != worker)
                {
                    // It has retired.
                    continue;
                }

                failures = worker.Age < Healthy ? failures + 1 : 0;
                // The first time there is none.
                var pause = RestartPause.After(failures - 1);
                Log.Ended(_logger, worker.Number, worker.Id, worker.ExitCode, pause.TotalSeconds);
                await Task.Delay(pause, ct).ContinueWith(_ => { }, TaskScheduler.Default);
                if (!ct.IsCancellationRequested)
                {
                    worker.Dispose();
                    Fill(slot, _spare.Take(worker.Number) ?? Prepare(worker.Number));
                    _reports.NoteRestart(hasDied: true);
                }
            }
        }
    }

    private async Task ReloadAsync(CancellationToken ct)
    {
        Log.Reloads(_logger);
        foreach (var slot in _slots)
        {
            if (!await ReplaceAsync(slot, slot.Worker!, ct))
            {
                return;
            }

            // The first one has shown that a worker can start with the settings as they are now.
            if (slot == _slots[0])
            {
                _spare.Renew();
            }
        }

        Log.Reloaded(_logger);
    }

    // One at a time, and the old one goes when the new one takes requests: there are never fewer than there should be.
    private async Task<bool> ReplaceAsync(WorkerSlot slot, WorkerProcess old, CancellationToken ct)
    {
        await _replacing.WaitAsync(ct);
        try
        {
            using (await slot.LockAsync(ct))
            {
                if (slot.Worker != old)
                {
                    return true;
                }

                var successor = Fill(slot, Prepare(old.Number));
                await Task.WhenAny(successor.IsReady, successor.Ended, Task.Delay(StartPatience, ct));
                if (!successor.IsReady.IsCompleted)
                {
                    if (!successor.Ended.IsCompleted)
                    {
                        successor.Kill();
                    }

                    slot.KeepInstead(old);
                    if (!ct.IsCancellationRequested)
                    {
                        Log.NotReplaced(_logger, old.Number);
                    }

                    return false;
                }
            }

            _reports.NoteRestart(hasDied: false);
            await old.RetireAsync();
            await WaitForEndAsync(old);
            return true;
        }
        finally
        {
            _replacing.Release();
        }
    }

    private async Task EndAllAsync()
    {
        // Whoever comes when the workers have closed theirs is refused, instead of waiting in it for one.
        _socket.Dispose();
        var all = _slots.Select(slot => slot.Worker).Append(_spare.Worker);
        var left = all.OfType<WorkerProcess>().Where(worker => !worker.Ended.IsCompleted).ToList();
        left.ForEach(worker => worker.End());
        await Task.WhenAll(left.Select(WaitForEndAsync));
    }

    private async Task WaitForEndAsync(WorkerProcess worker)
    {
        var patience = TimeSpan.FromSeconds(_settings.ShutdownDelaySeconds + _settings.ShutdownTimeoutSeconds) + EndPatience;
        if (await Task.WhenAny(worker.Ended, Task.Delay(patience)) != worker.Ended)
        {
            Log.Killed(_logger, worker.Number, worker.Id, patience.TotalSeconds);
            worker.Kill();
            await worker.Ended;
        }

        worker.Dispose();
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "worker {Worker} (process {Process}) takes requests.")]
        public static partial void Ready(ILogger logger, int worker, int process);

        [LoggerMessage(
            LogLevel.Information, "worker {Worker} (process {Process}) has served {Requests} requests; another one takes its place.")]
        public static partial void Tired(ILogger logger, int worker, int process, long requests);

        [LoggerMessage(
            LogLevel.Error, "worker {Worker} (process {Process}) ended with exit code {Code}; another one takes its place in {Seconds} s.")]
        public static partial void Ended(ILogger logger, int worker, int process, int code, double seconds);

        [LoggerMessage(LogLevel.Information, "SIGHUP: the workers are replaced one after the other.")]
        public static partial void Reloads(ILogger logger);

        [LoggerMessage(LogLevel.Information, "All workers have been replaced.")]
        public static partial void Reloaded(ILogger logger);

        [LoggerMessage(LogLevel.Error, "The successor of worker {Number} did not start. The workers that run go on.")]
        public static partial void NotReplaced(ILogger logger, int number);

        [LoggerMessage(LogLevel.Warning, "worker {Worker} (process {Process}) did not end within {Seconds} s and was killed.")]
        public static partial void Killed(ILogger logger, int worker, int process, double seconds);
    }
}
