namespace Tienda.ApiTests.Bench;

/// <summary>Short forms of the benchmarks whose figure is a ratio to a peer in the same run. Nothing else runs beside.</summary>
[CollectionDefinition(nameof(RatioTests), DisableParallelization = true)]
[Collection(nameof(RatioTests))]
[Long]
public sealed class RatioTests
{
    [Theory]
    [InlineData("cache --runs 1")]
    [InlineData("orders --runs 1")]
    [InlineData("reads --runs 1")]
    [InlineData("mix --runs 1")]
    [InlineData("load")]
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
