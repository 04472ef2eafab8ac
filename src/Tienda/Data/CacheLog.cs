using Npgsql;
using Tienda.Hosting;

namespace Tienda.Data;

/// <summary>A committed change of what caches show.</summary>
/// <param name="Xid">The transaction.</param>
/// <param name="Tags">What changed; see docs/caching.md.</param>
/// <param name="Stock">What is left of the products of which nothing but the stock has changed.</param>
public sealed record CacheEvent(ulong Xid, string[] Tags, StockChange[] Stock)
{
    public CacheEvent(ulong xid, params string[] tags) : this(xid, tags, [])
    {
    }

    /// <summary>Reads the columns xid, tags and stock_changes.</summary>
    public static CacheEvent Read(NpgsqlDataReader row, int firstColumn)
    {
        var changes = row.IsDBNull(firstColumn + 2) ? new long[0, 3] : row.GetFieldValue<long[,]>(firstColumn + 2);
        var stock = new StockChange[changes.GetLength(0)];
        for (var i = 0; i < stock.Length; i++)
        {
            stock[i] = new StockChange(changes[i, 0], changes[i, 1], (int)changes[i, 2]);
        }

        return new CacheEvent(row.GetFieldValue<ulong>(firstColumn), row.GetFieldValue<string[]>(firstColumn + 1), stock);
    }
}

/// <summary>The stock of a product as a transaction has left it.</summary>
/// <param name="Version">Of the product's stock; what it changed had the number before.</param>
public readonly record struct StockChange(long ProductId, long Version, int Stock);

/// <summary>What one look at the log found.</summary>
/// <param name="Since">What the look before saw, or null if this one began at the start of the log.</param>
/// <param name="Incarnation">Only within it can snapshots be compared.</param>
/// <param name="Snapshot">What this look saw; the next one asks for what is not in it.</param>
/// <param name="PrunedBelow">Events of transactions before this one may be missing.</param>
/// <param name="Events">What was committed since the snapshot before.</param>
public sealed record LogPoll(
    Snapshot? Since, string Incarnation, Snapshot Snapshot, ulong PrunedBelow, IReadOnlyList<CacheEvent> Events);

/// <summary>
/// The log of changes (Data/Migrations/0006_log_cache_events.sql), read on a connection of its own, so that it never waits behind requests.
/// </summary>
/// <param name="pools">Emptied when the connection turns out to be broken, as others will be; null for DB_POOL_PRE_PING=false.</param>
public sealed class CacheLog(NpgsqlDataSource connection, ConnectionPools? pools = null) : IAsyncDisposable
{
    // So many events are read at the start; with an older answer in Redis a process begins without it.
    private const int MostAtFirst = 50_000;

    // One statement has one snapshot: what is not in it is asked for the next time. What the snapshot before did not show was not assigned
    // then, or was running: both are found by their ids, however long a transaction stays open.
    private const string Look =
        """
        SELECT n.snapshot::text, n.incarnation, n.pruned_below, e.xid, e.tags, e.stock_changes
        FROM cache_now n LEFT JOIN cache_events e ON e.xid >= $1 OR e.xid = ANY($2::text::xid8[])
        """;

    private const string FirstLook =
        """
        WITH latest AS (SELECT xid FROM cache_events ORDER BY xid DESC OFFSET $1 LIMIT 1)
        SELECT n.snapshot::text, n.incarnation, greatest(n.pruned_below, l.xid), e.xid, e.tags, e.stock_changes
        FROM cache_now n LEFT JOIN latest l ON true LEFT JOIN cache_events e ON e.xid >= coalesce(l.xid, '0')
        """;

    public static CacheLog Open(Settings settings, ConnectionPools? pools = null) =>
        new(Database.CreateCacheLog(settings), settings.PoolPrePing ? pools : null);

    /// <summary>Reads what was committed since a snapshot, or all that is there if there is none.</summary>
    public async Task<LogPoll> PollAsync(Snapshot? since, CancellationToken ct)
    {
        try
        {
            for (; ; )
            {
                if (await LookAsync(since, ct) is { } poll && IsOfThisServer(poll))
                {
                    return poll;
                }

                await BeginAnewAsync(ct);
            }
        }
        catch (Exception broken) when (DatabaseFailure.Read(broken) is { IsConnectionLost: true })
        {
            pools?.Clear();
            throw;
        }
    }

    /// <summary>Forgets events, and that they were there.</summary>
    /// <param name="xid">Only those of transactions before this one, none of which may still be running.</param>
    public async Task PruneAsync(ulong xid, CancellationToken ct)
    {
        await using var command = connection.Statement(
            """
            WITH pruned AS (DELETE FROM cache_events WHERE xid < $1)
            UPDATE cache_clock SET pruned_below = $1 WHERE pruned_below < $1
            """).With(xid);
        await command.ChangeAsync(ct);
    }

    public ValueTask DisposeAsync() => connection.DisposeAsync();

    private async Task<LogPoll?> LookAsync(Snapshot? since, CancellationToken ct)
    {
        await using var command = since is null
            ? connection.Statement(FirstLook).With(MostAtFirst)
            : connection.Statement(Look).With(since.Xmax).With($"{{{string.Join(',', since.Running)}}}");
        await using var row = await command.ReadAsync(ct);
        LogPoll? poll = null;
        var events = new List<CacheEvent>();
        while (await row.ReadAsync(ct))
        {
            poll ??= new LogPoll(since, row.GetString(1), Snapshot.Parse(row.GetString(0)), row.GetFieldValue<ulong>(2), events);
            if (!row.IsDBNull(3))
            {
                events.Add(CacheEvent.Read(row, 3));
            }
        }

        return poll;
    }

    // A dump carries the log of another server along, whose ids this one may not have reached.
    private static bool IsOfThisServer(LogPoll poll) =>
        poll.PrunedBelow <= poll.Snapshot.Xmax && poll.Events.All(e => e.Xid < poll.Snapshot.Xmax);

    private async Task BeginAnewAsync(CancellationToken ct)
    {
        await using var batch = connection.Batch();
        batch.Then("DELETE FROM cache_events WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())");
        batch.Then("DELETE FROM cache_clock WHERE pruned_below > pg_snapshot_xmax(pg_current_snapshot())");
        batch.Then("INSERT INTO cache_clock DEFAULT VALUES ON CONFLICT DO NOTHING");
        await batch.ChangeAsync(ct);
    }
}
