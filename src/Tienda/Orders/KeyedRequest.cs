using System.Buffers.Binary;
using System.Security.Cryptography;
using Npgsql;
using Tienda.Data;
using Tienda.Http;
using Tienda.Security;

namespace Tienda.Orders;

/// <summary>
/// A request that may have come with an Idempotency-Key. In its transaction <see cref="Look"/> comes first, and a success is kept by one
/// of the others. Without a key they do nothing. Placing orders does the same in the database (0005_place_orders.sql).
/// </summary>
/// <param name="Route">The resource that is posted to; the same key elsewhere is another one.</param>
/// <param name="Hash">What tells this request from another one under the same key; null without a key.</param>
public sealed record KeyedRequest(string Route, Actor Writer, string? Key, byte[]? Hash)
{
    private const int HashedLength = 1 + sizeof(long);

    /// <param name="values">Every value of the request that means something, in a fixed order: what repetitions are compared by.</param>
    public static KeyedRequest Of(string route, Actor writer, IdempotencyKey? key, params ReadOnlySpan<long?> values) =>
        new(route, writer, key?.Value, key is null ? null : HashOf(values));

    /// <summary>Adds what waits for others with the key and finds what is kept; take the result by <see cref="ReadAsync"/>.</summary>
    public void Look(NpgsqlBatch batch)
    {
        if (Key is not null)
        {
            batch.Then(
                """
                SELECT (k.kept).request_hash, (k.kept).bill_id, (k.kept).line_ids[1], (k.kept).prices[1], (k.kept).answer
                FROM find_idempotency_keys(ARRAY[$1], $2, ARRAY[$3]) AS k
                """)
                .With(Writer.Name).With(Route).With(Key);
        }
    }

    /// <summary>Reads what <see cref="Look"/> asked for, or null if nothing is kept, and moves on to the next result.</summary>
    public async Task<KeptAnswer?> ReadAsync(NpgsqlDataReader reader, CancellationToken ct)
    {
        if (Key is null)
        {
            return null;
        }

        var kept = await reader.ReadAsync(ct)
            ? new KeptAnswer(
                reader.GetFieldValue<byte[]>(0).AsSpan().SequenceEqual(Hash),
                reader.NullableInt64(1),
                reader.NullableInt64(2),
                reader.IsDBNull(3) ? null : reader.Money(3),
                reader.NullableString(4))
            : null;
        await reader.NextResultAsync(ct);
        return kept;
    }

    /// <summary>Keeps the order detail that this transaction has just inserted.</summary>
    public void KeepLine(NpgsqlBatch batch, Money price) =>
        Keep(batch, "line_ids, prices", "ARRAY[currval('order_details_id_key_seq')], ARRAY[$5]")?.With(price);

    /// <summary>Keeps the bill that this transaction has just inserted.</summary>
    public void KeepBill(NpgsqlBatch batch) => Keep(batch, "bill_id", "currval('bills_id_key_seq')");

    /// <summary>Keeps an answer that does not follow from the request and a few ids.</summary>
    public void KeepAnswer(NpgsqlBatch batch, string answer) => Keep(batch, "answer", "$5")?.With(answer);

    private NpgsqlBatchCommand? Keep(NpgsqlBatch batch, string columns, string values) => Key is null
        ? null
        : batch.Then($"INSERT INTO idempotency_keys (caller, route, key, request_hash, {columns}) VALUES ($1, $2, $3, $4, {values})")
            .With(Writer.Name).With(Route).With(Key).With(Hash!);

    private static byte[] HashOf(ReadOnlySpan<long?> values)
    {
        var bytes = new byte[values.Length * HashedLength];
        for (var i = 0; i < values.Length; i++)
        {
            if (values[i] is { } value)
            {
                bytes[i * HashedLength] = 1;
                BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan((i * HashedLength) + 1), value);
            }
        }

        return SHA256.HashData(bytes);
    }
}

/// <summary>What was kept under a key.</summary>
/// <param name="IsOfThisRequest">False if the key was used for another request.</param>
public sealed record KeptAnswer(bool IsOfThisRequest, long? BillId, long? LineId, Money? Price, string? Answer);
