using Npgsql;
using Tienda.ApiTests.Fuzz;
using Tienda.Caching;
using Tienda.Data;

namespace Tienda.ApiTests.Caching.Simulation;

/// <summary>A transaction that is written step by step. Every change of a product also moves its time of change on, by which readers know it.</summary>
public sealed class SimulatedWriter : IAsyncDisposable
{
    private readonly SimulatedProcess _process;
    private readonly NpgsqlConnection _connection;
    private readonly Transaction _transaction;
    private readonly CacheChange _change;
    private readonly Dice _dice;
    private readonly int _products;

    // Later than at any change before, also of a product that was taken away and made again.
    private const string Later = "to_timestamp(4e9 + nextval('changes'))";

    // As an order does, changes nothing but stocks.
    private readonly bool _sells;
    private readonly List<CacheEvent> _events = [];
    private Dictionary<long, long> _versions = [];
    private Dictionary<long, long>? _versionsAtSavepoint;
    private string? _incarnation;

    private SimulatedWriter(SimulatedProcess process, NpgsqlConnection connection, Transaction transaction, Dice dice, int products)
    {
        (_process, _connection, _transaction, _dice, _products) = (process, connection, transaction, dice, products);
        _change = process.Changes.Begin();
        _sells = dice.Chance(50);
    }

    public bool IsPrepared { get; private set; }

    public static async Task<SimulatedWriter> BeginAsync(SimulatedProcess process, NpgsqlDataSource connections, Dice dice, int products)
    {
        var connection = await connections.OpenConnectionAsync();
        var transaction = await connection.BeginAsync(CancellationToken.None);
        // One hand moves all writers: one that waited for another would wait for ever.
        await using var command = new NpgsqlCommand("SET LOCAL lock_timeout = '1s'", connection);
        await command.ExecuteNonQueryAsync();
        return new SimulatedWriter(process, connection, transaction, dice, products);
    }

    /// <summary>Changes something that nobody else holds.</summary>
    public async Task ChangeAsync()
    {
        var id = 1 + _dice.Below(_products);
        var another = 1 + _dice.Below(3);
        switch (_dice.Below(12))
        {
            case 0:
                await ExecuteAsync("SAVEPOINT here");
                _versionsAtSavepoint = new Dictionary<long, long>(_versions);
                return;
            case 1 when _versionsAtSavepoint is not null:
                await ExecuteAsync("ROLLBACK TO here");
                _versions = new Dictionary<long, long>(_versionsAtSavepoint);
                return;
            case 2 when !_sells:
                // Not the name: who changes a key waits for everybody who refers to it.
                if (await ValueAsync("SELECT pg_try_advisory_xact_lock(hashtext('categories'))") is true)
                {
                    await ExecuteAsync("UPDATE categories SET parent_id = CASE WHEN parent_id IS NULL THEN 1 END WHERE id_key = 3");
                }

                return;
        }

        if (!_sells && _dice.Chance(12))
        {
            await CreateOrDeleteAsync(id);
            return;
        }

        if (!await LockAsync(id))
        {
            return;
        }

        if (_sells || _dice.Chance(20))
        {
            await ExecuteAsync($"UPDATE products SET stock = {_dice.Below(4)} WHERE id_key = {id}");
            return;
        }

        await ExecuteAsync(_dice.Below(17) switch
        {
            // As a change of very many rows does, says only that everything may be another.
            16 => $"""
                SET LOCAL session_replication_role = replica;
                UPDATE products SET price = {500 + _dice.Below(1000)}, updated_at = {Later} WHERE id_key = {id};
                SET LOCAL session_replication_role = origin;
                SELECT log_cache_event(ARRAY['catalog'])
                """,
            0 or 1 => $"UPDATE products SET price = {500 + _dice.Below(1000)} WHERE id_key = {id}",
            2 => $"UPDATE products SET active = NOT active WHERE id_key = {id}",
            3 => $"UPDATE products SET name = '{(_dice.Chance(50) ? "blue" : "red")} thing' WHERE id_key = {id}",
            4 => $"UPDATE products SET category_id = {another} WHERE id_key = {id}",
            >= 5 and <= 8 => $"""
                INSERT INTO reviews (product_id, client_id, rating) VALUES ({id}, {1 + _dice.Below(4)}, {10 + _dice.Below(41)})
                ON CONFLICT DO NOTHING
                """,
            9 or 10 => $"DELETE FROM reviews WHERE product_id = {id} AND client_id = {1 + _dice.Below(4)}",
            _ => $"UPDATE products SET stock = {_dice.Below(3)} WHERE id_key = {id}",
        });
        _versions[id] = SimulatedPage.VersionOf((DateTime)(await ValueAsync(
            $"UPDATE products SET updated_at = {Later} WHERE id_key = {id} RETURNING updated_at"))!);
    }

    // Of all who would make or take away the same product only one gets to.
    private async Task CreateOrDeleteAsync(int id)
    {
        if (await ValueAsync($"SELECT pg_try_advisory_xact_lock({id})") is not true)
        {
            return;
        }

        if (await LockAsync(id))
        {
            await ExecuteAsync($"DELETE FROM products WHERE id_key = {id}");
            _versions.Remove(id);
        }
        else if (await ValueAsync($"SELECT 1 FROM products WHERE id_key = {id}") is null)
        {
            _versions[id] = SimulatedPage.VersionOf((DateTime)(await ValueAsync(
                $"""
                INSERT INTO products (id_key, name, price, stock, category_id, updated_at) OVERRIDING SYSTEM VALUE
                VALUES ({id}, 'blue thing', {500 + _dice.Below(1000)}, {_dice.Below(3)}, 1, {Later}) RETURNING updated_at
                """))!);
        }
    }

    /// <summary>The last statement: what the transaction has changed is read.</summary>
    public async Task PrepareAsync()
    {
        IsPrepared = true;
        await using (var batch = _connection.CreateBatch())
        {
            batch.Then("SELECT 1");
            await _change.RunAsync(batch, CancellationToken.None);
        }

        await using var command = new NpgsqlCommand("SELECT incarnation, xid, tags, stock_changes FROM own_cache_events()", _connection);
        await using var row = await command.ExecuteReaderAsync();
        while (await row.ReadAsync())
        {
            _incarnation = row.NullableString(0);
            _events.Add(CacheEvent.Read(row, 1));
        }
    }

    /// <summary>Commits, applies and answers; the message to the others is on its way then.</summary>
    public async Task CommitAsync(IEnumerable<SimulatedProcess> others)
    {
        await _change.CommitAsync(_transaction);
        _process.Acknowledge(_versions);
        foreach (var other in others.Where(o => o != _process && _incarnation is not null))
        {
            other.Inbox.Add((_incarnation!, [.. _events]));
        }
    }

    /// <summary>Loses its connection with the commit on the way, which therefore is none; but the process cannot know that.</summary>
    public async Task LoseAsync(NpgsqlDataSource connections)
    {
        await using (var end = connections.CreateCommand($"SELECT pg_terminate_backend({_connection.ProcessID}, 1000)"))
        {
            await end.ExecuteNonQueryAsync();
        }

        await Assert.ThrowsAnyAsync<NpgsqlException>(() => _change.CommitAsync(_transaction));
    }

    /// <summary>Commits, but the process ends before it knows.</summary>
    public Task CommitUnseenAsync() => _transaction.CommitAsync(CancellationToken.None);

    public Task RollBackAsync() => _transaction.DisposeAsync().AsTask();

    public bool IsOf(SimulatedProcess process) => process == _process;

    public async ValueTask DisposeAsync()
    {
        await _transaction.DisposeAsync();
        await _connection.DisposeAsync();
    }

    private async Task<bool> LockAsync(int id) =>
        await ValueAsync($"SELECT id_key FROM products WHERE id_key = {id} FOR UPDATE SKIP LOCKED") is not null;

    private async Task<object?> ValueAsync(string sql)
    {
        await using var command = new NpgsqlCommand(sql, _connection);
        return await command.ExecuteScalarAsync();
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var command = new NpgsqlCommand(sql, _connection);
        await command.ExecuteNonQueryAsync();
    }
}
