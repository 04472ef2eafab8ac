using System.Text;

namespace Tienda.Telemetry;

/// <summary>
/// Takes lines for standard output from any number of threads, and writes what has gathered a moment later, in one go: a line costs its
/// bytes and no thread has to be woken for it. If whoever reads the output does not keep up, lines are dropped and counted rather than
/// requests held up. When the process ends, also by an exception that nobody has caught, what is left is written.
/// </summary>
public sealed class LogLines : IDisposable
{
    private const int MostOfRequests = 8 * 1024 * 1024;

    // What is more important than an ordinary request finds room where those no longer do.
    private const int Most = MostOfRequests + (1024 * 1024);

    private const int Usual = 64 * 1024;

    // Bytes that a pipe takes in one piece (PIPE_BUF): workers who write to the same one do not get into each other's lines.
    private const int SharedPiece = 4096;

    // What a second of calm follows is memory for nothing; until then every gathering would need new one.
    private const int CalmGatherings = 50;

    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(20);

    // Nobody may read the output any more, and the process shall end all the same.
    private static readonly TimeSpan LastPatience = TimeSpan.FromSeconds(2);

    private readonly Stream _output;
    private readonly bool _isJson;
    private readonly int _piece;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _something = new(0);
    private readonly ManualResetEventSlim _ends = new();
    private readonly Thread _writer;
    private byte[] _filling = new byte[Usual];
    private byte[] _writing = new byte[Usual];
    private bool _isDisposed;
    private int _length;
    private int _calm;
    private long _dropped;
    private long _droppedBefore;

    /// <param name="isJson">The form of what is said of dropped lines.</param>
    /// <param name="isShared">Whether other processes write to the same output.</param>
    public LogLines(Stream output, bool isJson, bool isShared, TimeProvider time)
    {
        (_output, _isJson, _time) = (output, isJson, time);
        _piece = isShared ? SharedPiece : int.MaxValue;
        _writer = new Thread(WriteAll) { IsBackground = true, Name = "log" };
        _writer.Start();
        AppDomain.CurrentDomain.UnhandledException += WriteLast;
        AppDomain.CurrentDomain.ProcessExit += WriteLast;
    }

    /// <summary>Lines that nobody will ever see, since the start.</summary>
    public long Dropped => Volatile.Read(ref _dropped);

    /// <param name="lines">One or more in UTF-8, each with its line break.</param>
    public void Write(ReadOnlySpan<byte> lines, bool isImportant = false)
    {
        bool isFirst;
        lock (_gate)
        {
            if (_length + lines.Length > (isImportant ? Most : MostOfRequests))
            {
                _dropped += lines.Count((byte)'\n');
                return;
            }

            if (_length + lines.Length > _filling.Length)
            {
                Array.Resize(ref _filling, Math.Min(Most, Math.Max(2 * _filling.Length, _length + lines.Length)));
            }

            lines.CopyTo(_filling.AsSpan(_length));
            isFirst = _length == 0;
            _length += lines.Length;
        }

        if (isFirst)
        {
            _something.Release();
        }
    }

    /// <summary>Writes what is left.</summary>
    public void Dispose()
    {
        AppDomain.CurrentDomain.UnhandledException -= WriteLast;
        AppDomain.CurrentDomain.ProcessExit -= WriteLast;
        if (!Interlocked.Exchange(ref _isDisposed, true) && End())
        {
            _something.Dispose();
            _ends.Dispose();
        }
    }

    private void WriteLast(object? sender, EventArgs e) => End();

    private bool End()
    {
        _ends.Set();
        _something.Release();
        return _writer.Join(LastPatience);
    }

    private void WriteAll()
    {
        try
        {
            while (!_ends.IsSet)
            {
                _something.Wait();
                _ends.Wait(Gathering);
                WriteGathered();
            }

            WriteGathered();
        }
        catch (Exception gone) when (gone is IOException or ObjectDisposedException)
        {
            // Nobody reads the output any more; the shop goes on.
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
            (dropped, _droppedBefore) = (_dropped - _droppedBefore, _dropped);
        }

        for (var rest = _writing.AsSpan(0, length); rest.Length > 0;)
        {
            var piece = rest[..LengthOfPiece(rest)];
            _output.Write(piece);
            rest = rest[piece.Length..];
        }

        if (dropped > 0)
        {
            _output.Write(SayDropped(dropped));
        }

        _output.Flush();
        _calm = length > Usual ? 0 : _calm + 1;
        if (_calm >= CalmGatherings && _writing.Length > Usual)
        {
            _writing = new byte[Usual];
        }
    }

    /// <summary>Of as many lines as fit, or of the first one.</summary>
    private int LengthOfPiece(ReadOnlySpan<byte> lines)
    {
        if (lines.Length <= _piece)
        {
            return lines.Length;
        }

        var end = lines[.._piece].LastIndexOf((byte)'\n');
        end = end >= 0 ? end : lines.IndexOf((byte)'\n');
        return end >= 0 ? end + 1 : lines.Length;
    }

    private byte[] SayDropped(long dropped)
    {
        var now = _time.GetUtcNow();
        var message = $"{dropped} lines of the log were dropped: they came faster than the output takes them.";
        return Encoding.UTF8.GetBytes(_isJson
            ? $$"""{"timestamp":"{{now:O}}","level":"Warning","category":"{{RequestLines.Category}}","message":"{{message}}"}""" + "\n"
            : $"{now:yyyy-MM-dd HH:mm:ss} - WARNING - {message}\n");
    }
}
