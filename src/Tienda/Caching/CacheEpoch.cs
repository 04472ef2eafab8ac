using Tienda.Data;

namespace Tienda.Caching;

/// <summary>
/// The changes of one incarnation of the log, by tag: what <see cref="CacheClock"/> compares answers with. One thread writes, any number
/// read.
/// </summary>
/// <param name="floor">Events of transactions before this one were gone when the log was first read; older reads do not hold.</param>
public sealed class CacheEpoch(string incarnation, ulong floor)
{
    /// <summary>What is known while the log has not been read: nothing.</summary>
    public static readonly CacheEpoch Unknown = new("", 0);

    // Beyond so many the transactions of a slot are summed up; one that stays open for minutes would let them grow without end.
    private const int MostRecent = 16;

    // Beyond so many the log has not been read for very long.
    private const int Overfull = 4096;

    // For each slot the highest of the transactions before which none is running any more, and those after it.
    private readonly ulong[] _highest = new ulong[incarnation.Length == 0 ? 0 : CacheTag.Slots];
    private readonly Recent?[] _recent = new Recent[incarnation.Length == 0 ? 0 : CacheTag.Slots];
    private readonly HashSet<int> _withRecent = [];
    private ulong _folded;

    public string Incarnation => incarnation;

    public bool IsOverfull { get; private set; }

    /// <summary>Whether a read had seen every change of these tags.</summary>
    public bool Holds(CacheStamp stamp, int[] slots)
    {
        if ((!ReferenceEquals(stamp.Incarnation, incarnation) && stamp.Incarnation != incarnation) || stamp.Snapshot.Xmin < floor)
        {
            return false;
        }

        foreach (var slot in slots)
        {
            // In this order: a transaction that is no longer among the recent ones is in the highest by then.
            var recent = Volatile.Read(ref _recent[slot]);
            if (Volatile.Read(ref _highest[slot]) >= stamp.Snapshot.Xmin || recent?.IsSeenBy(stamp.Snapshot) is false)
            {
                return false;
            }
        }

        return true;
    }

    public void Add(IReadOnlyList<CacheEvent> events)
    {
        foreach (var happened in events)
        {
            foreach (var tag in happened.Tags)
            {
                Add(CacheTag.SlotOf(tag), happened.Xid);
            }
        }
    }

    /// <summary>
    /// Sums up. Transactions before the snapshot's first have ended, and every read that begins from now on has seen them: one number
    /// stands for all of them.
    /// </summary>
    /// <param name="now">What the last look at the log saw.</param>
    public void Fold(Snapshot now)
    {
        _folded = Math.Max(_folded, now.Xmin);
        foreach (var slot in _withRecent)
        {
            Volatile.Write(ref _recent[slot], Fold(slot, _recent[slot]!, now));
        }

        _withRecent.RemoveWhere(slot => _recent[slot] is null);
    }

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

    private Recent? Fold(int slot, Recent recent, Snapshot now)
    {
        foreach (var xid in recent.Xids)
        {
            if (xid < now.Xmin)
            {
                Raise(slot, xid);
            }
        }

        var left = Array.FindAll(recent.Xids, xid => xid >= now.Xmin);
        var all = recent.AllOf;
        if (all?.Xmax <= now.Xmin)
        {
            Raise(slot, all.Xmax - 1);
            all = null;
        }

        if (left.Length > MostRecent)
        {
            left = Array.FindAll(left, xid => !now.Shows(xid));
            all = now;
        }

        return left.Length == 0 && all is null ? null : new Recent(left, all);
    }

    private void Raise(int slot, ulong xid) => Volatile.Write(ref _highest[slot], Math.Max(_highest[slot], xid));

    /// <summary>Changes beside which older transactions may still be running.</summary>
    /// <param name="AllOf">A snapshot whose transactions are all among them, as far as anybody knows; or null.</param>
    private sealed record Recent(ulong[] Xids, Snapshot? AllOf)
    {
        public static readonly Recent None = new([], null);

        public bool IsSeenBy(Snapshot read)
        {
            foreach (var xid in Xids)
            {
                if (!read.Shows(xid))
                {
                    return false;
                }
            }

            return AllOf is null || read.ShowsAllOf(AllOf);
        }
    }
}
