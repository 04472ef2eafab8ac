using Tienda.Telemetry;

namespace Tienda.UnitTests.Telemetry;

public sealed class HistogramQuantileTests
{
    private static readonly (double Bound, double Count)[] Seconds =
        [(0.1, 50), (0.2, 90), (0.5, 95), (1, 100), (double.PositiveInfinity, 100)];

    // The example of ClickHouse's quantilePrometheusHistogram, which follows Prometheus as well.
    [Fact]
    public void Values_are_spread_evenly_within_a_bucket() => Assert.Equal(
        0.35, HistogramQuantile.Of(0.5, [(0, 6), (0.5, 11), (1, 14), (double.PositiveInfinity, 19)])!.Value, 9);

    [Theory]
    [InlineData(0.25, 0.05)]
    [InlineData(0.5, 0.1)]
    [InlineData(0.7, 0.15)]
    [InlineData(0.95, 0.5)]
    [InlineData(0.99, 0.9)]
    [InlineData(1, 1)]
    public void The_first_bucket_begins_at_zero(double quantile, double expected) =>
        Assert.Equal(expected, HistogramQuantile.Of(quantile, Seconds)!.Value, 9);

    [Fact]
    public void Beyond_the_last_bound_it_is_the_last_bound() => Assert.Equal(
        1, HistogramQuantile.Of(0.99, [(0.5, 10), (1, 20), (double.PositiveInfinity, 100)]));

    [Fact]
    public void Nothing_counted_has_none()
    {
        Assert.Null(HistogramQuantile.Of(0.95, []));
        Assert.Null(HistogramQuantile.Of(0.95, [(1, 0), (double.PositiveInfinity, 0)]));
    }
}
