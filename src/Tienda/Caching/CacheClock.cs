using Tienda.Data;

namespace Tienda.Caching;

/// <summary>
/// Decides whether an answer that was read earlier still holds. It knows, for each tag, the transactions that changed what the tag stands
/// for; an answer holds if its own snapshot had seen all of them. docs/caching.md argues why that cannot be wrong.
/// </summary>
public sealed class CacheClock(TimeProvider time)
{
    /// <summary>Answers are given only for so long after the log was last asked; no mishap hides a change for longer.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(1.5);

    private const int MostEarly = 10_000;

    // Transactions that a server can end between two looks. A higher id is nobody's, and no look would ever show it.
    private const ulong MostAhead = 1_000_000;

    private readonly Lock _gate = new();

    // Events that came before it was known of which incarnation the log is.
    private readonly List<(string Incarnation, IReadOnlyList<CacheEvent> Events, long At)> _early = [];
    private volatile CacheEpoch _epoch = CacheEpoch.Unknown;
    private long _notBefore = long.MinValue;

    // Another one with every event that was applied, and whenever answers were forgotten with an incarnation.
    private long _version;
    private long _leaseBegan;
    private bool _leased;
    private bool _isOut;
    private bool _isUnreadable;
    private TaskCompletionSource _look = NewLook();

    /// <summary>What the log was last seen to be; the next look begins there. Null if it has to be read from the start.</summary>
    public Snapshot? Polled => _epoch.LastLook;

    /// <summary>Whether the log has been asked a moment ago, without which nothing can be said about any answer.</summary>
    public bool IsLeased => Volatile.Read(ref _leased) && time.GetElapsedTime(Volatile.Read(ref _leaseBegan)) <= Lease;

    /// <summary>Whether the database does not answer, rather than this process being late.</summary>
    public bool IsCutOff => Volatile.Read(ref _isOut) && !IsLeased;

    /// <summary>Whether the database has no log because it is a stand-by: everything can be read, and nothing kept.</summary>
    public bool IsUnreadable => Volatile.Read(ref _isUnreadable);

    /// <summary>Ends when the log has been asked once more, with or without success.</summary>
    public Task NextLook => Volatile.Read(ref _look).Task;

    /// <summary>Time since the log was last asked with success.</summary>
    public TimeSpan SinceLease => Volatile.Read(ref _leased) ? time.GetElapsedTime(Volatile.Read(ref _leaseBegan)) : TimeSpan.MaxValue;

    /// <summary>
    /// Whether the answer was found to hold, and nothing was heard since: everything that is applied, and every look at the log, changes
    /// the version afterwards.
    /// </summary>
    public bool IsKnownToHold(CacheEntry entry) => Volatile.Read(ref entry.HeldAt) == Volatile.Read(ref _version);

    /// <summary>
    /// Whether the answer contains every change that this process has heard of. Once false, it stays false. Before it is given,
    /// <see cref="IsLeased"/> has to hold as well.
    /// </summary>
    public bool Holds(CacheEntry entry)
    {
        var version = Volatile.Read(ref _version);
        if (Volatile.Read(ref entry.HeldAt) == version)
        {
            return true;
        }

        // Of what this look at the log saw, the epoch knows everything; so an answer that holds is as good as one that was read then.
        var epoch = _epoch;
        var (look, stamp) = (epoch.LastLook, entry.Stamp!);
        if (!epoch.Holds(stamp, entry.Slots))
        {
            return false;
        }

        entry.Stamp = stamp.At(look!);
        Volatile.Write(ref entry.HeldAt, version);
        return true;
    }

    /// <summary>An answer that no longer holds with the stocks of now, if nothing else in it has changed.</summary>
    public CacheEntry? Renew(CacheEntry entry)
    {
        lock (_gate)
        {
            return Renewed(entry, _epoch.Renew(entry));
        }
    }

    /// <summary>
    /// What is certain of an answer, for when the database cannot be asked: the same, or with the stocks of now, without the transactions
    /// of which nobody knows whether they were committed. Null if it has changed for certain, and more than the stocks.
    /// </summary>
    public CacheEntry? Certain(CacheEntry entry)
    {
        if (Holds(entry))
        {
            return entry;
        }

        lock (_gate)
        {
            return _epoch.Holds(entry.Stamp!, entry.Slots, ofCertain: true)
                ? entry
                : Renewed(entry, _epoch.Renew(entry, withCertain: true));
        }
    }

    /// <summary>Takes what a look at the log found.</summary>
    /// <param name="started">When it began; the lease counts from there.</param>
    /// <returns>False if the log has to be read from the start, because it is another one or a part of it was missed.</returns>
    public bool Take(LogPoll poll, long started)
    {
        lock (_gate)
        {
            Volatile.Write(ref _isOut, false);
            Volatile.Write(ref _isUnreadable, false);
            if (poll.Since != Polled || started <= _notBefore || _early.Exists(early => IsNewer(early, poll, started)))
            {
                // While it was under way, this clock began anew.
                return false;
            }

            _early.RemoveAll(early => early.Incarnation != poll.Incarnation);

            if (Polled is not { } polled)
            {
                var epoch = new CacheEpoch(poll.Incarnation, poll.PrunedBelow);
                epoch.Begin(poll.Snapshot, poll.Events);
                _early.ForEach(early => epoch.Add(early.Events));
                _early.Clear();
                _epoch = epoch;
            }
            else if (poll.Incarnation != _epoch.Incarnation || poll.PrunedBelow > polled.Xmin)
            {
                ForgetAll();
                return false;
            }
            else
            {
                _epoch.Take(poll.Snapshot, poll.Events);
            }

            // Also without events: whoever is found to hold now moves on with the log.
            Interlocked.Increment(ref _version);
            Volatile.Write(ref _leaseBegan, started);
            Volatile.Write(ref _leased, true);
            EndLook();
            return true;
        }
    }

    /// <summary>
    /// Takes the events of a transaction of this process, whose outcome is known. Twice, early or in another order does no harm.
    /// </summary>
    /// <param name="incarnation">Of the log that they stand in, or null if that log has just lost its own.</param>
    public void Apply(string? incarnation, IReadOnlyList<CacheEvent> events)
    {
        lock (_gate)
        {
            if (incarnation == _epoch.Incarnation)
            {
                ApplyToEpoch(events);
                return;
            }

            if (Polled is not null)
            {
                ForgetAll();
            }

            // A look that is under way may have missed them.
            if (incarnation is null || _early.Count >= MostEarly)
            {
                _notBefore = time.GetTimestamp();
            }
            else
            {
                _early.Add((incarnation, events, time.GetTimestamp()));
            }
        }
    }

    /// <summary>Takes the events of another process. They may be those of another shop.</summary>
    public void Hear(string incarnation, IReadOnlyList<CacheEvent> events)
    {
        lock (_gate)
        {
            if (incarnation == _epoch.Incarnation && Polled is { } polled && events.All(happened => happened.Xid < polled.Xmax + MostAhead))
            {
                ApplyToEpoch(events);
            }
        }
    }

    /// <summary>A read came from this incarnation. If the clock knows another one, what was kept cannot be compared with it.</summary>
    public void See(string incarnation)
    {
        if (incarnation == _epoch.Incarnation)
        {
            return;
        }

        lock (_gate)
        {
            if (incarnation != _epoch.Incarnation && Polled is not null)
            {
                ForgetAll();
            }
        }
    }

    /// <summary>A look has failed.</summary>
    /// <param name="isOutage">Whether the database did not answer it.</param>
    /// <param name="isUnreadable">Whether the server answered that it has no log.</param>
    public void NoteFailure(bool isOutage, bool isUnreadable = false)
    {
        Volatile.Write(ref _isOut, isOutage || Volatile.Read(ref _isOut));
        Volatile.Write(ref _isUnreadable, isUnreadable);
        EndLook();
    }

    private static CacheEntry? Renewed(CacheEntry entry, (StockNow[] Stocks, CacheStamp Stamp)? now) =>
        now is { } known ? entry.With(known.Stocks, known.Stamp) : null;

    private static TaskCompletionSource NewLook() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void EndLook() => Interlocked.Exchange(ref _look, NewLook()).TrySetResult();

    private void ApplyToEpoch(IReadOnlyList<CacheEvent> events)
    {
        _epoch.Add(events);
        if (_epoch.IsOverfull)
        {
            ForgetAll();
        }

        Interlocked.Increment(ref _version);
    }

    // A write has met another incarnation than a look that had begun by then.
    private static bool IsNewer((string Incarnation, IReadOnlyList<CacheEvent> Events, long At) early, LogPoll poll, long started) =>
        early.Incarnation != poll.Incarnation && early.At >= started;

    private void ForgetAll()
    {
        Volatile.Write(ref _leased, false);
        _epoch = CacheEpoch.Unknown;
        Interlocked.Increment(ref _version);
    }
}
