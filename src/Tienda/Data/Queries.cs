using System.Data;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using Npgsql;

// The one place that asks the database; src/Tienda/BannedSymbols.Database.txt sends everybody else here.
#pragma warning disable RS0030

namespace Tienda.Data;

/// <summary>
/// Asks the database. Whoever asks has a name, which the compiler gives: it stands before the text of each statement, and the round trip is
/// counted under it (<see cref="DatabaseUse"/>).
/// </summary>
public static class Queries
{
    /// <summary>A batch on a connection that is taken from the pool when it is sent and given back when its answer has been read.</summary>
    public static NpgsqlBatch Batch(this NpgsqlDataSource pool) => new PooledBatch(pool);

    public static NpgsqlBatch Batch(this NpgsqlConnection connection) => connection.CreateBatch();

    /// <summary>The same for one statement.</summary>
    public static NpgsqlCommand Statement(
        this NpgsqlDataSource pool, string sql, [CallerFilePath] string file = "", [CallerMemberName] string member = "") =>
        new PooledCommand(pool, Named(sql, file, member));

    public static NpgsqlCommand Statement(
        this NpgsqlConnection connection, string sql, [CallerFilePath] string file = "", [CallerMemberName] string member = "") =>
        new(Named(sql, file, member), connection);

    /// <summary>Adds a statement to a batch: all of it is one round trip and, without an open transaction, one transaction.</summary>
    public static NpgsqlBatchCommand Then(
        this NpgsqlBatch batch, string sql, [CallerFilePath] string file = "", [CallerMemberName] string member = "")
    {
        var command = new NpgsqlBatchCommand(Named(sql, file, member));
        batch.BatchCommands.Add(command);
        return command;
    }

    /// <summary>Takes a connection from the pool; the wait for it is no part of what is asked on it.</summary>
    public static async Task<NpgsqlConnection> BorrowAsync(this NpgsqlDataSource pool, CancellationToken ct)
    {
        var began = Stopwatch.GetTimestamp();
        try
        {
            return await pool.OpenConnectionAsync(ct);
        }
        finally
        {
            DatabaseUse.Current?.NoteWait(Stopwatch.GetElapsedTime(began));
        }
    }

    /// <summary>Begins a transaction; that goes along with its first statement.</summary>
    public static async Task<Transaction> BeginAsync(
        this NpgsqlConnection connection, CancellationToken ct, [CallerFilePath] string file = "", [CallerMemberName] string member = "") =>
        new(await connection.BeginTransactionAsync(ct), QueryName.Of(file, member));

    public static async Task<NpgsqlDataReader> ReadAsync(
        this NpgsqlBatch batch, CancellationToken ct, [CallerFilePath] string file = "", [CallerMemberName] string member = "")
    {
        if (batch is PooledBatch pooled)
        {
            batch.Connection = await pooled.Pool.BorrowAsync(ct);
        }

        var trip = RoundTrip.Begin(QueryName.Of(file, member));
        return await MeasuredAsync(trip, batch.ExecuteReaderAsync(BehaviorOf(batch is PooledBatch), ct));
    }

    public static async Task<NpgsqlDataReader> ReadAsync(
        this NpgsqlCommand command, CancellationToken ct, [CallerFilePath] string file = "", [CallerMemberName] string member = "")
    {
        if (command is PooledCommand pooled)
        {
            command.Connection = await pooled.Pool.BorrowAsync(ct);
        }

        var trip = RoundTrip.Begin(QueryName.Of(file, member));
        return await MeasuredAsync(trip, command.ExecuteReaderAsync(BehaviorOf(command is PooledCommand), ct));
    }

    /// <summary>Runs what is only there for its effect, and answers how many rows it had one on.</summary>
    public static async Task<int> ChangeAsync(
        this NpgsqlBatch batch, CancellationToken ct, [CallerFilePath] string file = "", [CallerMemberName] string member = "")
    {
        await using var reader = await batch.ReadAsync(ct, file, member);
        return await reader.CountAsync(ct);
    }

    /// <summary>Runs what is only there for its effect, and answers how many rows it had one on.</summary>
    public static async Task<int> ChangeAsync(
        this NpgsqlCommand command, CancellationToken ct, [CallerFilePath] string file = "", [CallerMemberName] string member = "")
    {
        await using var reader = await command.ReadAsync(ct, file, member);
        return await reader.CountAsync(ct);
    }

    /// <summary>The one value of the one row.</summary>
    public static async Task<T> ValueAsync<T>(
        this NpgsqlCommand command, CancellationToken ct, [CallerFilePath] string file = "", [CallerMemberName] string member = "")
    {
        await using var reader = await command.ReadAsync(ct, file, member);
        await reader.ReadAsync(ct);
        return await reader.GetFieldValueAsync<T>(0, ct);
    }

    private static string Named(string sql, string file, string member) => QueryName.Of(file, member).Comment + sql;

    // A reader that has been read to its end gives a borrowed connection back.
    private static CommandBehavior BehaviorOf(bool isPooled) => isPooled ? CommandBehavior.CloseConnection : CommandBehavior.Default;

    private static async Task<NpgsqlDataReader> MeasuredAsync(RoundTrip? trip, Task<NpgsqlDataReader> answer)
    {
        try
        {
            var reader = await answer;
            trip?.EndsWith(reader);
            return reader;
        }
        catch (Exception failure)
        {
            trip?.End(failure);
            throw;
        }
    }

    private static async Task<int> CountAsync(this NpgsqlDataReader reader, CancellationToken ct)
    {
        while (await reader.NextResultAsync(ct))
        {
        }

        return reader.RecordsAffected;
    }

    private sealed class PooledBatch(NpgsqlDataSource pool) : NpgsqlBatch
    {
        public NpgsqlDataSource Pool => pool;
    }

    private sealed class PooledCommand(NpgsqlDataSource pool, string sql) : NpgsqlCommand(sql)
    {
        public NpgsqlDataSource Pool => pool;
    }
}
