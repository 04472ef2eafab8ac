using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace Tienda.ApiTests.Products;

/// <summary>A file whose sender stops in the middle until it is told to go on.</summary>
internal sealed class PausedFile : HttpContent
{
    /// <summary>Empty lines before the first: with less the sender would soon be taken for one who dribbles.</summary>
    public const int LinesBefore = 20_000;

    private readonly string _begin;
    private readonly string _rest;
    private readonly TaskCompletionSource _goesOn = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public PausedFile(string begin, string rest)
    {
        (_begin, _rest) = (begin, rest);
        Headers.ContentType = new MediaTypeHeaderValue(ImportSteps.Csv);
    }

    public void GoOn() => _goesOn.TrySetResult();

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        await stream.WriteAsync(Encoding.UTF8.GetBytes(new string('\n', LinesBefore) + _begin), cancellationToken);
        await stream.FlushAsync(cancellationToken);
        await _goesOn.Task.WaitAsync(cancellationToken);
        await stream.WriteAsync(Encoding.UTF8.GetBytes(_rest), cancellationToken);
    }

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }
}
