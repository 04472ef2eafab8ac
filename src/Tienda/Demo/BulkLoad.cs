using System.Globalization;
using Npgsql;
using Tienda.Data;

namespace Tienda.Demo;

/// <summary>Short forms for loading many rows.</summary>
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

    public static string BillNumber(string series, long number) => string.Create(CultureInfo.InvariantCulture, $"{series}-{number:D8}");
}
