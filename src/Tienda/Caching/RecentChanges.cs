using Tienda.Data;

namespace Tienda.Caching;

/// <summary>
/// What the transactions of the last moments have changed. An answer that is behind by sales alone is brought up to date with them, without
/// asking the database.
/// </summary>
public sealed class RecentChanges
{
    private readonly Dictionary<ulong, Change[]> _changes = [];

    /// <summary>Of transactions.</summary>
    public int Count => _changes.Count;

    /// <summary>Takes all events of one or several transactions; what is right here depends on there being none beside them.</summary>
    /// <param name="areOfLog">Whether they stand in the log; they take the place of what was known of these transactions before.</param>
    public void Add(IReadOnlyList<CacheEvent> events, bool areOfLog)
    {
        foreach (var transaction in events.GroupBy(happened => happened.Xid))
        {
            if (areOfLog || !_changes.ContainsKey(transaction.Key))
            {
                _changes[transaction.Key] = [.. transaction.Select(Change.Of)];
            }
        }
    }

    /// <summary>Forgets the transactions that a snapshot shows.</summary>
    public void Forget(Snapshot ended)
    {
        foreach (var xid in _changes.Keys.Where(ended.Shows).ToList())
        {
            _changes.Remove(xid);
        }
    }

    /// <summary>What these transactions make of the stocks in an answer; or null if they change anything else in it.</summary>
    /// <param name="entry">An answer of before them, or one that shows some of their changes already.</param>
    public StockNow[]? StocksAfter(CacheEntry entry, IReadOnlyCollection<ulong> xids)
    {
        var changes = new List<StockChange>();
        foreach (var xid in xids)
        {
            if (!_changes.TryGetValue(xid, out var transaction))
            {
                return null;
            }

            foreach (var change in transaction)
            {
                if (change.Others.Exists(entry.Tags.Contains))
                {
                    return null;
                }

                changes.AddRange(change.Stock);
            }
        }

        return Follow(entry, changes);
    }

    // Each change of a product's stock is one version after the one before. A gap is a change that has not been heard of.
    private static StockNow[]? Follow(CacheEntry entry, List<StockChange> changes)
    {
        var stocks = entry.Stock.Select(shown => new StockNow(shown, null)).ToArray();
        foreach (var change in changes.OrderBy(change => change.Version))
        {
            var place = Array.FindIndex(stocks, stock => stock.Shown.ProductId == change.ProductId);
            if (place < 0)
            {
                if (entry.Tags.Contains(CacheTag.Product(change.ProductId)))
                {
                    return null;
                }
            }
            else if (change.Version == stocks[place].Shown.Version + 1)
            {
                stocks[place] = new StockNow(new ShownStock(change.ProductId, change.Version), change.Stock);
            }
            else if (change.Version > stocks[place].Shown.Version)
            {
                return null;
            }
        }

        return stocks;
    }

    /// <summary>One event: the stocks that it leaves, and the tags of what else it changes.</summary>
    private sealed record Change(StockChange[] Stock, List<string> Others)
    {
        public static Change Of(CacheEvent happened) => new(
            happened.Stock,
            [.. happened.Tags.Except(happened.Stock.Select(change => CacheTag.Product(change.ProductId)))]);
    }
}

/// <summary>The stock of a product in an answer.</summary>
/// <param name="Stock">What is left, or null if that is as the answer says.</param>
public readonly record struct StockNow(ShownStock Shown, int? Stock);
