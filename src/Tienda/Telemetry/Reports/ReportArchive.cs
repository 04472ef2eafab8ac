using System.Globalization;
using Tienda.Data;

namespace Tienda.Telemetry.Reports;

/// <summary>
/// The supervisor's part in the figures: it makes the folder in which the workers leave them, and adds up what is left of those that have
/// ended. Nobody else writes that sum, and it knows for certain who has ended.
/// </summary>
public sealed partial class ReportArchive : IDisposable
{
    private const string Restarts = "tienda_worker_restarts_total";
    private const string Prefix = "tienda-workers-";
    private const string LockName = "lock";

    // In memory, where that can be had: a disk would write every report of every second.
    private const string SharedMemory = "/dev/shm";

    private readonly Lock _gate = new();
    private readonly ILogger<ReportArchive> _logger;
    private readonly FileStream? _lock;
    private readonly HashSet<int> _living = [];
    private readonly MetricReport _retired = new();
    private int _next = 1;

    public ReportArchive(ILogger<ReportArchive> logger)
    {
        _logger = logger;
        NoteRestarts(_retired, died: 0, replaced: 0);
        foreach (var root in new[] { SharedMemory, Path.GetTempPath() }.Where(Directory.Exists))
        {
            try
            {
                RemoveAbandoned(root);
                (Folder, _lock) = Make(root);
                if (Keep())
                {
                    return;
                }

                Dispose();
            }
            catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
            {
                Log.NoFolder(logger, root, refused.Message);
            }
        }
    }

    /// <summary>Null if none could be made, so that each worker reports for itself.</summary>
    public string? Folder { get; private set; }

    /// <summary>The files of a worker that is about to begin.</summary>
    public WorkerFiles? Begin(int number)
    {
        lock (_gate)
        {
            if (Folder is null)
            {
                return null;
            }

            _living.Add(_next);
            return new WorkerFiles(Folder, number, _next++);
        }
    }

    /// <summary>Adds what a worker that has ended has left.</summary>
    public void Retire(WorkerFiles? worker)
    {
        lock (_gate)
        {
            if (worker is null || Folder is null || !_living.Remove(worker.Sequence))
            {
                return;
            }

            try
            {
                if (File.Exists(worker.Report))
                {
                    MetricSum.Add(_retired, MetricText.Read(File.ReadAllText(worker.Report)), isAlive: false);
                }
            }
            catch (Exception lost) when (lost is IOException or UnauthorizedAccessException or FormatException)
            {
                Log.Lost(_logger, worker.Number, lost.Message);
            }

            // Those who read meanwhile find it either in the sum or beside it.
            if (Keep())
            {
                File.Delete(worker.Report);
                File.Delete(worker.Socket);
                File.Delete(WorkerFiles.Next(worker.Report));
            }
        }
    }

    /// <summary>Counts a worker that has taken the place of another one.</summary>
    /// <param name="hasDied">Whether that one had ended by itself.</param>
    public void NoteRestart(bool hasDied)
    {
        lock (_gate)
        {
            NoteRestarts(_retired, hasDied ? 1 : 0, hasDied ? 0 : 1);
            if (Folder is not null)
            {
                Keep();
            }
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _lock?.Dispose();
            if (Folder is { } folder)
            {
                Folder = null;
                try
                {
                    Directory.Delete(folder, recursive: true);
                }
                catch (IOException)
                {
                    // A worker that had to be killed has written just now; the next supervisor removes it.
                }
            }
        }
    }

    /// <summary>Also of a shop without a supervisor, whose only worker nobody restarts.</summary>
    public static void NoteRestarts(MetricReport report, int died, int replaced)
    {
        var restarts = report.Family(Restarts, MetricKind.Counter, "Workers that have taken the place of another one.").Samples;
        foreach (var (reason, more) in new[] { ("died", died), ("replaced", replaced) })
        {
            var sample = Restarts + MetricText.Labels([new("reason", reason)]);
            restarts[sample] = restarts.GetValueOrDefault(sample) + more;
        }
    }

    private bool Keep()
    {
        try
        {
            new RetiredWorkers(_retired, _next, _living).Write(Folder!);
            return true;
        }
        catch (Exception full) when (full is IOException or UnauthorizedAccessException)
        {
            // What is not in the sum yet is still in the files of those that have ended.
            Log.NotKept(_logger, full.Message);
            return false;
        }
    }

    // Whoever finds the lock free removes the folder, so it is tried until it is held.
    private static (string Folder, FileStream Lock) Make(string root)
    {
        for (var attempt = 1; ; attempt++)
        {
            var folder = Path.Combine(root, Prefix + Guid.NewGuid().ToString("N", CultureInfo.InvariantCulture));
            try
            {
                PrivateFile.MakeFolder(folder);
                return (folder, new FileStream(Path.Combine(folder, LockName), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None));
            }
            catch (IOException) when (attempt < 3)
            {
            }
        }
    }

    // Of supervisors that were killed. Those of others cannot be opened, and the lock of one that lives is held.
    private static void RemoveAbandoned(string root)
    {
        foreach (var folder in Directory.GetDirectories(root, $"{Prefix}*"))
        {
            try
            {
                using var held = new FileStream(Path.Combine(folder, LockName), FileMode.Open, FileAccess.ReadWrite, FileShare.None);
                Directory.Delete(folder, recursive: true);
            }
            catch (Exception inUse) when (inUse is IOException or UnauthorizedAccessException)
            {
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "No folder for the figures of the workers can be made in {Root}: {Reason}")]
        public static partial void NoFolder(ILogger logger, string root, string reason);

        [LoggerMessage(LogLevel.Warning, "The figures of workers that have ended cannot be kept: {Reason}")]
        public static partial void NotKept(ILogger logger, string reason);

        [LoggerMessage(LogLevel.Warning, "The figures of a worker {Worker} that has ended could not be added: {Reason}")]
        public static partial void Lost(ILogger logger, int worker, string reason);
    }
}
