using Npgsql;
using Tienda.Data;
using Tienda.Http;
using Tienda.Orders;

namespace Tienda.Bills;

/// <summary>The bills in the database.</summary>
public sealed class BillStore(NpgsqlDataSource database)
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
        await using var command = database.CreateCommand(
            $"SELECT {Columns} FROM {Tables} WHERE b.id_key = $1 AND ($2 IS NULL OR o.client_id = $2)").With(id).With(confinedTo);
        return await command.FirstAsync(Read, ct);
    }

    /// <summary>Bills an order. The order's row is held meanwhile, so that its lines and its state cannot change under the bill.</summary>
    public async Task<Outcome<Bill>> CreateAsync(CreateBillRequest request, long? confinedTo, CancellationToken ct)
    {
        var orderId = request.OrderId!.Value;
        var discount = Money.From(request.Discount ?? 0);
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        LockedOrder? order;
        await using (var locks = connection.CreateBatch())
        {
            LockedOrder.Lock(locks, "$1", orderId);
            await using var reader = await locks.ExecuteReaderAsync(ct);
            order = await LockedOrder.ReadAsync(reader, ct) is { } found && found.IsOpenTo(confinedTo) ? found : null;
        }

        if (Refuse(order, discount) is { } refusal)
        {
            return refusal;
        }

        await using var command = new NpgsqlCommand(
            $"""
            WITH b AS (
                INSERT INTO bills (order_id, bill_number, discount, total, payment_type)
                VALUES ($1, next_bill_number('A'), $2, $3, $4)
                RETURNING *
            )
            SELECT {Columns} FROM b JOIN orders o ON o.id_key = b.order_id
            """,
            connection)
            .With(orderId)
            .With(discount)
            .With(new Money(order!.Total.MinorUnits - discount.MinorUnits))
            .With((short)request.PaymentType!.Value);
        var bill = await command.FirstAsync(Read, ct);
        await transaction.CommitAsync(ct);
        return bill!;
    }

    /// <summary>Voids a bill; one that is voided already stays as it is. Null if there is no such bill.</summary>
    public async Task<Bill?> VoidAsync(long id, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            $"""
            UPDATE bills b SET voided_at = coalesce(b.voided_at, now())
            FROM orders o WHERE b.id_key = $1 AND o.id_key = b.order_id
            RETURNING {Columns}
            """).With(id);
        return await command.FirstAsync(Read, ct);
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
