using System.IO.Pipelines;
using Microsoft.AspNetCore.Http.Features;

namespace Tienda.Telemetry;

/// <summary>Stands before the body of an answer and counts its bytes: the server knows them and does not tell.</summary>
public sealed class CountedBody : PipeWriter, IHttpResponseBodyFeature
{
    private readonly IHttpResponseBodyFeature _body;
    private readonly PipeWriter _writer;
    private Stream? _stream;

    private CountedBody(IHttpResponseBodyFeature body) => (_body, _writer) = (body, body.Writer);

    public long Bytes { get; private set; }

    public Stream Stream => _stream ??= AsStream(leaveOpen: true);

    public PipeWriter Writer => this;

    public override bool CanGetUnflushedBytes => _writer.CanGetUnflushedBytes;

    public override long UnflushedBytes => _writer.UnflushedBytes;

    public static CountedBody Of(HttpContext context)
    {
        var counted = new CountedBody(context.Features.GetRequiredFeature<IHttpResponseBodyFeature>());
        context.Features.Set<IHttpResponseBodyFeature>(counted);
        return counted;
    }

    public override void Advance(int bytes)
    {
        Bytes += bytes;
        _writer.Advance(bytes);
    }

    public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
    {
        Bytes += source.Length;
        return _writer.WriteAsync(source, cancellationToken);
    }

    public override Memory<byte> GetMemory(int sizeHint = 0) => _writer.GetMemory(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => _writer.GetSpan(sizeHint);

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) =>
        _writer.FlushAsync(cancellationToken);

    public override void CancelPendingFlush() => _writer.CancelPendingFlush();

    public override void Complete(Exception? exception = null) => _writer.Complete(exception);

    public override ValueTask CompleteAsync(Exception? exception = null) => _writer.CompleteAsync(exception);

    public void DisableBuffering() => _body.DisableBuffering();

    public Task StartAsync(CancellationToken cancellationToken = default) => _body.StartAsync(cancellationToken);

    public Task CompleteAsync() => _body.CompleteAsync();

    public Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken = default)
    {
        Bytes += count ?? (new FileInfo(path).Length - offset);
        return _body.SendFileAsync(path, offset, count, cancellationToken);
    }
}
