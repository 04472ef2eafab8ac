using Tienda.Hosting;

namespace Tienda.Telemetry.Reports;

/// <summary>The figures of all workers of the host, whichever of them is asked; and of a single one.</summary>
public sealed class HostReport(ProcessReport own, StateMetrics state, Settings settings)
{
    // A worker that hangs must not hold up the scrape; what it reported a second before it hung is nearly as good.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <exception cref="IOException">The folder of the reports has gone.</exception>
    /// <exception cref="FormatException">Somebody else has written there.</exception>
    public async Task<MetricReport> ReadAsync(CancellationToken ct)
    {
        if (settings.Place?.Files is not { Folder: var folder })
        {
            await state.LookAsync();
            var alone = own.Read();
            ReportArchive.NoteRestarts(alone, died: 0, replaced: 0);
            NoteWorkers(alone, living: 1, silent: 0);
            return alone;
        }

        // The newest first: if two builds call different things by one name, it is theirs.
        var workers = WorkerFiles.In(folder).OrderByDescending(worker => worker.Sequence).ToList();
        var answers = await AskAsync(workers, ct);
        // Behind the answers: whoever ends in between is among the retired, and left out below. Before, it would be missing in both.
        var retired = RetiredWorkers.Read(folder);
        var sum = new MetricReport();
        var (living, silent) = (0, 0);
        foreach (var (worker, answer) in workers.Zip(answers).Where(pair => !retired.Include(pair.First.Sequence)))
        {
            living += answer.IsAlive ? 1 : 0;
            silent += answer.IsSilent ? 1 : 0;
            if (answer.Report is { } report)
            {
                MetricSum.Add(sum, report, answer.IsAlive);
            }
        }

        MetricSum.Add(sum, retired.Report, isAlive: false);
        NoteWorkers(sum, living, silent);
        return sum;
    }

    /// <summary>One worker's own figures, or null if there is none of that number.</summary>
    public async Task<MetricReport?> ReadAsync(int number, CancellationToken ct)
    {
        if (settings.Place?.Files is not { Folder: var folder })
        {
            await state.LookAsync();
            return number == (settings.Place?.Number ?? 1) ? own.Read() : null;
        }

        // While it is replaced there are two: the new one.
        var worker = WorkerFiles.In(folder).Where(worker => worker.Number == number).MaxBy(worker => worker.Sequence);
        return worker is null ? null : (await AskAsync([worker], ct))[0] is { IsAlive: true, Report: var report } ? report : null;
    }

    private static async Task<WorkerAnswer[]> AskAsync(IReadOnlyList<WorkerFiles> workers, CancellationToken ct)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(ct);
        deadline.CancelAfter(Patience);
        var answers = await Task.WhenAll(workers.Select(worker => WorkerQuestion.AskAsync(worker, deadline.Token)));
        ct.ThrowIfCancellationRequested();
        return answers;
    }

    private static void NoteWorkers(MetricReport report, int living, int silent)
    {
        Note("tienda_workers", "Workers that live.", living);
        Note("tienda_workers_silent", "Workers that live and do not report, as one that hangs.", silent);

        void Note(string name, string help, int value) => report.Family(name, MetricKind.Gauge, help).Samples[name] = value;
    }
}
