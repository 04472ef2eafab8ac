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

    // Beyond so many the log has not been read for very long.
    private const int Overfull = 4096;

    // For each slot the highest of the transactions before which none is running any more, and those after it.
    private readonly ulong[] _highest = new ulong[incarnation.Length == 0 ? 0 : CacheTag.Slots];
    private readonly Recent?[] _recent = new Recent[incarnation.Length == 0 ? 0 : CacheTag.Slots];
    private readonly HashSet<int> _withRecent = [];
    private readonly RecentChanges _changes = new();
    private readonly List<Snapshot> _looks = [];
    private volatile Snapshot? _lastLook;
    private ulong _folded;

    public string Incarnation => incarnation;

    public bool IsOverfull { get; private set; }

    /// <summary>What the last look at the log saw, every change of which is known here; for any thread.</summary>
    public Snapshot? LastLook => _lastLook;

    /// <summary>Whether a read had seen every change of these tags; for any thread.</summary>
    public bool Holds(CacheStamp stamp, int[] slots)
    {
        if (!CanJudge(stamp))
        {
            return false;
        }

        foreach (var slot in slots)
        {
            // In this order: a transaction that is no longer among the recent ones is in the highest by then.
            var recent = Volatile.Read(ref _recent[slot]);
            if (Volatile.Read(ref _highest[slot]) >= stamp.Snapshot.Xmin || recent?.IsSeenBy(stamp) is false)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>An answer's stocks and stamp with the changes that it had not seen; null if they change more than stocks.</summary>
    public (StockNow[] Stocks, CacheStamp Stamp)? Renew(CacheEntry entry)
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

            unseen.UnionWith(recent?.Xids.Where(xid => !stamp.Shows(xid)) ?? []);
        }

        return _changes.StocksAfter(entry, unseen) is { } stocks ? (stocks, stamp.With(unseen).At(LastLook!)) : null;
    }

    /// <summary>Takes the first look at the log.</summary>
    public void Begin(Snapshot look, IReadOnlyList<CacheEvent> events)
    {
        _folded = look.Xmin;
        Add(events);
        Take(look);
    }

    /// <summary>Takes a further look, after its events.</summary>
    public void Take(Snapshot look)
    {
        _lastLook = look;
        _looks.Add(look);
        if (_looks.Count > LooksUntilSummedUp)
        {
            _looks.RemoveAt(0);
        }

        var (oldest, recent) = (_looks[0], _looks[Math.Max(0, _looks.Count - LooksUntilManyAreSummedUp)]);
        _changes.Forget(_changes.Count > ManyTransactions ? recent : oldest);
        _folded = Math.Max(_folded, oldest.Xmin);
        foreach (var slot in _withRecent)
        {
            Volatile.Write(ref _recent[slot], SumUp(slot, _recent[slot]!, oldest, recent));
        }

        _withRecent.RemoveWhere(slot => _recent[slot] is null);
    }

    public void Add(IReadOnlyList<CacheEvent> events)
    {
        _changes.Add(events);
        foreach (var happened in events)
        {
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

        var recent = _recent[slot] ?? Recent.None;
        if (Array.IndexOf(recent.Xids, xid) < 0)
        {
            Volatile.Write(ref _recent[slot], recent with { Xids = [.. recent.Xids, xid] });
            _withRecent.Add(slot);
            IsOverfull |= recent.Xids.Length >= Overfull;
        }
    }

    // Transactions before a look's first have ended, and every read that begins from now on has seen them: one number stands for all of
    // them. Where many are left, those that a look shows are summed up to that look: whoever has seen all that it shows has seen them.
    private Recent? SumUp(int slot, Recent recent, Snapshot oldest, Snapshot later)
    {
        var look = recent.Xids.Length > ManyOfSlot ? later : oldest;
        var (left, all) = (recent.Xids, recent.AllOf);
        if (Array.Exists(left, xid => xid < look.Xmin))
        {
            Raise(slot, left.Where(xid => xid < look.Xmin).Max());
            left = Array.FindAll(left, xid => xid >= look.Xmin);
        }

        if (all?.Xmax <= look.Xmin)
        {
            Raise(slot, all.Xmax - 1);
            all = null;
        }

        if (left.Length > ManyOfSlot)
        {
            left = Array.FindAll(left, xid => !look.Shows(xid));
            all = look;
        }

        return left.Length == 0 && all is null ? null
            : left == recent.Xids && all == recent.AllOf ? recent
            : new Recent(left, all);
    }

    private void Raise(int slot, ulong xid) => Volatile.Write(ref _highest[slot], Math.Max(_highest[slot], xid));

    /// <summary>Changes beside which older transactions may still be running.</summary>
    /// <param name="AllOf">A snapshot whose transactions are all among them, as far as anybody knows; or null.</param>
    private sealed record Recent(ulong[] Xids, Snapshot? AllOf)
    {
        public static readonly Recent None = new([], null);

        public bool IsSeenBy(CacheStamp read)
        {
            foreach (var xid in Xids)
            {
                if (!read.Shows(xid))
                {
                    return false;
                }
            }

            return AllOf is null || read.Snapshot.ShowsAllOf(AllOf);
        }
    }
}
