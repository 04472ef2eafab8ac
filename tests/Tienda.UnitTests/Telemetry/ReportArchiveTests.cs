using Microsoft.Extensions.Logging.Abstractions;
using Tienda.Telemetry.Reports;

namespace Tienda.UnitTests.Telemetry;

public sealed class ReportArchiveTests : IDisposable
{
    private const string Counter = "a_total";

    private readonly ReportArchive _archive = new(NullLogger<ReportArchive>.Instance);

    private string Folder => _archive.Folder!;

    [Fact]
    public void What_a_worker_has_left_stays_and_its_files_go()
    {
        for (var worker = 1; worker <= 300; worker++)
        {
            _archive.Retire(Begun(counted: worker));
        }

        Assert.Equal(300 * 301 / 2, RetiredWorkers.Read(Folder).Report.Find(Counter)!.Samples[Counter]);
        Assert.Equal(["lock", "retired"], Directory.GetFiles(Folder).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void Nobody_is_counted_twice_or_left_out_while_workers_come_and_go()
    {
        var (old, young) = (Begun(counted: 1), Begun(counted: 2));
        _archive.Retire(young);
        _archive.Retire(young);
        var next = Begun(counted: 4);

        var retired = RetiredWorkers.Read(Folder);
        Assert.Equal((false, true, false), (retired.Include(old.Sequence), retired.Include(young.Sequence), retired.Include(next.Sequence)));
        Assert.Equal(2, retired.Report.Find(Counter)!.Samples[Counter]);
    }

    [Fact]
    public void A_worker_that_never_reported_or_left_nonsense_takes_nothing_along()
    {
        _archive.Retire(Begun(counted: 5));
        _archive.Retire(_archive.Begin(1));
        var strange = _archive.Begin(2)!;
        File.WriteAllText(strange.Report, "# TYPE a_total coun");
        _archive.Retire(strange);
        _archive.NoteRestart(hasDied: true);

        var retired = RetiredWorkers.Read(Folder).Report;
        Assert.Equal(5, retired.Find(Counter)!.Samples[Counter]);
        Assert.Equal(1, retired.Find("tienda_worker_restarts_total")!.Samples["tienda_worker_restarts_total{reason=\"died\"}"]);
    }

    [Fact]
    public void Its_folder_goes_with_it()
    {
        var folder = Folder;
        _archive.Dispose();

        Assert.False(Directory.Exists(folder));
    }

    [Fact]
    public void What_a_killed_supervisor_left_goes_with_the_next_and_what_a_living_one_has_does_not()
    {
        var abandoned = Directory.CreateDirectory(Path.Combine(Path.GetDirectoryName(Folder)!, $"tienda-workers-{Guid.NewGuid():N}"));
        File.WriteAllText(Path.Combine(abandoned.FullName, "lock"), "");

        using var next = new ReportArchive(NullLogger<ReportArchive>.Instance);

        Assert.False(Directory.Exists(abandoned.FullName));
        Assert.True(File.Exists(WorkerFiles.Retired(Folder)));
    }

    public void Dispose() => _archive.Dispose();

    private WorkerFiles Begun(int counted)
    {
        var worker = _archive.Begin(1)!;
        var report = new MetricReport();
        report.Family(Counter, MetricKind.Counter, "What is counted.").Samples[Counter] = counted;
        report.Family("b", MetricKind.Gauge, "What is there now.").Samples["b"] = counted;
        WorkerFiles.Write(worker.Report, MetricText.Write(report));
        return worker;
    }
}
