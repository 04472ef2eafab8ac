using System.Globalization;

namespace Tienda.Data;

/// <summary>
/// Which transactions a read saw: PostgreSQL's <c>pg_snapshot</c>, in its text form <c>xmin:xmax:running,…</c>. Ids are of 64 bits and
/// never used twice within one incarnation of the log.
/// </summary>
public sealed class Snapshot
{
    /// <param name="xmin">The oldest transaction that was running; all before it had ended.</param>
    /// <param name="xmax">The first id that was not yet assigned.</param>
    /// <param name="running">The transactions from xmin to xmax that were running, in ascending order.</param>
    public Snapshot(ulong xmin, ulong xmax, ulong[] running)
    {
        (Xmin, Xmax, Running) = (xmin, xmax, running);
    }

    public ulong Xmin { get; }

    public ulong Xmax { get; }

    public ulong[] Running { get; }

    /// <summary>Whether the transaction had ended, so that what it did, if it did not fail, is in the read.</summary>
    public bool Shows(ulong xid) => xid < Xmin || (xid < Xmax && Array.BinarySearch(Running, xid) < 0);

    /// <summary>Whether everything that the other one shows is shown by this one as well.</summary>
    public bool ShowsAllOf(Snapshot other)
    {
        if (Xmin < other.Xmin || Xmax < other.Xmax)
        {
            return false;
        }

        foreach (var xid in Running)
        {
            if (other.Shows(xid))
            {
                return false;
            }
        }

        return true;
    }

    /// <exception cref="FormatException">The text is no snapshot.</exception>
    public static Snapshot Parse(string text) =>
        text.Split(':') is [var xmin, var xmax, var running]
            ? new Snapshot(Id(xmin), Id(xmax), running.Length == 0 ? [] : [.. running.Split(',').Select(Id)])
            : throw new FormatException($"'{text}' is no snapshot.");

    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Xmin}:{Xmax}:{string.Join(',', Running)}");

    private static ulong Id(string text) => ulong.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
}
