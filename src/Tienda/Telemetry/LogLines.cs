namespace Tienda.Telemetry;

/// <summary>
/// Takes lines for standard output from any number of threads, and writes what has gathered a moment later, in one piece: a line costs its
/// bytes and no thread has to be woken for it. If whoever reads the output does not keep up, lines are dropped and counted rather than
/// requests held up.
/// </summary>
public sealed class LogLines : IDisposable
{
    private const int Most = 8 * 1024 * 1024;

    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(20);

    private readonly Stream _output;
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _something = new(0);
    private readonly ManualResetEventSlim _ends = new();
    private readonly Thread _writer;
    private byte[] _filling = new byte[64 * 1024];
    private byte[] _writing = new byte[64 * 1024];
    private int _length;
    private long _dropped;
    private long _droppedInAll;

    public LogLines() : this(Console.OpenStandardOutput())
    {
    }

    internal LogLines(Stream output)
    {
        _output = output;
        _writer = new Thread(WriteAll) { IsBackground = true, Name = "request log" };
        _writer.Start();
    }

    /// <summary>Lines that were dropped since the start.</summary>
    public long Dropped => Volatile.Read(ref _droppedInAll);

    /// <param name="line">In UTF-8, with its line break.</param>
    public void Write(ReadOnlySpan<byte> line)
    {
        bool isFirst;
        lock (_gate)
        {
            if (_length + line.Length > Most)
            {
                _dropped++;
                _droppedInAll++;
                return;
            }

            if (_length + line.Length > _filling.Length)
            {
                Array.Resize(ref _filling, Math.Min(Most, Math.Max(2 * _filling.Length, _length + line.Length)));
            }

            line.CopyTo(_filling.AsSpan(_length));
            isFirst = _length == 0;
            _length += line.Length;
        }

        if (isFirst)
        {
            _something.Release();
        }
    }

    /// <summary>Writes what is left.</summary>
    public void Dispose()
    {
        _ends.Set();
        _something.Release();
        _writer.Join();
        _something.Dispose();
        _ends.Dispose();
    }

    private void WriteAll()
    {
        while (!_ends.IsSet)
        {
            _something.Wait();
            _ends.Wait(Gathering);
            WriteGathered();
        }
    }

    private void WriteGathered()
    {
        int length;
        long dropped;
        lock (_gate)
        {
            (_filling, _writing) = (_writing, _filling);
            (length, _length) = (_length, 0);
            (dropped, _dropped) = (_dropped, 0);
        }

        try
        {
            _output.Write(_writing.AsSpan(0, length));
            if (dropped > 0)
            {
                _output.Write(System.Text.Encoding.UTF8.GetBytes($"WARNING - {dropped} lines of the request log were dropped.\n"));
            }

            _output.Flush();
        }
        catch (IOException)
        {
            // Nobody reads the output any more; the shop goes on.
        }
    }
}
