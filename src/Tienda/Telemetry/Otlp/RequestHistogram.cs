using Tienda.Hosting;

namespace Tienda.Telemetry.Otlp;

/// <summary>
/// The histogram of requests as a part of an OTLP message of metrics. The libraries can only send what was told to them one by one, which
/// costs a request three times what <see cref="RequestFigures"/> does; this is what has been counted there anyway.
/// </summary>
public sealed class RequestHistogram(RequestFigures figures, Settings settings, TimeProvider time)
{
    private const ulong Delta = 1;
    private const ulong Cumulative = 2;

    private readonly bool _isDelta = settings.Telemetry.SendsDeltas;
    private readonly DateTimeOffset _start = time.GetUtcNow();
    private (DateTimeOffset Time, IReadOnlyDictionary<RequestKind, RequestCounts> Counts)? _sent;

    /// <summary>A message with the histogram added, and what to call when it has arrived.</summary>
    public (byte[] Message, Action Arrived) Added(byte[] message)
    {
        var (now, counts) = (time.GetUtcNow(), figures.Read());
        if (counts.Count == 0)
        {
            return (message, () => { });
        }

        // The same resource again: OTLP joins what it is told of one.
        var resource = ProtobufWriter.Find(ProtobufWriter.Find(message, 1), 1).ToArray();
        var added = new ProtobufWriter().Message(1, metrics => metrics
            .Bytes(1, resource)
            .Message(2, scope => scope
                .Message(1, name => name.Text(1, ShopMetrics.Meter))
                .Message(2, metric => metric
                    .Text(1, "http.server.request.duration")
                    .Text(2, "How long requests took.")
                    .Text(3, "s")
                    .Message(9, histogram => Write(histogram, counts, now)))));
        return ([.. message, .. added.ToArray()], () => _sent = (now, counts));
    }

    private void Write(ProtobufWriter histogram, IReadOnlyDictionary<RequestKind, RequestCounts> counts, DateTimeOffset now)
    {
        var since = _isDelta ? _sent?.Time ?? _start : _start;
        foreach (var (kind, all) in counts)
        {
            var before = _isDelta ? _sent?.Counts.GetValueOrDefault(kind) : null;
            var buckets = all.Buckets.Select((count, i) => (ulong)(count - (before?.Buckets[i] ?? 0))).ToList();
            histogram.Message(1, point =>
            {
                point.Fixed(2, Nanoseconds(since)).Fixed(3, Nanoseconds(now));
                point.Fixed(4, buckets.Aggregate((one, other) => one + other));
                point.Real(5, all.Seconds - (before?.Seconds ?? 0));
                point.Packed(6, buckets);
                point.Packed(7, [.. RequestFigures.UpperBounds.Select(BitConverter.DoubleToUInt64Bits)]);
                Attribute(point, "http.request.method", value => value.Text(1, kind.Method));
                Attribute(point, "http.response.status_code", value => value.Number(3, (ulong)kind.Status));
                if (kind.Route.Length > 0)
                {
                    Attribute(point, "http.route", value => value.Text(1, kind.Route));
                }
            });
        }

        histogram.Number(2, _isDelta ? Delta : Cumulative);
    }

    private static void Attribute(ProtobufWriter point, string name, Action<ProtobufWriter> value) =>
        point.Message(9, attribute => attribute.Text(1, name).Message(2, value));

    private static ulong Nanoseconds(DateTimeOffset time) => (ulong)(time - DateTimeOffset.UnixEpoch).Ticks * 100;
}
