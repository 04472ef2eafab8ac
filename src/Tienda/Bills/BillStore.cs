using Npgsql;
using Tienda.Caching;
using Tienda.Data;
using Tienda.Http;
using Tienda.Orders;
using Tienda.Security;

namespace Tienda.Bills;

/// <summary>The bills in the database.</summary>
public sealed class BillStore(NpgsqlDataSource database, CacheChanges changes)
{
    private const string Columns =
        "b.id_key, b.bill_number, b.date, b.order_id, b.discount, b.total, b.payment_type, o.client_id, b.voided_at";

    private const string Tables = "bills b JOIN orders o ON o.id_key = b.order_id";

    public Task<Page<Bill>> ListAsync(long? confinedTo, ListQuery query, CancellationToken ct) =>
        new ListStatement(Columns, Tables, "b.id_key")
            .WhereIf("o.client_id = {0}", confinedTo)
            .ReadAsync(database, query, Read, bill => bill.IdKey, ct);

    public async Task<Bill?> FindAsync(long id, long? confinedTo, CancellationToken ct)
    {
        await using var command = database.Statement(
            $"SELECT {Columns} FROM {Tables} WHERE b.id_key = $1 AND ($2 IS NULL OR o.client_id = $2)").With(id).With(confinedTo);
        return await command.FirstAsync(Read, ct);
    }

    /// <summary>Bills an order. The order's row is held meanwhile, so that its lines and its state cannot change under the bill.</summary>
    public async Task<Outcome<Bill>> CreateAsync(
        CreateBillRequest request, Actor writer, IdempotencyKey? key, CancellationToken ct)
    {
        var orderId = request.OrderId!.Value;
        var discount = Money.From(request.Discount ?? 0);
        var keyed = KeyedRequest.Of("bills", writer, key, orderId, request.PaymentType, discount.MinorUnits);
        await using var connection = await database.BorrowAsync(ct);
        await using var transaction = await connection.BeginAsync(ct);
        KeptAnswer? kept;
        LockedOrder? order;
        await using (var locks = connection.Batch())
        {
            keyed.Look(locks);
            LockedOrder.Lock(locks, "$1", orderId, writer);
            await using var reader = await locks.ReadAsync(ct);
            kept = await keyed.ReadAsync(reader, ct);
            order = await LockedOrder.ReadAsync(reader, ct) is { } found && writer.MaySee(found.ClientId) ? found : null;
        }

        if (kept is not null)
        {
            return kept.IsOfThisRequest ? await ReplayAsync(connection, kept.BillId!.Value, ct) : new OrderRefusal.KeyReused();
        }

        if (Refuse(order, discount) is { } refusal)
        {
            return refusal;
        }

        await using var batch = connection.Batch();
        batch.Then(
            $"""
            WITH b AS (
                INSERT INTO bills (order_id, bill_number, discount, total, payment_type)
                VALUES ($1, next_bill_number('A'), $2, $3, $4)
                RETURNING *
            )
            SELECT {Columns} FROM b JOIN orders o ON o.id_key = b.order_id
            """)
            .With(orderId)
            .With(discount)
            .With(new Money(order!.Total.MinorUnits - discount.MinorUnits))
            .With((short)request.PaymentType!.Value);
        keyed.KeepBill(batch);
        Bill bill;
        await using (var reader = await batch.ReadAsync(ct))
        {
            await reader.ReadAsync(ct);
            bill = Read(reader);
        }

        await transaction.CommitAsync(ct);
        return bill;
    }

    /// <summary>Voids a bill; one that is voided already stays as it is. Null if there is no such bill.</summary>
    public Task<Bill?> VoidAsync(long id, IfMatch condition, Actor writer, CancellationToken ct) =>
        changes.RunIfAsync(
            database, condition, locks => AddLocks(locks, id), Read,
            batch => batch.Then(
                $"""
                UPDATE bills b SET voided_at = coalesce(b.voided_at, now())
                FROM orders o, set_config('tienda.caller', $2, true)
                WHERE b.id_key = $1 AND o.id_key = b.order_id
                RETURNING {Columns}
                """).With(id).With(writer.Name),
            reader => reader.FirstAsync(Read, ct),
            ct);

    // The order first, as whoever cancels it does.
    private static void AddLocks(NpgsqlBatch locks, long id)
    {
        locks.Then("SELECT FROM orders WHERE id_key = (SELECT order_id FROM bills WHERE id_key = $1) FOR NO KEY UPDATE").With(id);
        locks.Then($"SELECT {Columns} FROM {Tables} WHERE b.id_key = $1 FOR UPDATE OF b").With(id);
    }

    /// <summary>The bill as it was when it was made: nothing of it has changed since but that it may have been voided.</summary>
    private static async Task<Outcome<Bill>> ReplayAsync(NpgsqlConnection connection, long id, CancellationToken ct)
    {
        await using var command = connection.Statement($"SELECT {Columns} FROM {Tables} WHERE b.id_key = $1").With(id);
        var bill = await command.FirstAsync(Read, ct);
        return new Outcome<Bill>(bill! with { VoidedAt = null }, null, Replayed: true);
    }

    private static OrderRefusal? Refuse(LockedOrder? order, Money discount) => order switch
    {
        null => new OrderRefusal.InvalidFields("order_id", "is not the id_key of an order"),
        { Status: OrderStatus.Canceled } => new OrderRefusal.WrongState($"Order {order.Id} is CANCELED; there is nothing to bill."),
        { Lines: 0 } => new OrderRefusal.WrongState($"Order {order.Id} has no lines; there is nothing to bill."),
        _ when discount.MinorUnits > order.Total.MinorUnits =>
            new OrderRefusal.InvalidFields("discount", $"must not exceed the order's total of {order.Total}"),
        _ => null,
    };

    private static Bill Read(NpgsqlDataReader row) => new()
    {
        IdKey = row.GetInt64(0),
        BillNumber = row.GetString(1),
        Date = row.GetDateTime(2),
        OrderId = row.GetInt64(3),
        Discount = row.Money(4),
        Total = row.Money(5),
        PaymentType = row.GetInt16(6),
        ClientId = row.GetInt64(7),
        VoidedAt = row.IsDBNull(8) ? null : row.GetDateTime(8),
    };
}
