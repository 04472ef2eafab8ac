using Npgsql;
using Tienda.Data;

namespace Tienda.Orders;

/// <summary>Gives the stock of an order's lines back.</summary>
public static class OrderStock
{
    /// <summary>Adds the statements to a batch of a transaction that holds the order.</summary>
    public static void GiveBack(NpgsqlBatch batch, long orderId)
    {
        batch.Then(
            """
            SELECT 1 FROM products WHERE id_key IN (SELECT product_id FROM order_details WHERE order_id = $1)
            ORDER BY id_key FOR NO KEY UPDATE
            """).With(orderId);
        batch.Then(
            """
            UPDATE products p SET stock = p.stock + line.quantity
            FROM (SELECT product_id, sum(quantity)::integer AS quantity FROM order_details WHERE order_id = $1 GROUP BY product_id) AS line
            WHERE p.id_key = line.product_id
            """).With(orderId);
    }
}
