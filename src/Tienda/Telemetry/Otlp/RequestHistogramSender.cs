using System.Buffers.Binary;
using System.IO.Compression;

namespace Tienda.Telemetry.Otlp;

/// <summary>
/// Stands between the exporter and its connection, and adds the histogram of requests to what it sends of metrics; in any of the protocols
/// and compressions that the exporter has. Traces pass as they are.
/// </summary>
public sealed class RequestHistogramSender(HttpClient next, RequestHistogram histogram) : HttpMessageHandler
{
    private const string Gzip = "gzip";
    private const int FrameHeader = 5;

    /// <summary>A client that does what the given one does, and this.</summary>
    public static HttpClient Around(HttpClient client, RequestHistogram histogram) =>
        new(new RequestHistogramSender(client, histogram)) { Timeout = client.Timeout };

    protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using var body = new MemoryStream();
        request.Content!.CopyTo(body, context: null, cancellationToken);
        var (completed, arrived) = Completed(request, body.ToArray());
        return Noted(next.Send(completed, cancellationToken), arrived);
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var (completed, arrived) = Completed(request, await request.Content!.ReadAsByteArrayAsync(cancellationToken));
        return Noted(await next.SendAsync(completed, cancellationToken), arrived);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            next.Dispose();
        }

        base.Dispose(disposing);
    }

    private (HttpRequestMessage Request, Action Arrived) Completed(HttpRequestMessage request, byte[] body)
    {
        var arrived = () => { };
        // Of metrics alone: .../v1/metrics or .../MetricsService/Export.
        if (request.RequestUri!.AbsolutePath.Contains("metrics", StringComparison.OrdinalIgnoreCase))
        {
            (body, arrived) = request.Content!.Headers.ContentType?.MediaType == "application/grpc"
                ? AddedToFrame(body)
                : AddedTo(body, request.Content.Headers.ContentEncoding.Contains(Gzip));
        }

        // A message can be sent only once, and the exporter has sent this one.
        var completed = new HttpRequestMessage(request.Method, request.RequestUri)
        {
            Content = new ByteArrayContent(body),
            Version = request.Version,
            VersionPolicy = request.VersionPolicy,
        };
        foreach (var (name, values) in request.Headers.NonValidated)
        {
            completed.Headers.TryAddWithoutValidation(name, values);
        }

        foreach (var (name, values) in request.Content!.Headers.NonValidated)
        {
            if (name != "Content-Length")
            {
                completed.Content.Headers.TryAddWithoutValidation(name, values);
            }
        }

        return (completed, arrived);
    }

    private static HttpResponseMessage Noted(HttpResponseMessage response, Action arrived)
    {
        if (response.IsSuccessStatusCode)
        {
            arrived();
        }

        return response;
    }

    // gRPC: whether it is compressed, the length, the message.
    private (byte[] Body, Action Arrived) AddedToFrame(byte[] body)
    {
        var (message, arrived) = AddedTo(body[FrameHeader..], isCompressed: body[0] == 1);
        var frame = new byte[FrameHeader + message.Length];
        frame[0] = body[0];
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(1), (uint)message.Length);
        message.CopyTo(frame, FrameHeader);
        return (frame, arrived);
    }

    private (byte[] Body, Action Arrived) AddedTo(byte[] body, bool isCompressed)
    {
        if (!isCompressed)
        {
            return histogram.Added(body);
        }

        using var plain = new MemoryStream();
        using (var packed = new GZipStream(new MemoryStream(body), CompressionMode.Decompress))
        {
            packed.CopyTo(plain);
        }

        var (message, arrived) = histogram.Added(plain.ToArray());
        using var bytes = new MemoryStream();
        using (var packing = new GZipStream(bytes, CompressionMode.Compress))
        {
            packing.Write(message);
        }

        return (bytes.ToArray(), arrived);
    }
}
