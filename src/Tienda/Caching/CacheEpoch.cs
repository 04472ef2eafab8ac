using Tienda.Data;

namespace Tienda.Caching;

/// <summary>
/// The changes of one incarnation of the log, by tag: what <see cref="CacheClock"/> compares answers with. One thread writes, any number
/// read what is said to be for any thread.
/// </summary>
/// <param name="floor">Events of transactions before this one were gone when the log was first read; older reads do not hold.</param>
public sealed class CacheEpoch(string incarnation, ulong floor)
{
    /// <summary>What is known while the log has not been read: nothing.</summary>
    public static readonly CacheEpoch Unknown = new("", 0);

    // Changes are known one by one until the log has been read so often again: half a minute. An answer that is asked for more often than
    // that can be brought up to date.
    private const int LooksUntilSummedUp = 60;

    // The same where there are many: two seconds.
    private const int LooksUntilManyAreSummedUp = 4;

    // So many transactions of one slot are many, and so many of all.
    private const int ManyOfSlot = 64;
    private const int ManyTransactions = 4096;

    // So many transactions of one slot between two looks mean that there are no looks.
    private const int Overfull = 1 << 16;

    // For each slot the highest of the transactions before which none is running any more, and those after it.
    private readonly ulong[] _highest = new ulong[incarnation.Length == 0 ? 0 : CacheTag.Slots];
    private readonly Recent?[] _recent = new Recent[incarnation.Length == 0 ? 0 : CacheTag.Slots];
    private readonly HashSet<int> _withRecent = [];
    private readonly RecentChanges _changes = new();
    private readonly List<Snapshot> _looks = [];
    private volatile Snapshot? _lastLook;

    // Transactions that may have been committed, and that no look has shown to have ended.
    private volatile HashSet<ulong> _inDoubt = [];
    private ulong _folded;

    public string Incarnation => incarnation;

    public bool IsOverfull { get; private set; }

    /// <summary>What the last look at the log saw, every change of which is known here; for any thread.</summary>
    public Snapshot? LastLook => _lastLook;

    /// <summary>Whether a read had seen every change of these tags; for any thread.</summary>
    /// <param name="ofCertain">Whether only changes that are not in doubt count.</param>
    public bool Holds(CacheStamp stamp, int[] slots, bool ofCertain = false)
    {
        if (!CanJudge(stamp))
        {
            return false;
        }

        foreach (var slot in slots)
        {
            // In this order: a transaction that is no longer among the recent ones is in the highest by then.
            var recent = Volatile.Read(ref _recent[slot]);
            if (Volatile.Read(ref _highest[slot]) >= stamp.Snapshot.Xmin || recent?.IsSeenBy(stamp, ofCertain ? _inDoubt : null) is false)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>An answer's stocks and stamp with the changes that it had not seen; null if they change more than stocks.</summary>
    /// <param name="withCertain">Whether it is only with those that are not in doubt.</param>
    public (StockNow[] Stocks, CacheStamp Stamp)? Renew(CacheEntry entry, bool withCertain = false)
    {
        var stamp = entry.Stamp!;
        var unseen = new HashSet<ulong>();
        if (entry.Stock.Count == 0 || !CanJudge(stamp))
        {
            return null;
        }

        foreach (var slot in entry.Slots)
        {
            var recent = _recent[slot];
            if (_highest[slot] >= stamp.Snapshot.Xmin || (recent?.AllOf is { } all && !stamp.Snapshot.ShowsAllOf(all)))
            {
                return null;
            }

            recent?.AddUnseenBy(stamp, unseen);
        }

        if (withCertain)
        {
            unseen.ExceptWith(_inDoubt);
        }

        return _changes.StocksAfter(entry, unseen) is { } stocks ? (stocks, stamp.With(unseen).At(LastLook!)) : null;
    }

    /// <summary>Takes the first look at the log.</summary>
    public void Begin(Snapshot look, IReadOnlyList<CacheEvent> events)
    {
        _folded = look.Xmin;
        Take(look, events);
    }

    /// <summary>Takes a further look.</summary>
    public void Take(Snapshot look, IReadOnlyList<CacheEvent> events)
    {
        Add(events, areOfLog: true);
        _lastLook = look;
        _inDoubt = [.. _inDoubt.Where(xid => !look.Shows(xid))];
        _looks.Add(look);
        if (_looks.Count > LooksUntilSummedUp)
        {
            _looks.RemoveAt(0);
        }

        var (oldest, later) = (_looks[0], _looks[Math.Max(0, _looks.Count - LooksUntilManyAreSummedUp)]);
        _changes.Forget(_changes.Count > ManyTransactions ? later : oldest);
        IsOverfull = false;
        _folded = Math.Max(_folded, oldest.Xmin);
        foreach (var slot in _withRecent)
        {
            Volatile.Write(ref _recent[slot], SumUp(slot, _recent[slot]!, oldest, later));
        }

        _withRecent.RemoveWhere(slot => _recent[slot] is null);
    }

    /// <summary>Takes what this process or another one has just changed.</summary>
    public void Add(IReadOnlyList<CacheEvent> events) => Add(events, areOfLog: false);

    private void Add(IReadOnlyList<CacheEvent> events, bool areOfLog)
    {
        _changes.Add(events, areOfLog);
        foreach (var happened in events)
        {
            if (happened.IsInDoubt && _lastLook?.Shows(happened.Xid) is false)
            {
                _inDoubt = [.. _inDoubt, happened.Xid];
            }

            foreach (var tag in happened.Tags)
            {
                Add(CacheTag.SlotOf(tag), happened.Xid);
            }
        }
    }

    private bool CanJudge(CacheStamp stamp) =>
        (ReferenceEquals(stamp.Incarnation, incarnation) || stamp.Incarnation == incarnation) && stamp.Snapshot.Xmin >= floor;

    private void Add(int slot, ulong xid)
    {
        if (xid < _folded)
        {
            Raise(slot, xid);
            return;
        }

        var recent = (_recent[slot] ?? Recent.None).With(xid);
        Volatile.Write(ref _recent[slot], recent);
        _withRecent.Add(slot);
        IsOverfull |= recent.Count > Overfull;
    }

    // Transactions before a look's first have ended, and every read that begins from now on has seen them: one number stands for all of
    // them. Where many are left, those that a look shows are summed up to that look: whoever has seen all that it shows has seen them.
    private Recent? SumUp(int slot, Recent recent, Snapshot oldest, Snapshot later)
    {
        var look = recent.Count > ManyOfSlot ? later : oldest;
        var xids = recent.Xids;
        var all = recent.AllOf;
        var ended = xids.BinarySearch(look.Xmin) is var place && place < 0 ? ~place : place;
        if (ended > 0)
        {
            Raise(slot, xids[ended - 1]);
            xids = xids[ended..];
        }

        if (all?.Xmax <= look.Xmin)
        {
            Raise(slot, all.Xmax - 1);
            all = null;
        }

        if (xids.Length > ManyOfSlot && (all is null || look.ShowsAllOf(all)))
        {
            xids = Array.FindAll(xids.ToArray(), xid => !look.Shows(xid));
            all = look;
        }

        IsOverfull |= xids.Length > Overfull;
        return xids.Length == 0 && all is null ? null
            : xids.Length == recent.Count && ReferenceEquals(all, recent.AllOf) ? recent
            : new Recent(xids.ToArray(), xids.Length, all);
    }

    private void Raise(int slot, ulong xid) => Volatile.Write(ref _highest[slot], Math.Max(_highest[slot], xid));

    /// <summary>Changes beside which older transactions may still be running.</summary>
    /// <param name="Room">Their ids in ascending order, and behind them room that only the latest of these records fills.</param>
    /// <param name="AllOf">A snapshot whose transactions are all among them, as far as anybody knows; or null.</param>
    private sealed record Recent(ulong[] Room, int Count, Snapshot? AllOf)
    {
        public static readonly Recent None = new([], 0, null);

        public ReadOnlySpan<ulong> Xids => Room.AsSpan(0, Count);

        /// <summary>The same and one more, which is nearly always the highest.</summary>
        public Recent With(ulong xid)
        {
            var place = Xids.BinarySearch(xid);
            if (place >= 0)
            {
                return this;
            }

            if (~place == Count && Count < Room.Length)
            {
                Room[Count] = xid;
                return this with { Count = Count + 1 };
            }

            var room = new ulong[Math.Max(4, Count + (Count / 2) + 1)];
            Xids[..~place].CopyTo(room);
            room[~place] = xid;
            Xids[~place..].CopyTo(room.AsSpan(~place + 1));
            return this with { Room = room, Count = Count + 1 };
        }

        public bool IsSeenBy(CacheStamp read, HashSet<ulong>? besides)
        {
            foreach (var xid in Xids[FirstNotBefore(read.Snapshot.Xmin)..])
            {
                if (!read.Shows(xid) && besides?.Contains(xid) is not true)
                {
                    return false;
                }
            }

            return AllOf is null || read.Snapshot.ShowsAllOf(AllOf);
        }

        public void AddUnseenBy(CacheStamp read, HashSet<ulong> unseen)
        {
            foreach (var xid in Xids[FirstNotBefore(read.Snapshot.Xmin)..])
            {
                if (!read.Shows(xid))
                {
                    unseen.Add(xid);
                }
            }
        }

        private int FirstNotBefore(ulong xid) => Xids.BinarySearch(xid) is var place && place < 0 ? ~place : place;
    }
}
