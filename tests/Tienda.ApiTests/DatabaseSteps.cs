using Npgsql;

namespace Tienda.ApiTests;

/// <summary>What tests do behind the shop's back.</summary>
public static class DatabaseSteps
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static async Task<T> ValueAsync<T>(this NpgsqlDataSource database, string sql)
    {
        await using var command = database.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(Ct))!;
    }

    public static async Task ExecuteAsync(this NpgsqlDataSource database, params string[] statements)
    {
        foreach (var statement in statements)
        {
            await using var command = database.CreateCommand(statement);
            await command.ExecuteNonQueryAsync(Ct);
        }
    }

    /// <summary>How many wait for a lock that somebody else has.</summary>
    public static Task<long> WaitingAsync(this NpgsqlDataSource database) => database.ValueAsync<long>(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()");

    /// <summary>Holds what a statement locks, as an operator does who forgot to commit.</summary>
    public static async Task<HeldRow> HoldAsync(this NpgsqlDataSource database, string sql)
    {
        var connection = await database.OpenConnectionAsync(Ct);
        var transaction = await connection.BeginTransactionAsync(Ct);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(Ct);
        return new HeldRow(connection, transaction);
    }

    /// <summary>An order, with two of a product and a bill if a product is given, and its id.</summary>
    public static async Task<long> AddOrderAsync(
        this NpgsqlDataSource database, long clientId, long? addressId = null, long? productId = null)
    {
        var address = addressId?.ToString() ?? "NULL";
        var order = await database.ValueAsync<long>(
            $"INSERT INTO orders (client_id, address_id, delivery_method) VALUES ({clientId}, {address}, 3) RETURNING id_key");
        if (productId is not null)
        {
            await database.ValueAsync<long>(
                $"""
                WITH line AS (
                    INSERT INTO order_details (order_id, product_id, price, quantity)
                    SELECT {order}, id_key, price, 2 FROM products WHERE id_key = {productId} RETURNING price * quantity AS total)
                INSERT INTO bills (order_id, bill_number, discount, total, payment_type)
                SELECT {order}, 'TEST-{order}', 0, total, 2 FROM line RETURNING id_key
                """);
        }

        return order;
    }
}

/// <summary>An open transaction that holds a row.</summary>
public sealed class HeldRow(NpgsqlConnection connection, NpgsqlTransaction transaction) : IAsyncDisposable
{
    private const string Behind =
        """
        WITH RECURSIVE behind (pid) AS (
            SELECT pg_backend_pid()
            UNION
            SELECT a.pid FROM behind b JOIN pg_stat_activity a ON a.wait_event_type = 'Lock' AND b.pid = ANY (pg_blocking_pids(a.pid)))
        """;

    /// <summary>Waits until so many connections wait for it, or for one that does.</summary>
    public Task WaitedForAsync(int others) =>
        Eventually.HoldsAsync(async () => await AskAsync<long>($"{Behind} SELECT count(*) - 1 FROM behind") >= others);

    /// <summary>Ends the connections that wait for it, if there are any.</summary>
    public Task EndWaitingAsync() =>
        AskAsync<long>($"{Behind} SELECT count(pg_terminate_backend(pid)) FROM behind WHERE pid <> pg_backend_pid()");

    public Task CommitAsync() => transaction.CommitAsync();

    public async ValueTask DisposeAsync()
    {
        await transaction.DisposeAsync();
        await connection.DisposeAsync();
    }

    private async Task<T> AskAsync<T>(string sql)
    {
        // Or it would be told the same until it commits.
        await using var anew = new NpgsqlCommand("SELECT pg_stat_clear_snapshot()", connection);
        await anew.ExecuteNonQueryAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync())!;
    }
}
