namespace Tienda.Data;

/// <summary>
/// Gives up what the database is asked, when it takes too long or when nobody waits for it any more. The driver then tells the server, on
/// the thread from which it hears of it, and waits there until it is heard. A server that hangs does not hear, and a few dozen clients
/// who have lost their patience would keep all threads waiting, and the health check with them. So it hears of each from a thread of its
/// own.
/// </summary>
public sealed class Deadline : IAsyncDisposable
{
    private const int Runs = 0, Missed = 1, Met = 2;

    // Never disposed of: it holds nothing, and the thread may still be busy with it.
    private readonly CancellationTokenSource _source;
    private readonly CancellationTokenRegistration _leaving;
    private readonly ITimer _clock;
    private int _state = Runs;

    /// <param name="longest">Until when there is hope.</param>
    /// <param name="left">Ends when nobody waits any more.</param>
    public Deadline(TimeSpan longest, TimeProvider time, CancellationToken left)
    {
        _source = new CancellationTokenSource();
        _clock = time.CreateTimer(static deadline => ((Deadline)deadline!).GiveUp(), this, longest, Timeout.InfiniteTimeSpan);
        _leaving = left.UnsafeRegister(static deadline => ((Deadline)deadline!).GiveUp(), this);
    }

    public CancellationToken Token => _source.Token;

    /// <summary>Whether it was given up.</summary>
    public bool IsMissed => Volatile.Read(ref _state) == Missed;

    public async ValueTask DisposeAsync()
    {
        Interlocked.CompareExchange(ref _state, Met, Runs);
        await _leaving.DisposeAsync();
        await _clock.DisposeAsync();
    }

    private void GiveUp()
    {
        if (Interlocked.CompareExchange(ref _state, Missed, Runs) == Runs)
        {
            new Thread(Cancel) { IsBackground = true, Name = "gives up" }.Start();
        }
    }

    private void Cancel()
    {
        try
        {
            _source.Cancel();
        }
        catch (AggregateException)
        {
            // Who did not want to hear of it must not end the process, as an exception of a thread does.
        }
    }
}
