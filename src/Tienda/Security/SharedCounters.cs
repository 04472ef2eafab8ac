using System.Diagnostics;
using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Tienda.Data;

namespace Tienda.Security;

/// <summary>What came of asking for one call.</summary>
public enum Taken
{
    Passed,

    /// <summary>Passed before the hosts agreed on it; ask for a lease that covers it.</summary>
    PassedOnCredit,

    Denied,

    /// <summary>Nothing was counted: this host has no call left of those it leased.</summary>
    NeedsLease,
}

/// <summary>One answer of the counters.</summary>
/// <param name="Remaining">Calls left in the window, as far as this host knows.</param>
/// <param name="WindowEnd">When the window ends, in milliseconds of Unix time.</param>
/// <param name="Owed">Calls that passed beyond what was leased.</param>
/// <param name="Used">Calls that this host let through in the window.</param>
public readonly record struct CounterAnswer(Taken Taken, int Remaining, long WindowEnd, int Owed, int Used);

/// <summary>
/// Counters of calls in fixed windows, in a file that all workers of a host map into their memory, so that together they count exactly.
/// A table of sets: each has a lock word and seven entries. A new key takes a free or expired entry of its set, or evicts the entry with
/// the fewest calls, so that a flood of new addresses cannot free one that has used its calls up.
/// </summary>
public sealed unsafe class SharedCounters : IDisposable
{
    private const int SetCount = 1 << 14;
    private const int SetBytes = 256;
    private const int EntriesPerSet = 7;
    private const int HeaderBytes = 256;
    private const long FileBytes = HeaderBytes + ((long)SetCount * SetBytes);

    // No window is longer; an entry that claims to be is left over from a clock that was wrong, or is no entry at all.
    private const long LongestWindowMs = 24 * 60 * 60 * 1000;

    // Workers look at the clock and count a moment later, and not in the same order.
    private const long ClockDifferenceMs = 5_000;

    // A lock is held for some hundred instructions. Whoever holds it this long is dead or stopped.
    private static readonly TimeSpan LockPatience = TimeSpan.FromMilliseconds(100);

    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _memory;
    private readonly (ulong First, ulong Second) _key;
    private readonly long _ticketPrefix = (long)RandomNumberGenerator.GetInt32(1, int.MaxValue) << 32;
    private int _ticket;

    private SharedCounters(MemoryMappedFile file)
    {
        _file = file;
        _view = file.CreateViewAccessor(0, FileBytes);
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _memory);
        _key = AgreeOnKey();
    }

    /// <summary>Counters that every process on this folder shares.</summary>
    /// <exception cref="IOException">The file cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">The file cannot be made.</exception>
    public static SharedCounters Open(string folder)
    {
        PrivateFile.MakeFolder(folder);
        // The number is the layout's: another version of the program that lays the table out differently uses another file.
        var stream = new FileStream(
            Path.Combine(folder, "rate-limits-2"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite);
        return new SharedCounters(MemoryMappedFile.CreateFromFile(
            stream, null, FileBytes, MemoryMappedFileAccess.ReadWrite, HandleInheritability.None, leaveOpen: false));
    }

    /// <summary>Counters of this process alone.</summary>
    public static SharedCounters OpenPrivate() => new(MemoryMappedFile.CreateNew(null, FileBytes));

    /// <summary>The key's place in the table: a keyed hash, so that nobody can aim at the counter of somebody else.</summary>
    public long FingerprintOf(ReadOnlySpan<byte> subject) =>
        (long)SipHash.Hash(_key.First, _key.Second, subject) | 1; // zero marks a free entry

    /// <summary>Asks for one call of a key.</summary>
    /// <param name="limit">Calls in a window.</param>
    /// <param name="periodMs">Length of a window, which begins with its first call.</param>
    /// <param name="now">Milliseconds of Unix time.</param>
    /// <param name="leased">Whether only calls that were leased from the other hosts may pass.</param>
    /// <param name="onCredit">Whether the first call of a window may pass before it is leased.</param>
    public CounterAnswer Take(long fingerprint, int limit, long periodMs, long now, bool leased, bool onCredit)
    {
        var set = SetOf(fingerprint);
        // What lasts longer than that began before the clock was set back.
        var longestMs = periodMs + ClockDifferenceMs;
        if (Find(set, fingerprint, now, longestMs) is var seen and not null && Judge(*seen, limit, leased, onCredit) == Taken.Denied)
        {
            return Answer(Taken.Denied, *seen, limit);
        }

        var ticket = Enter(set);
        try
        {
            var entry = Find(set, fingerprint, now, longestMs);
            if (entry is null)
            {
                entry = Claim(set, fingerprint, now);
                *entry = new Entry { Fingerprint = fingerprint, WindowEnd = now + periodMs };
            }

            var taken = Judge(*entry, limit, leased, onCredit);
            if (taken is Taken.Passed or Taken.PassedOnCredit)
            {
                entry->Used++;
            }

            return Answer(taken, *entry, limit);
        }
        finally
        {
            Leave(set, ticket);
        }
    }

    /// <summary>Notes a lease: calls more for this host, calls of all hosts, and how long the common window still lasts.</summary>
    public void Grant(long fingerprint, int granted, int usedEverywhere, long leftMs, long now)
    {
        var set = SetOf(fingerprint);
        var ticket = Enter(set);
        try
        {
            if (Find(set, fingerprint, now) is var entry and not null)
            {
                entry->Granted += granted;
                entry->Elsewhere = Math.Max(0, usedEverywhere - entry->Granted);
                entry->WindowEnd = now + Math.Clamp(leftMs, 1, LongestWindowMs);
            }
        }
        finally
        {
            Leave(set, ticket);
        }
    }

    /// <summary>Takes one counted call back.</summary>
    public void GiveBack(long fingerprint, long now)
    {
        var set = SetOf(fingerprint);
        var ticket = Enter(set);
        try
        {
            if (Find(set, fingerprint, now) is var entry and not null && entry->Used > 0)
            {
                entry->Used--;
            }
        }
        finally
        {
            Leave(set, ticket);
        }
    }

    public void Dispose()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }

    private static Taken Judge(in Entry entry, int limit, bool leased, bool onCredit) =>
        !leased ? entry.Used < limit - entry.Elsewhere ? Taken.Passed : Taken.Denied
        : entry.Used < entry.Granted ? Taken.Passed
        : entry.Elsewhere + entry.Granted >= limit ? Taken.Denied
        : onCredit && entry.Used == 0 ? Taken.PassedOnCredit
        : Taken.NeedsLease;

    private static CounterAnswer Answer(Taken taken, in Entry entry, int limit) => new(
        taken,
        taken == Taken.Denied ? 0 : Math.Max(0, limit - entry.Elsewhere - entry.Used),
        entry.WindowEnd,
        Math.Max(0, entry.Used - entry.Granted),
        entry.Used);

    private byte* SetOf(long fingerprint) => _memory + HeaderBytes + ((fingerprint >>> 32) % SetCount * SetBytes);

    private static Entry* EntryOf(byte* set, int number) => (Entry*)(set + sizeof(long)) + number;

    private static Entry* Find(byte* set, long fingerprint, long now, long longestMs = LongestWindowMs)
    {
        for (var i = 0; i < EntriesPerSet; i++)
        {
            var entry = EntryOf(set, i);
            if (Volatile.Read(ref entry->Fingerprint) == fingerprint && IsOpen(entry, now, longestMs))
            {
                return entry;
            }
        }

        return null;
    }

    private static bool IsOpen(Entry* entry, long now, long longestMs = LongestWindowMs) =>
        entry->WindowEnd > now && entry->WindowEnd <= now + longestMs;

    private static Entry* Claim(byte* set, long fingerprint, long now)
    {
        var least = EntryOf(set, 0);
        for (var i = 0; i < EntriesPerSet; i++)
        {
            var entry = EntryOf(set, i);
            if (entry->Fingerprint == fingerprint || !IsOpen(entry, now))
            {
                return entry;
            }

            least = entry->Used < least->Used ? entry : least;
        }

        return least;
    }

    private long Enter(byte* set)
    {
        ref var word = ref *(long*)set;
        var mine = _ticketPrefix | (uint)Interlocked.Increment(ref _ticket);
        var (seen, since) = (0L, 0L);
        for (var spin = new SpinWait(); ; spin.SpinOnce())
        {
            var holder = Interlocked.CompareExchange(ref word, mine, 0);
            if (holder == 0)
            {
                return mine;
            }

            if (holder != seen)
            {
                (seen, since) = (holder, Stopwatch.GetTimestamp());
            }
            else if (Stopwatch.GetElapsedTime(since) > LockPatience && Interlocked.CompareExchange(ref word, mine, holder) == holder)
            {
                return mine;
            }
        }
    }

    // Not a plain write: who was taken for dead and wakes up must not open the lock of somebody else.
    private static void Leave(byte* set, long ticket) => Interlocked.CompareExchange(ref *(long*)set, 0, ticket);

    private (ulong First, ulong Second) AgreeOnKey()
    {
        var words = (long*)_memory;
        return (Agree(ref words[0]), Agree(ref words[1]));

        // Each word is set by whoever comes first, so that all processes read the same key without a lock.
        static ulong Agree(ref long word)
        {
            var proposal = BitConverter.ToInt64(RandomNumberGenerator.GetBytes(sizeof(long))) | 1;
            return (ulong)(Interlocked.CompareExchange(ref word, proposal, 0) is not 0 and var agreed ? agreed : proposal);
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Entry
    {
        public long Fingerprint;
        public long WindowEnd;
        public int Used;
        public int Granted;
        public int Elsewhere;
        public int Unused;
    }
}
