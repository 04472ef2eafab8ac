using System.Globalization;
using Npgsql;
using Tienda.Data;

namespace Tienda.Orders;

/// <summary>Gives the stock of an order's lines back.</summary>
public static class OrderStock
{
    /// <summary>Adds the statements to a batch of a transaction that holds the order.</summary>
    /// <param name="reason">What the history of the products says.</param>
    public static void GiveBack(NpgsqlBatch batch, long orderId, string reason)
    {
        batch.Then(
            """
            SELECT 1 FROM products WHERE id_key IN (SELECT product_id FROM order_details WHERE order_id = $1)
            ORDER BY id_key FOR NO KEY UPDATE
            """).With(orderId);
        batch.Then(
            """
            UPDATE products p SET stock = p.stock + line.quantity
            FROM (SELECT product_id, sum(quantity)::integer AS quantity FROM order_details WHERE order_id = $1 GROUP BY product_id) AS line,
                set_config('tienda.cause', $2, true)
            WHERE p.id_key = line.product_id
            """).With(orderId).With(CauseOf(reason, orderId));
    }

    /// <summary>Why products are changed, in the form that <c>tienda.cause</c> has (0016_keep_product_history.sql).</summary>
    public static string CauseOf(string reason, long orderId) => string.Create(CultureInfo.InvariantCulture, $"{reason}:{orderId}");
}
