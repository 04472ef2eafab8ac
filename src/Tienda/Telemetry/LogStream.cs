namespace Tienda.Telemetry;

/// <summary>
/// What the logger takes for its output: its lines go the way of the request log's, so that the two do not get into each other's and all of
/// them are written when the process ends.
/// </summary>
public sealed class LogStream(LogLines lines) : Stream
{
    private byte[] _half = [];

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    // Written by the logger's one thread. What it writes at once may end in the middle of a line.
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        var end = buffer.LastIndexOf((byte)'\n') + 1;
        if (end == 0)
        {
            _half = [.. _half, .. buffer];
            return;
        }

        lines.Write(_half.Length == 0 ? buffer[..end] : [.. _half, .. buffer[..end]], isImportant: true);
        _half = [.. buffer[end..]];
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
