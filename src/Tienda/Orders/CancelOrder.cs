using Npgsql;
using Tienda.Data;

namespace Tienda.Orders;

/// <summary>What follows when an order becomes CANCELED: its stock goes back and its bill is voided.</summary>
public static class CancelOrder
{
    /// <summary>
    /// Adds the statements to a batch of a transaction that holds the order, found it not canceled, and has set its status. The status
    /// is set with the other fields, in one statement: a second change of a row by one transaction checks all its foreign keys again
    /// and would lock the client behind the products, while a client's erasure locks the products behind the client.
    /// </summary>
    public static void Add(NpgsqlBatch batch, long orderId)
    {
        OrderStock.GiveBack(batch, orderId, "cancellation");
        batch.Then("UPDATE bills SET voided_at = now() WHERE order_id = $1 AND voided_at IS NULL").With(orderId);
    }
}
