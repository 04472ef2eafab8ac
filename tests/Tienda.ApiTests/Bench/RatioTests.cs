namespace Tienda.ApiTests.Bench;

/// <summary>Short forms of the benchmarks whose figure is a ratio to a peer in the same run. Nothing else runs beside.</summary>
[CollectionDefinition(nameof(RatioTests), DisableParallelization = true)]
[Collection(nameof(RatioTests))]
public sealed class RatioTests
{
    [Theory]
    [InlineData("cache --runs 1")]
    [InlineData("orders --runs 1")]
    public Task A_short_run_meets_what_does_not_depend_on_the_machine(string benchmark) => PassAsync(benchmark);

    [Long]
    [Theory]
    [InlineData("reads --runs 1")]
    [InlineData("mix --runs 1")]
    [InlineData("load")]
    public Task A_longer_one_does_so_too(string benchmark) => PassAsync(benchmark);

    private static async Task PassAsync(string benchmark)
    {
        using var bench = new BenchRun();

        var output = await bench.PassAsync($"{benchmark} --quick");

        foreach (var line in output.Split('\n').Where(line => line.EndsWith("| pass |", StringComparison.Ordinal)))
        {
            TestReport.Tell(line);
        }
    }
}
