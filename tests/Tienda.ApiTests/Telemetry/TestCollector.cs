using System.Collections.Concurrent;
using System.IO.Compression;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Tienda.ApiTests.Telemetry;

/// <summary>A span as a collector is told it.</summary>
public sealed record ReceivedSpan(string TraceId, string SpanId, string ParentId, string Name, Dictionary<string, string> Attributes, int Links);

/// <summary>A metric as a collector is told it, one of each resource and message.</summary>
public sealed record ReceivedMetric(string Name, string Unit, Dictionary<string, string> Resource, ProtobufReader Data);

/// <summary>What OTLP is sent to, over HTTP or gRPC: a real server that takes the messages apart.</summary>
public sealed class TestCollector : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<ReceivedMetric> _metrics = new();
    private readonly ConcurrentQueue<ReceivedSpan> _spans = new();
    private volatile bool _isAway;

    private TestCollector(bool isGrpc)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.Configure<KestrelServerOptions>(server => server.Listen(IPAddress.Loopback, 0, listen =>
            listen.Protocols = isGrpc ? HttpProtocols.Http2 : HttpProtocols.Http1));
        _app = builder.Build();
        _app.MapPost("/{**path}", TakeAsync);
    }

    public string Url => _app.Urls.First();

    public IReadOnlyCollection<ReceivedMetric> Metrics => _metrics;

    public IReadOnlyCollection<ReceivedSpan> Spans => _spans;

    /// <summary>The header Authorization of what came last.</summary>
    public string? Authorization { get; private set; }

    public static async Task<TestCollector> StartAsync(bool isGrpc = false)
    {
        var collector = new TestCollector(isGrpc);
        await collector._app.StartAsync();
        return collector;
    }

    /// <summary>Whether it refuses what it is sent.</summary>
    public void SetAway(bool isAway) => _isAway = isAway;

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task TakeAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        if (_isAway)
        {
            context.Response.StatusCode = 503;
            return;
        }

        Authorization = context.Request.Headers.Authorization;
        var isGrpc = context.Request.ContentType == "application/grpc";
        var bytes = body.ToArray();
        var isPacked = isGrpc ? bytes[0] == 1 : context.Request.Headers.ContentEncoding == "gzip";
        var message = new ProtobufReader(isPacked ? Unpacked(bytes[(isGrpc ? 5 : 0)..]) : bytes[(isGrpc ? 5 : 0)..]);
        if (context.Request.Path.Value!.Contains("metrics", StringComparison.OrdinalIgnoreCase))
        {
            TakeMetrics(message);
        }
        else
        {
            TakeSpans(message);
        }

        if (isGrpc)
        {
            context.Response.ContentType = "application/grpc";
            await context.Response.Body.WriteAsync(new byte[5], context.RequestAborted);
            context.Response.AppendTrailer("grpc-status", "0");
        }
    }

    // Field numbers are those of opentelemetry/proto/metrics/v1/metrics.proto and trace/v1/trace.proto.
    private void TakeMetrics(ProtobufReader message)
    {
        foreach (var resource in message.Messages(1))
        {
            var attributes = resource.Messages(1).Single().Attributes(1);
            foreach (var metric in resource.Messages(2).SelectMany(scope => scope.Messages(2)))
            {
                _metrics.Enqueue(new ReceivedMetric(metric.Text(1), metric.Text(3), attributes, metric));
            }
        }
    }

    private void TakeSpans(ProtobufReader message)
    {
        foreach (var span in message.Messages(1).SelectMany(resource => resource.Messages(2)).SelectMany(scope => scope.Messages(2)))
        {
            _spans.Enqueue(new ReceivedSpan(
                span.Hex(1), span.Hex(2), span.Hex(4), span.Text(5), span.Attributes(9), span.Messages(13).Count()));
        }
    }

    private static byte[] Unpacked(byte[] bytes)
    {
        using var plain = new MemoryStream();
        using var packed = new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress);
        packed.CopyTo(plain);
        return plain.ToArray();
    }
}
