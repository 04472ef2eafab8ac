using Microsoft.AspNetCore.Http;
using Tienda.Hosting;
using Tienda.Telemetry;
using Tienda.Telemetry.Otlp;

namespace Tienda.UnitTests.Telemetry;

public sealed class RequestHistogramTests
{
    private const int Fixed64 = 8;

    private readonly RequestFigures _figures = new();

    // A resource with nothing but its attribute's name, in a message of a collector's.
    private readonly byte[] _message =
        new ProtobufWriter().Message(1, metrics => metrics.Message(1, resource => resource.Message(1, of => of.Text(1, "name")))).ToArray();

    [Fact]
    public void It_is_added_to_the_resource_that_is_there()
    {
        Note();
        var added = Histogram("cumulative").Added(_message).Message.AsSpan();

        Assert.True(added.StartsWith(_message));
        var resource = ProtobufWriter.Find(ProtobufWriter.Find(added[_message.Length..], 1), 1);
        Assert.True(resource.SequenceEqual(ProtobufWriter.Find(ProtobufWriter.Find(_message, 1), 1)));
    }

    [Fact]
    public void Without_requests_nothing_is_added() => Assert.Equal(_message, Histogram("cumulative").Added(_message).Message);

    [Fact]
    public void A_histogram_of_all_counts_from_the_start()
    {
        var histogram = Histogram("cumulative");
        Note();
        histogram.Added(_message).Arrived();
        Note();

        Assert.Equal(2, CountIn(histogram.Added(_message).Message));
    }

    [Theory]
    [InlineData("delta")]
    [InlineData("LowMemory")]
    public void A_histogram_of_what_is_new_counts_from_what_has_arrived(string preference)
    {
        var histogram = Histogram(preference);
        Note();
        Assert.Equal(1, CountIn(histogram.Added(_message).Message));
        Note();
        // The first has not arrived.
        var (message, arrived) = histogram.Added(_message);
        Assert.Equal(2, CountIn(message));
        arrived();
        Note();

        Assert.Equal(1, CountIn(histogram.Added(_message).Message));
    }

    private RequestHistogram Histogram(string preference) => new(
        _figures,
        new Settings
        {
            Telemetry = new TelemetrySettings
            {
                Standard = new Dictionary<string, string> { ["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"] = preference },
            },
        },
        TimeProvider.System);

    private void Note()
    {
        var context = new DefaultHttpContext();
        context.Request.Method = "GET";
        _figures.Note(context, duration: 1000);
    }

    private int CountIn(byte[] message)
    {
        // Resource's metrics, scope's metrics, metric, histogram, point.
        var point = message.AsSpan(_message.Length);
        ReadOnlySpan<byte> found = point;
        foreach (var field in new[] { 1, 2, 2, 9, 1 })
        {
            found = ProtobufWriter.Find(found, field);
        }

        var count = ProtobufWriter.Find(found, 4);
        Assert.Equal(Fixed64, count.Length);
        return (int)BitConverter.ToUInt64(count);
    }
}
