using Tienda.Telemetry.Reports;

namespace Tienda.UnitTests.Telemetry;

public sealed class MetricTextTests
{
    private const string Text =
        """
        # TYPE active_requests gauge
        # HELP active_requests Requests that are being answered.
        active_requests 2
        # TYPE duration_seconds histogram
        # HELP duration_seconds How long.
        duration_seconds_bucket{route="/a b",le="1.0"} 1
        duration_seconds_bucket{route="/a b",le="+Inf"} 3
        duration_seconds_sum{route="/a b"} 4.25
        duration_seconds_count{route="/a b"} 3
        # TYPE reads_total counter
        # HELP reads_total Reads.
        reads_total{result="hit"} 12345678901234
        # EOF

        """;

    [Fact]
    public void What_is_written_can_be_read_back() => Assert.Equal(Text, MetricText.Write(MetricText.Read(Text)));

    [Fact]
    public void In_OpenMetrics_a_counter_is_called_without_its_ending_and_its_samples_are_not()
    {
        var text = MetricText.Write(MetricText.Read(Text), isOpenMetrics: true);

        Assert.Contains("# TYPE reads counter\n# HELP reads Reads.\nreads_total{result=\"hit\"} 12345678901234\n", text, StringComparison.Ordinal);
        Assert.EndsWith("\n# EOF\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_metric_without_samples_is_not_written()
    {
        var report = new MetricReport();
        report.Family("reads_total", MetricKind.Counter, "Reads.");

        Assert.Equal("# EOF\n", MetricText.Write(report));
        Assert.Empty(MetricText.Read("# EOF\n").Families);
    }

    [Theory]
    [InlineData("")]
    [InlineData("# EOF")]
    [InlineData("# TYPE a gauge\n# HELP a A.\na 1\n")]
    [InlineData("# TYPE a gauge\n# HELP a A.\na 1\n# EOF\n# EOF\n")]
    [InlineData("a 1\n# EOF\n")]
    [InlineData("# TYPE a gauge\na 1\n# EOF\n")]
    [InlineData("# HELP a A.\na 1\n# EOF\n")]
    [InlineData("# TYPE a gauge\n# EOF\n")]
    [InlineData("# TYPE a summary\n# HELP a A.\na 1\n# EOF\n")]
    [InlineData("# TYPE a counter\n# HELP a A.\na 1\n# EOF\n")]
    [InlineData("# TYPE a gauge\n# HELP b A.\na 1\n# EOF\n")]
    [InlineData("# TYPE a gauge\n# HELP a A.\nb 1\n# EOF\n")]
    [InlineData("# TYPE a gauge\n# HELP a A.\nab 1\n# EOF\n")]
    [InlineData("# TYPE a gauge\n# HELP a A.\na\n# EOF\n")]
    [InlineData("# TYPE a gauge\n# HELP a A.\na one\n# EOF\n")]
    [InlineData("# TYPE a gauge\n# HELP a A.\na NaN\n# EOF\n")]
    [InlineData("# TYPE a gauge\n# HELP a A.\na 1\na 2\n# EOF\n")]
    [InlineData("# TYPE a gauge\n# HELP a A.\na{x=\"1\" 1\n# EOF\n")]
    [InlineData("# TYPE a gauge\n# HELP a A.\na 1\n# TYPE a gauge\n# HELP a A.\n# EOF\n")]
    [InlineData("# TYPE a histogram\n# HELP a A.\na 1\n# EOF\n")]
    [InlineData("# TYPE a histogram\n# HELP a A.\na_total 1\n# EOF\n")]
    public void What_is_no_whole_report_is_refused(string text) => Assert.Throws<FormatException>(() => MetricText.Read(text));

    [Theory]
    [InlineData(0.0001, "0.0001")]
    [InlineData(0.25, "0.25")]
    [InlineData(1, "1.0")]
    [InlineData(64, "64.0")]
    [InlineData(double.PositiveInfinity, "+Inf")]
    public void Bounds_are_written_as_OpenMetrics_does(double bound, string text) => Assert.Equal(text, MetricText.Bound(bound));

    [Fact]
    public void Labels_are_ordered_and_escaped() => Assert.Equal(
        """{a="1\\2",b="say \"yes\"\n"}""", MetricText.Labels([new("b", "say \"yes\"\n"), new("a", @"1\2")]));

    [Theory]
    [InlineData("tienda.cache.reads", "{request}", MetricKind.Counter, "tienda_cache_reads_total")]
    [InlineData("http.server.request.duration", "s", MetricKind.Histogram, "http_server_request_duration_seconds")]
    [InlineData("tienda.cache.memory", "By", MetricKind.Gauge, "tienda_cache_memory_bytes")]
    [InlineData("dotnet.process.cpu.time", "s", MetricKind.Counter, "dotnet_process_cpu_time_seconds_total")]
    [InlineData("tienda.build.info", "", MetricKind.Gauge, "tienda_build_info")]
    public void Names_are_those_that_Prometheus_gives_to_OpenTelemetrys(string instrument, string unit, MetricKind kind, string name) =>
        Assert.Equal(name, MeterReader.NameOf(instrument, unit, kind));
}
