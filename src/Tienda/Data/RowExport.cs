using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Npgsql;
using Tienda.Http;

namespace Tienda.Data;

/// <summary>
/// Rows that leave the database as a file, as fast as PostgreSQL writes them (COPY) and of one moment. They are not kept in memory: who
/// takes them slowly keeps a connection for as long.
/// </summary>
public sealed class RowExport : IAsyncDisposable
{
    private const int FlushedBytes = 32 * 1024;

    private readonly NpgsqlConnection _connection;
    private readonly Transaction _transaction;
    private readonly NpgsqlCopyTextReader _rows;
    private bool _isWhole;

    private RowExport(NpgsqlConnection connection, Transaction transaction, NpgsqlCopyTextReader rows) =>
        (_connection, _transaction, _rows) = (connection, transaction, rows);

    /// <summary>A time as RFC 3339 has it. to_char would take as long as all other columns together.</summary>
    /// <param name="column">The column's name.</param>
    public static string Time(string column) => $"replace(({column} AT TIME ZONE 'UTC')::text, ' ', 'T') || 'Z'";

    /// <summary>Begins to read the rows of a list.</summary>
    /// <param name="select">Makes the query, whose columns are the fields, of what stands behind FROM.</param>
    public static async Task<RowExport> BeginAsync(
        NpgsqlDataSource database, ListStatement list, FileFormat format, Func<string, string> select, CancellationToken ct,
        [CallerFilePath] string file = "", [CallerMemberName] string member = "")
    {
        var connection = await database.BorrowAsync(ct);
        Transaction? transaction = null;
        try
        {
            transaction = await connection.BeginAsync(ct, file, member);
            var query = await QuotedAsync(connection, list, Whole, file, member, ct);
            return new RowExport(connection, transaction, await connection.CopyOutAsync(query, format, file, member, ct));
        }
        catch
        {
            if (transaction is not null)
            {
                await transaction.DisposeAsync();
            }

            await connection.DisposeAsync();
            throw;
        }

        string Whole(string from) => format is FileFormat.Csv ? select(from) : $"SELECT row_to_json(r) FROM ({select(from)}) AS r";
    }

    /// <summary>Whether some of it was written.</summary>
    public bool HasBegun { get; private set; }

    /// <summary>Writes all rows.</summary>
    public async Task WriteToAsync(PipeWriter file, CancellationToken ct)
    {
        var waiting = 0;
        while (await _rows.BaseStream.ReadAsync(file.GetMemory(), ct) is > 0 and var length)
        {
            HasBegun = true;
            file.Advance(length);
            waiting += length;
            if (waiting >= FlushedBytes)
            {
                waiting = 0;
                if ((await file.FlushAsync(ct)).IsCompleted)
                {
                    throw new OperationCanceledException("Nobody takes the rows any more.");
                }
            }
        }

        _isWhole = true;
        await file.FlushAsync(ct);
    }

    /// <summary>Ends the query, wherever it is.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            if (!_isWhole)
            {
                await TryAsync(_rows.CancelAsync);
            }

            await TryAsync(() => _rows.BaseStream.DisposeAsync().AsTask());
            _rows.Dispose();
            await TryAsync(() => _transaction.DisposeAsync().AsTask());
        }
        finally
        {
            await _connection.DisposeAsync();
        }
    }

    // What was ended before its end says so, which is what was wanted. A connection that is of no use any more closes.
    private async Task TryAsync(Func<Task> end)
    {
        try
        {
            await end();
        }
        catch (Exception) when (!_isWhole)
        {
        }
    }

    // COPY takes no parameters, so the values stand in its text; PostgreSQL itself puts them there, in its own quotation marks.
    private static async Task<string> QuotedAsync(
        NpgsqlConnection connection, ListStatement list, Func<string, string> select, string file, string member, CancellationToken ct)
    {
        await using var batch = connection.Batch();
        // Who takes the rows decides how long that is.
        batch.Then("SET LOCAL statement_timeout = 0", file, member);
        batch.Then("SET LOCAL datestyle = 'ISO'", file, member);
        list.AddQuotedTo(batch, select, file, member);
        await using var reader = await batch.ReadAsync(ct, file, member);
        await reader.ReadAsync(ct);
        return reader.GetString(0);
    }
}
