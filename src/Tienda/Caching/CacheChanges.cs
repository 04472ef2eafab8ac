using System.Runtime.CompilerServices;
using Npgsql;
using Tienda.Data;
using Tienda.Telemetry;

namespace Tienda.Caching;

/// <summary>
/// Runs what changes the shop. Before the write is answered, this process knows what it changed, so that whoever reads after it reads it.
/// </summary>
public sealed class CacheChanges(CacheClock clock, CacheMessages messages, CacheMetrics metrics)
{
    /// <summary>Runs a batch that is a transaction of its own.</summary>
    /// <param name="read">Reads its results; it need not read all of them.</param>
    public async Task<T> RunAsync<T>(
        NpgsqlBatch batch, Func<NpgsqlDataReader, Task<T>> read, CancellationToken ct,
        [CallerFilePath] string file = "", [CallerMemberName] string member = "")
    {
        var change = new CacheChange(this);
        try
        {
            var answer = await change.RunAsync(batch, read, ct, file, member);
            change.IsCommitted = true;
            return answer;
        }
        finally
        {
            change.Apply();
        }
    }

    /// <summary>Runs a batch on a record that still is what the sender has read; answers the default if there is no such record.</summary>
    /// <param name="addLocks">Adds what locks the record, and last what reads it.</param>
    /// <exception cref="PreconditionFailedException">It is another one now; nothing was written.</exception>
    public async Task<T?> RunIfAsync<TRecord, T>(
        NpgsqlDataSource database, IfMatch condition, Action<NpgsqlBatch> addLocks, Func<NpgsqlDataReader, TRecord> readRecord,
        Action<NpgsqlBatch> add, Func<NpgsqlDataReader, Task<T>> read, CancellationToken ct,
        [CallerFilePath] string file = "", [CallerMemberName] string member = "") where TRecord : class
    {
        if (!condition.IsSet)
        {
            await using var lone = database.Batch();
            add(lone);
            return await RunAsync(lone, read, ct, file, member);
        }

        await using var connection = await database.BorrowAsync(ct);
        await using var transaction = await connection.BeginAsync(ct, file, member);
        if (await LockAsync(connection, addLocks, readRecord, ct, file, member) is not { } record)
        {
            return default;
        }

        condition.Check(record);
        await using var batch = connection.Batch();
        add(batch);
        var change = Begin();
        var answer = await change.RunAsync(batch, read, ct, file, member);
        await change.CommitAsync(transaction);
        return answer;
    }

    /// <summary>Begins a transaction of several batches, whose last one <see cref="CacheChange"/> runs.</summary>
    public CacheChange Begin() => new(this);

    private static async Task<TRecord?> LockAsync<TRecord>(
        NpgsqlConnection connection, Action<NpgsqlBatch> addLocks, Func<NpgsqlDataReader, TRecord> readRecord, CancellationToken ct,
        [CallerFilePath] string file = "", [CallerMemberName] string member = "") where TRecord : class
    {
        await using var locks = connection.Batch();
        addLocks(locks);
        await using var reader = await locks.ReadAsync(ct, file, member);
        for (var next = 1; next < locks.BatchCommands.Count; next++)
        {
            await reader.NextResultAsync(ct);
        }

        return await reader.FirstAsync(readRecord, ct);
    }

    internal void Apply(string? incarnation, IReadOnlyList<CacheEvent> events)
    {
        metrics.NoteEvents(CacheMetrics.FromHere, events.Count);
        clock.Apply(incarnation, events);
        if (incarnation is not null)
        {
            messages.Publish(incarnation, events);
        }
    }
}

/// <summary>One transaction that changes the shop.</summary>
public sealed class CacheChange(CacheChanges changes)
{
    private const string Incarnation = "incarnation";

    private readonly List<CacheEvent> _events = [];
    private string? _incarnation;

    /// <summary>Whether it is known to have been committed. If not, it may have been or not, and what it has left is not known.</summary>
    internal bool IsCommitted { get; set; }

    /// <summary>Runs the transaction's last batch, and behind it the question for what the transaction has changed.</summary>
    public async Task<T> RunAsync<T>(
        NpgsqlBatch batch, Func<NpgsqlDataReader, Task<T>> read, CancellationToken ct,
        [CallerFilePath] string file = "", [CallerMemberName] string member = "")
    {
        batch.Then("SELECT incarnation, xid, tags, stock_changes FROM own_cache_events()");
        await using var reader = await batch.ReadAsync(ct, file, member);
        var answer = await read(reader);
        do
        {
            if (reader.FieldCount > 0 && reader.GetName(0) == Incarnation)
            {
                await ReadEventsAsync(reader, ct);
            }
        }
        while (await reader.NextResultAsync(ct));

        return answer;
    }

    /// <summary>The same for a batch of which nothing is read.</summary>
    public Task<bool> RunAsync(
        NpgsqlBatch batch, CancellationToken ct, [CallerFilePath] string file = "", [CallerMemberName] string member = "") =>
        RunAsync(batch, _ => Task.FromResult(true), ct, file, member);

    /// <summary>Ends the transaction. What it changed is known to this process then, whatever became of the answer to the commit.</summary>
    public async Task CommitAsync(Transaction transaction)
    {
        try
        {
            await transaction.CommitAsync(CancellationToken.None);
            IsCommitted = true;
        }
        finally
        {
            Apply();
        }
    }

    internal void Apply()
    {
        if (_events.Count > 0)
        {
            changes.Apply(
                _incarnation, IsCommitted ? _events : _events.ConvertAll(happened => happened with { Stock = [], IsInDoubt = true }));
        }
    }

    private async Task ReadEventsAsync(NpgsqlDataReader reader, CancellationToken ct)
    {
        while (await reader.ReadAsync(ct))
        {
            _incarnation = reader.NullableString(0);
            _events.Add(CacheEvent.Read(reader, 1));
        }
    }
}
