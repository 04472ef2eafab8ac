using Tienda.Telemetry;

namespace Tienda.UnitTests.Telemetry;

public sealed class MetricSampleTests
{
    [Fact]
    public void A_page_for_Prometheus_is_read()
    {
        var samples = MetricSample.ReadAll(
            """
            # TYPE requests counter
            # HELP requests {not} a "line".
            requests_total{route="/products/{id_key}",path="C:\\x \"quoted\"\nnext", le="+Inf"} 1027 1395066363000
            up 1

            weird{} -Inf
            none{a=""} NaN
            small 1.5e-05
            """);

        Assert.Equal(["requests_total", "up", "weird", "none", "small"], samples.Select(sample => sample.Name));
        Assert.Equal(
            [("route", "/products/{id_key}"), ("path", "C:\\x \"quoted\"\nnext"), ("le", "+Inf")],
            samples[0].Labels.Select(label => (label.Key, label.Value)));
        Assert.Equal([1027, 1, double.NegativeInfinity, double.NaN, 1.5e-05], samples.Select(sample => sample.Value));
        Assert.Null(samples[1].Label("route"));
    }

    [Theory]
    [InlineData("<html>")]
    [InlineData("requests{route=\"/products\" 1")]
    [InlineData("requests one")]
    [InlineData("requests")]
    public void What_is_none_is_refused(string page) => Assert.Throws<FormatException>(() => MetricSample.ReadAll(page));
}
