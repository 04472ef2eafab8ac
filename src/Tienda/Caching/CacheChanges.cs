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
    public async Task<T> RunAsync<T>(NpgsqlBatch batch, Func<NpgsqlDataReader, Task<T>> read, CancellationToken ct)
    {
        var change = new CacheChange(this);
        try
        {
            return await change.RunAsync(batch, read, ct);
        }
        finally
        {
            change.Apply();
        }
    }

    /// <summary>Begins a transaction of several batches, whose last one <see cref="CacheChange"/> runs.</summary>
    public CacheChange Begin() => new(this);

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

    /// <summary>Runs the transaction's last batch, and behind it the question for what the transaction has changed.</summary>
    public async Task<T> RunAsync<T>(NpgsqlBatch batch, Func<NpgsqlDataReader, Task<T>> read, CancellationToken ct)
    {
        batch.Then("SELECT incarnation, xid, tags FROM own_cache_events()");
        await using var reader = await batch.ExecuteReaderAsync(ct);
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
    public Task<bool> RunAsync(NpgsqlBatch batch, CancellationToken ct) => RunAsync(batch, _ => Task.FromResult(true), ct);

    /// <summary>Ends the transaction. What it changed is known to this process then, whatever became of the answer to the commit.</summary>
    public async Task CommitAsync(NpgsqlTransaction transaction)
    {
        try
        {
            await transaction.CommitAsync(CancellationToken.None);
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
            changes.Apply(_incarnation, _events);
        }
    }

    private async Task ReadEventsAsync(NpgsqlDataReader reader, CancellationToken ct)
    {
        while (await reader.ReadAsync(ct))
        {
            _incarnation = reader.NullableString(0);
            _events.Add(new CacheEvent(reader.GetFieldValue<ulong>(1), reader.GetFieldValue<string[]>(2)));
        }
    }
}
