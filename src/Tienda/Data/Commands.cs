using System.Runtime.CompilerServices;
using Npgsql;
using NpgsqlTypes;

namespace Tienda.Data;

/// <summary>Short forms for positional parameters and for reading rows. Each value keeps its type; nothing is boxed.</summary>
public static class Commands
{
    public static NpgsqlCommand With<T>(this NpgsqlCommand command, T value)
    {
        command.Parameters.Add(Parameter(value));
        return command;
    }

    public static NpgsqlBatchCommand With<T>(this NpgsqlBatchCommand command, T value)
    {
        command.Parameters.Add(Parameter(value));
        return command;
    }

    /// <summary>The first row, or null if there is none.</summary>
    public static async Task<T?> FirstAsync<T>(
        this NpgsqlCommand command, Func<NpgsqlDataReader, T> read, CancellationToken ct,
        [CallerFilePath] string file = "", [CallerMemberName] string member = "") where T : class
    {
        await using var reader = await command.ReadAsync(ct, file, member);
        return await reader.FirstAsync(read, ct);
    }

    /// <summary>The first row of a read that <see cref="CacheFill.AddTo"/> stands before, or null if there is none.</summary>
    public static async Task<T?> FirstAsync<T>(
        this NpgsqlBatch batch, Func<NpgsqlDataReader, T> read, CacheFill fill, CancellationToken ct,
        [CallerFilePath] string file = "", [CallerMemberName] string member = "") where T : class
    {
        await using var reader = await batch.ReadAsync(ct, file, member);
        await fill.ReadAsync(reader, ct);
        return await reader.FirstAsync(read, ct);
    }

    /// <summary>The first row of the reader's present result, or null if there is none.</summary>
    public static async Task<T?> FirstAsync<T>(this NpgsqlDataReader reader, Func<NpgsqlDataReader, T> read, CancellationToken ct)
        where T : class => await reader.ReadAsync(ct) ? read(reader) : null;

    /// <summary>Every row of the reader's present result.</summary>
    public static async Task<List<T>> ListAsync<T>(this NpgsqlDataReader reader, Func<NpgsqlDataReader, T> read, CancellationToken ct)
    {
        var rows = new List<T>();
        while (await reader.ReadAsync(ct))
        {
            rows.Add(read(reader));
        }

        return rows;
    }

    public static string? NullableString(this NpgsqlDataReader reader, int column) =>
        reader.IsDBNull(column) ? null : reader.GetString(column);

    public static long? NullableInt64(this NpgsqlDataReader reader, int column) =>
        reader.IsDBNull(column) ? null : reader.GetInt64(column);

    public static Money Money(this NpgsqlDataReader reader, int column) => new(reader.GetInt64(column));

    private static NpgsqlParameter Parameter<T>(T value) => value switch
    {
        Money money => new NpgsqlParameter<long> { TypedValue = money.MinorUnits },
        ulong xid => new NpgsqlParameter<ulong> { TypedValue = xid, NpgsqlDbType = NpgsqlDbType.Xid8 },
        null => new NpgsqlParameter { Value = DBNull.Value, NpgsqlDbType = NullTypeOf<T>() },
        _ => new NpgsqlParameter<T> { TypedValue = value },
    };

    // A null must carry a type, or PostgreSQL has to guess it and may guess text.
    private static NpgsqlDbType NullTypeOf<T>() => typeof(T) switch
    {
        var t when t == typeof(string) => NpgsqlDbType.Text,
        var t when t == typeof(long?) || t == typeof(Money?) => NpgsqlDbType.Bigint,
        var t when t == typeof(int?) => NpgsqlDbType.Integer,
        var t when t == typeof(short?) => NpgsqlDbType.Smallint,
        var t when t == typeof(bool?) => NpgsqlDbType.Boolean,
        var t when t == typeof(DateTime?) => NpgsqlDbType.TimestampTz,
        var t => throw new NotSupportedException($"A null {t} has no PostgreSQL type here."),
    };
}
