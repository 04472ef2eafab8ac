using System.Globalization;
using Npgsql;
using NpgsqlTypes;
using Tienda.Data;

namespace Tienda.Demo;

/// <summary>Short forms for loading many rows by binary COPY.</summary>
internal static class BulkLoad
{
    public static async Task ExecuteAsync(this NpgsqlConnection connection, string sql, CancellationToken ct)
    {
        await using var command = connection.Statement(sql);
        await command.ChangeAsync(ct);
    }

    /// <summary>
    /// Takes ids from a table's own sequence: COPY may write them although the column is GENERATED ALWAYS, later inserts do not meet them,
    /// and other writers go on beside.
    /// </summary>
    public static async Task<List<long>> ReserveIdsAsync(this NpgsqlConnection connection, string table, int count, CancellationToken ct)
    {
        await using var command = connection.Statement(
            $"SELECT nextval(pg_get_serial_sequence('{table}', 'id_key')) FROM generate_series(1, $1)").With(count);
        await using var reader = await command.ReadAsync(ct);
        return await reader.ListAsync(row => row.GetInt64(0), ct);
    }

    /// <summary>Writes rows by binary COPY.</summary>
    /// <param name="target">The table and, in parentheses, its columns.</param>
    /// <param name="write">Adds the values of one row in the order of the columns.</param>
    public static async Task CopyAsync<T>(
        this NpgsqlConnection connection, string target, IEnumerable<T> rows, Action<CopyRow, T> write, CancellationToken ct)
    {
        await using var copy = await connection.BeginBinaryImportAsync($"COPY {target} FROM STDIN (FORMAT BINARY) /* BulkLoad.Copy */", ct);
        var row = new CopyRow(copy);
        foreach (var item in rows)
        {
            // Written to a buffer; a full one is sent. Awaiting each value would cost more than sending it.
            copy.StartRow();
            write(row, item);
        }

        await copy.CompleteAsync(ct);
    }

    public static string BillNumber(string series, long number) => string.Create(CultureInfo.InvariantCulture, $"{series}-{number:D8}");
}

/// <summary>The row that is being written, value by value.</summary>
internal readonly struct CopyRow(NpgsqlBinaryImporter copy)
{
    public CopyRow Add(long value) => Write(value, NpgsqlDbType.Bigint);

    public CopyRow Add(int value) => Write(value, NpgsqlDbType.Integer);

    public CopyRow Add(short value) => Write(value, NpgsqlDbType.Smallint);

    public CopyRow Add(string value) => Write(value, NpgsqlDbType.Text);

    public CopyRow Add(DateTime value) => Write(value, NpgsqlDbType.TimestampTz);

    public CopyRow Add(long? value) => value is { } given ? Add(given) : Null();

    public CopyRow Add(DateTime? value) => value is { } given ? Add(given) : Null();

    private CopyRow Null()
    {
        copy.WriteNull();
        return this;
    }

    private CopyRow Write<T>(T value, NpgsqlDbType type)
    {
        copy.Write(value, type);
        return this;
    }
}
