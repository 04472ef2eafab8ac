using System.Runtime.CompilerServices;
using Npgsql;
using NpgsqlTypes;
using Tienda.Http;

namespace Tienda.Data;

/// <summary>Writes and reads many rows at once.</summary>
internal static class BulkCopy
{
    /// <summary>Writes rows by binary COPY.</summary>
    /// <param name="target">The table and, in parentheses, its columns.</param>
    /// <param name="write">Adds the values of one row in the order of the columns.</param>
    public static async Task CopyAsync<T>(
        this NpgsqlConnection connection, string target, IEnumerable<T> rows, Action<CopyRow, T> write, CancellationToken ct,
        [CallerFilePath] string file = "", [CallerMemberName] string member = "")
    {
        // Which the driver wants to begin with the word, so its name stands at the end.
        var name = QueryName.Of(file, member);
        var begins = RoundTrip.Begin(name);
        await using var copy = await connection.BeginBinaryImportAsync(
            $"COPY {target} FROM STDIN (FORMAT BINARY) {name.Comment}", ct);
        begins?.End(null);
        var ends = RoundTrip.Begin(name);
        var row = new CopyRow(copy);
        foreach (var item in rows)
        {
            // Written to a buffer; a full one is sent. Awaiting each value would cost more than sending it.
            copy.StartRow();
            write(row, item);
        }

        await copy.CompleteAsync(ct);
        ends?.End(null);
    }

    /// <summary>Begins to read what a query answers, as text: CSV with a header, or the one column of it, a line for each row.</summary>
    public static async Task<NpgsqlCopyTextReader> CopyOutAsync(
        this NpgsqlConnection connection, string query, FileFormat format, string file, string member, CancellationToken ct)
    {
        var name = QueryName.Of(file, member);
        // JSON has neither of these letters in it, so that nothing of it is put into quotation marks.
        var options = format is FileFormat.Csv ? "FORMAT csv, HEADER true" : @"FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02'";
        var begins = RoundTrip.Begin(name);
        var rows = await connection.BeginTextExportAsync($"COPY ({query}) TO STDOUT ({options}) {name.Comment}", ct);
        begins?.End(null);
        return (NpgsqlCopyTextReader)rows;
    }
}

/// <summary>The row that is being written, value by value.</summary>
internal readonly struct CopyRow(NpgsqlBinaryImporter copy)
{
    public CopyRow Add(long value) => Write(value, NpgsqlDbType.Bigint);

    public CopyRow Add(int value) => Write(value, NpgsqlDbType.Integer);

    public CopyRow Add(short value) => Write(value, NpgsqlDbType.Smallint);

    public CopyRow Add(bool value) => Write(value, NpgsqlDbType.Boolean);

    public CopyRow Add(string? value) => value is null ? Null() : Write(value, NpgsqlDbType.Text);

    public CopyRow Add(DateTime value) => Write(value, NpgsqlDbType.TimestampTz);

    public CopyRow Add(long? value) => value is { } given ? Add(given) : Null();

    public CopyRow Add(int? value) => value is { } given ? Add(given) : Null();

    public CopyRow Add(bool? value) => value is { } given ? Add(given) : Null();

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
