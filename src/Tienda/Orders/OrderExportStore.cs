using Npgsql;
using Tienda.Data;
using Tienda.Http;

namespace Tienda.Orders;

/// <summary>All orders with their lines, or those that a filter names, as a file.</summary>
public sealed class OrderExportStore(NpgsqlDataSource database)
{
    public Task<RowExport> ReadAsync(OrderExportQuery query, FileFormat format, CancellationToken ct) => RowExport.BeginAsync(
        database,
        OrderStore.Selected("", query),
        format,
        from =>
            $"""
            SELECT o.id_key, {RowExport.Time("o.date")} AS date, o.total * 0.01 AS total, o.delivery_method, o.status, o.client_id,
                o.address_id,
                (SELECT b.id_key FROM bills b WHERE b.order_id = o.id_key AND b.voided_at IS NULL) AS bill_id,
                (SELECT coalesce(json_agg(json_build_object(
                    'id_key', d.id_key, 'order_id', d.order_id, 'product_id', d.product_id, 'quantity', d.quantity, 'price', d.price * 0.01)
                    ORDER BY d.id_key), '[]') FROM order_details d WHERE d.order_id = o.id_key) AS items
            FROM {from} ORDER BY o.id_key
            """,
        ct);
}
