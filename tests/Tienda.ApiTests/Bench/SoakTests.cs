using Tienda.ApiTests.LoadTest;

namespace Tienda.ApiTests.Bench;

/// <summary>Three minutes of the soak that <c>./bench.sh soak</c> does for an hour, beside other tests.</summary>
[Long]
[Collection(nameof(OneLoadAtATime))]
public sealed class SoakTests
{
    [Fact]
    public async Task Whole_journeys_lose_no_unit_and_no_connection()
    {
        using var bench = new BenchRun();

        var output = await bench.PassAsync("soak --users 20 --minutes 3");

        Assert.Contains("| units that the books lost or made (I1) | 0 | = 0 | Tienda | pass |", output, StringComparison.Ordinal);
        Assert.Contains("| connections still in use afterwards | 0 | = 0 | Tienda | pass |", output, StringComparison.Ordinal);
    }
}
