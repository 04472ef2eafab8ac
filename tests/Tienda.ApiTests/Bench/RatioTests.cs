namespace Tienda.ApiTests.Bench;

/// <summary>Short forms of the benchmarks whose figure is a ratio to a peer in the same run. Nothing else runs beside.</summary>
[CollectionDefinition(nameof(RatioTests), DisableParallelization = true)]
[Collection(nameof(RatioTests))]
public sealed class RatioTests
{
    [Theory]
    [InlineData("cache")]
    [InlineData("orders")]
    public async Task Beside_its_peer_the_shop_is_not_slower_than_its_floor(string benchmark)
    {
        using var bench = new BenchRun();

        var output = await bench.PassAsync($"{benchmark} --quick --runs 1");

        foreach (var line in output.Split('\n').Where(line => line.EndsWith("| pass |", StringComparison.Ordinal)))
        {
            TestReport.Tell(line);
        }
    }
}
