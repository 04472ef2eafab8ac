namespace Tienda.ApiTests.Bench;

/// <summary>Short forms of the benchmarks whose figure is a ratio to a peer in the same run. Nothing else runs beside.</summary>
[CollectionDefinition(nameof(RatioTests), DisableParallelization = true)]
[Collection(nameof(RatioTests))]
public sealed class RatioTests
{
    public static TheoryData<string> Benchmarks => Environment.GetEnvironmentVariables()["TEST_LONG"] is "1"
        ? ["cache --runs 1", "orders --runs 1", "reads --runs 1", "mix --runs 1", "load"]
        : ["cache --runs 1", "orders --runs 1"];

    [Theory]
    [MemberData(nameof(Benchmarks))]
    public async Task A_short_run_meets_what_does_not_depend_on_the_machine(string benchmark)
    {
        using var bench = new BenchRun();

        var output = await bench.PassAsync($"{benchmark} --quick");

        foreach (var line in output.Split('\n').Where(line => line.EndsWith("| pass |", StringComparison.Ordinal)))
        {
            TestReport.Tell(line);
        }
    }
}
