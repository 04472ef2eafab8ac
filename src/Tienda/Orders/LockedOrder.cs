using Npgsql;
using Tienda.Data;
using Tienda.Security;

namespace Tienda.Orders;

/// <summary>An order whose row this transaction holds, so that its state, lines and bill stay what they are until the commit.</summary>
/// <param name="OpenBillId">Its bill that is not voided.</param>
/// <param name="EverBilled">Whether there is any bill, also a voided one.</param>
public sealed record LockedOrder(
    long Id, long ClientId, short Status, Money Total, short DeliveryMethod, long? AddressId, long? OpenBillId, bool EverBilled, int Lines)
{
    /// <summary>Adds to a batch what locks one order and reads it; take the result by <see cref="ReadAsync"/>.</summary>
    /// <param name="id">SQL for the order's id with one parameter, <c>$1</c>.</param>
    /// <param name="value">That parameter.</param>
    /// <param name="writer">Whom the log of events names for what follows in this transaction.</param>
    public static void Lock(NpgsqlBatch batch, string id, long value, Actor writer)
    {
        batch.Then($"SELECT set_config('tienda.caller', $2, true) FROM orders WHERE id_key = {id} FOR NO KEY UPDATE")
            .With(value).With(writer.Name);
        // A statement of its own: after a wait for the lock, only a new snapshot sees the bill or the line that was waited for.
        batch.Then(
            $"""
            SELECT o.id_key, o.client_id, o.status, o.total, o.delivery_method, o.address_id,
                (SELECT b.id_key FROM bills b WHERE b.order_id = o.id_key AND b.voided_at IS NULL),
                EXISTS (SELECT FROM bills b WHERE b.order_id = o.id_key),
                (SELECT count(*)::integer FROM order_details d WHERE d.order_id = o.id_key)
            FROM orders o WHERE o.id_key = {id}
            """).With(value);
    }

    /// <summary>Reads what <see cref="Lock"/> asked for, or null if there is no such order, and moves on to the next result.</summary>
    public static async Task<LockedOrder?> ReadAsync(NpgsqlDataReader row, CancellationToken ct)
    {
        await row.NextResultAsync(ct);
        var order = await row.ReadAsync(ct)
            ? new LockedOrder(
                row.GetInt64(0), row.GetInt64(1), row.GetInt16(2), row.Money(3), row.GetInt16(4), row.NullableInt64(5),
                row.NullableInt64(6), row.GetBoolean(7), row.GetInt32(8))
            : null;
        await row.NextResultAsync(ct);
        return order;
    }

    /// <summary>Why lines of this order cannot be added, changed or removed, or null if they can.</summary>
    public OrderRefusal? RefuseLineChange() =>
        Status != OrderStatus.Pending
            ? new OrderRefusal.WrongState($"Order {Id} is {OrderStatus.NameOf(Status)}; lines change only while it is PENDING.")
            : OpenBillId is not null
                ? new OrderRefusal.WrongState($"Order {Id} has a bill; void it before changing lines.")
                : null;
}
