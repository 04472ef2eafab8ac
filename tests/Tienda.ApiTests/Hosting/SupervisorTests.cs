using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Tienda.ApiTests.Data;

namespace Tienda.ApiTests.Hosting;

/// <summary>
/// What the supervisor costs, and how soon it has a new worker. Figures, so nothing else runs beside: <c>TEST_REPORT</c> is told them.
/// </summary>
[CollectionDefinition(nameof(SupervisorTests), DisableParallelization = true)]
[Collection(nameof(SupervisorTests))]
public sealed partial class SupervisorTests(ShopApp shop)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_killed_worker_is_replaced_within_a_second()
    {
        var start = await StartAsync();
        await using var own = await SupervisedShop.OpenAsync(shop, workers: 4);
        var times = new List<double>();
        // Each once: one that ends within ten seconds of its start is not followed at once the second time.
        foreach (var killed in own.Workers.Values)
        {
            await own.SpareAsync();
            var began = Stopwatch.GetTimestamp();
            await TiendaProgram.SignalAsync("KILL", killed);
            await own.ReplacedAsync(workers: 4, killed);
            times.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
        }

        times.Sort();
        TestReport.Tell(string.Create(
            CultureInfo.InvariantCulture,
            $"a killed worker is replaced in {times[times.Count / 2]:F0} ms (median of {times.Count}; longest {times[^1]:F0} ms); "
            + $"a shop starts in {start.TotalMilliseconds:F0} ms"));
        Assert.True(times[times.Count / 2] < 1000, string.Join(", ", times));
    }

    /// <summary>How long a shop of one process takes until it listens.</summary>
    private async Task<TimeSpan> StartAsync()
    {
        var began = Stopwatch.GetTimestamp();
        await using var alone = await SupervisedShop.OpenAsync(shop, workers: 1);
        return Stopwatch.GetElapsedTime(began);
    }

    [Fact]
    public async Task The_supervisor_sleeps_and_is_small()
    {
        await using var own = await SupervisedShop.OpenAsync(shop, workers: 2);
        await own.Http.GottenAsync("/products?limit=1").ShouldBeAsync(200);
        // It has nothing more to start then.
        await own.SpareAsync();
        await Task.Delay(TimeSpan.FromSeconds(2), Ct);

        var (began, ticks) = (Stopwatch.GetTimestamp(), TicksOf(own.Program.Id));
        await Task.Delay(TimeSpan.FromSeconds(5), Ct);
        var (used, seconds) = (TicksOf(own.Program.Id) - ticks, Stopwatch.GetElapsedTime(began).TotalSeconds);

        var (supervisor, worker) = (MemoryOf(own.Program.Id), MemoryOf(own.Workers[1]));
        TestReport.Tell(string.Create(
            CultureInfo.InvariantCulture,
            $"supervisor: {used * 10} ms CPU in {seconds:F0} s idle, {supervisor.Resident} MB resident, {supervisor.Proportional} MB of it its "
            + $"share, {supervisor.Private} MB its own (a worker: {worker.Resident}, {worker.Proportional}, {worker.Private} MB)"));
        Assert.True(used <= 2, $"{used} ticks in {seconds:F1} s");
        Assert.True(supervisor.Private < 40, $"{supervisor}");
    }

    // utime and stime of proc(5), in hundredths of a second.
    private static long TicksOf(int process)
    {
        var fields = File.ReadAllText($"/proc/{process.ToString(CultureInfo.InvariantCulture)}/stat").Split(')')[1].Split(' ');
        return long.Parse(fields[12], CultureInfo.InvariantCulture) + long.Parse(fields[13], CultureInfo.InvariantCulture);
    }

    private static Memory MemoryOf(int process)
    {
        var rollup = File.ReadAllText($"/proc/{process.ToString(CultureInfo.InvariantCulture)}/smaps_rollup");
        var kilobytes = RollupLine().Matches(rollup)
            .ToDictionary(line => line.Groups[1].Value, line => long.Parse(line.Groups[2].Value, CultureInfo.InvariantCulture));
        return new Memory(
            kilobytes["Rss"] / 1024, kilobytes["Pss"] / 1024, (kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]) / 1024);
    }

    [GeneratedRegex(@"^(\w+): +(\d+) kB", RegexOptions.Multiline)]
    private static partial Regex RollupLine();

    /// <summary>Megabytes.</summary>
    private sealed record Memory(long Resident, long Proportional, long Private);
}
