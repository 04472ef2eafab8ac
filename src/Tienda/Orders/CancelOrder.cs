using Npgsql;
using Tienda.Data;

namespace Tienda.Orders;

/// <summary>Cancels an order: its stock goes back and its bill is voided, once: only the holder of its row gets here.</summary>
public static class CancelOrder
{
    /// <summary>Adds the statements to a batch of a transaction that holds the order and found it not canceled.</summary>
    public static void Add(NpgsqlBatch batch, long orderId)
    {
        OrderStock.GiveBack(batch, orderId);
        batch.Then("UPDATE bills SET voided_at = now() WHERE order_id = $1 AND voided_at IS NULL").With(orderId);
        batch.Then("UPDATE orders SET status = $2 WHERE id_key = $1").With(orderId).With(OrderStatus.Canceled);
    }
}
