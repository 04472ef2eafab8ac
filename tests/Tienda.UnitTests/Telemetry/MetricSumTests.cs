using System.Globalization;
using Tienda.Telemetry.Reports;

namespace Tienda.UnitTests.Telemetry;

public sealed class MetricSumTests
{
    [Fact]
    public void Counters_and_buckets_of_the_ended_count_their_gauges_do_not()
    {
        var sum = new MetricReport();
        MetricSum.Add(sum, Report(("a_total", MetricKind.Counter, 2), ("b", MetricKind.Gauge, 5)), isAlive: true);
        MetricSum.Add(sum, Report(("a_total", MetricKind.Counter, 3), ("b", MetricKind.Gauge, 7)), isAlive: true);
        MetricSum.Add(sum, Report(("a_total", MetricKind.Counter, 4), ("b", MetricKind.Gauge, 9)), isAlive: false);

        Assert.Equal((9, 12), (Value(sum, "a_total"), Value(sum, "b")));
    }

    [Fact]
    public void What_does_not_add_up_is_the_largest_or_the_smallest()
    {
        var sum = new MetricReport();
        foreach (var (lag, up) in new[] { (0.2, 1), (1.4, 0), (0.4, 1) })
        {
            MetricSum.Add(
                sum,
                Report(("tienda_cache_poll_lag_seconds", MetricKind.Gauge, lag), ("tienda_redis_up", MetricKind.Gauge, up)),
                isAlive: true);
        }

        Assert.Equal((1.4m, 0), (Value(sum, "tienda_cache_poll_lag_seconds"), Value(sum, "tienda_redis_up")));
    }

    [Fact]
    public void A_metric_that_the_newer_build_counts_otherwise_is_the_newer_ones()
    {
        var sum = new MetricReport();
        MetricSum.Add(sum, Report(("a_total", MetricKind.Counter, 2)), isAlive: true);
        MetricSum.Add(sum, Report(("a_total", MetricKind.Gauge, 1000)), isAlive: true);

        Assert.Equal(2, Value(sum, "a_total"));
    }

    [Fact]
    public void A_sum_does_not_depend_on_the_order_in_which_workers_end()
    {
        // Of binary fractions the sum of these depends on the order in its last digit, and half the orders would be a decrease.
        double[] seconds = [0.1, 0.2, 0.3, 2.89320516, 17.339799];
        var sums = new HashSet<string>();
        var binary = new HashSet<double>();
        for (var first = 0; first < seconds.Length; first++)
        {
            var sum = new MetricReport();
            var order = seconds[first..].Concat(seconds[..first]).ToList();
            order.ForEach(value => MetricSum.Add(sum, Report(("a_seconds_total", MetricKind.Counter, value)), isAlive: false));
            sums.Add(Value(sum, "a_seconds_total").ToString(CultureInfo.InvariantCulture));
            binary.Add(order.Aggregate(0.0, (all, value) => all + value));
        }

        Assert.Single(sums);
        Assert.True(binary.Count > 1);
    }

    [Fact]
    public void A_number_that_goes_up_never_goes_down_in_a_report()
    {
        var last = 0m;
        for (var seconds = 0.0; seconds < 1e7; seconds += 0.0001 + (seconds / 1000))
        {
            var kept = MetricReport.Parse(MetricReport.Exact(seconds).ToString(CultureInfo.InvariantCulture))!.Value;
            Assert.True(kept >= last, $"{kept} after {last}");
            last = kept;
        }
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(double.MaxValue)]
    public void What_is_no_number_is_nothing(double value) => Assert.Equal(0, MetricReport.Exact(value));

    [Fact]
    public void The_documentation_says_how_each_metric_is_added_up()
    {
        var rows = File.ReadLines(Path.Combine(ArchitectureTests.Root, "docs", "metrics.md"))
            .Select(line => line.Split('|', StringSplitOptions.TrimEntries))
            .Where(cells => cells is ["", ['`', ..], "counter" or "gauge" or "histogram", ..]).ToList();

        Assert.NotEmpty(rows);
        Assert.All(rows, cells => Assert.Equal($"{MetricSum.Of(cells[1].Trim('`'))}", cells[5], ignoreCase: true));
        Assert.All(rows, cells => Assert.Equal(cells[2] == "counter", cells[1].EndsWith("_total`", StringComparison.Ordinal)));
    }

    private static decimal Value(MetricReport report, string name) => report.Find(name)!.Samples[name];

    private static MetricReport Report(params (string Name, MetricKind Kind, double Value)[] metrics)
    {
        var report = new MetricReport();
        foreach (var (name, kind, value) in metrics)
        {
            report.Family(name, kind, "What it is.").Samples[name] = MetricReport.Exact(value);
        }

        return report;
    }
}
