using Tienda.Data;

namespace Tienda.Caching;

/// <summary>Which changes an answer contains, in the time of the database.</summary>
/// <param name="Snapshot">It contains everything that this shows.</param>
public sealed record CacheStamp(string Incarnation, Snapshot Snapshot)
{
    /// <summary>And these transactions, in ascending order.</summary>
    public ulong[] Besides { get; init; } = [];

    public bool Shows(ulong xid) => Snapshot.Shows(xid) || (Besides.Length > 0 && Array.BinarySearch(Besides, xid) >= 0);

    /// <summary>The same and these transactions.</summary>
    public CacheStamp With(IEnumerable<ulong> xids) => this with { Besides = [.. Besides.Union(xids).Order()] };

    /// <summary>
    /// The stamp of an answer that was found to contain everything that is known at another moment: the moment itself, if it shows all
    /// that the answer's own snapshot shows.
    /// </summary>
    public CacheStamp At(Snapshot later) =>
        !ReferenceEquals(later, Snapshot) && later.ShowsAllOf(Snapshot)
            ? new CacheStamp(Incarnation, later) { Besides = Array.FindAll(Besides, xid => !later.Shows(xid)) }
            : this;
}
