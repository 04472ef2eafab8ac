using Tienda.Data;

namespace Tienda.Caching;

/// <summary>
/// How far back the log of changes is kept: ten minutes, counted from the oldest transaction that was running then, and not from when an
/// event was written. Who began before may still be running, and will write an event that nobody has read.
/// </summary>
public sealed class LogHorizon(TimeProvider time)
{
    public static readonly TimeSpan Kept = TimeSpan.FromMinutes(10);

    private static readonly TimeSpan Step = TimeSpan.FromMinutes(1);

    private readonly Queue<(long At, ulong Xmin)> _steps = new();
    private long _notedAt;

    /// <summary>Notes what a look at the log saw.</summary>
    /// <returns>The transaction before which the log can be forgotten, once a minute; else null.</returns>
    public ulong? Note(Snapshot now)
    {
        if (_steps.Count > 0 && time.GetElapsedTime(_notedAt) < Step)
        {
            return null;
        }

        _notedAt = time.GetTimestamp();
        _steps.Enqueue((_notedAt, now.Xmin));
        ulong? below = null;
        while (_steps.TryPeek(out var oldest) && time.GetElapsedTime(oldest.At) >= Kept)
        {
            below = _steps.Dequeue().Xmin;
        }

        return below;
    }
}
