using Npgsql;
using Tienda.Data;

namespace Tienda.Demo;

/// <summary>
/// Writes invented orders with all that hangs on them, inside the caller's transaction. Stock is left alone: what they sold was restocked
/// in the same year, and what an API sale takes is therefore taken from the stock that is shown.
/// </summary>
internal sealed class DemoOrderLoad(NpgsqlConnection connection)
{
    // What happened to the orders, as their clients and the shop would have done it, rather than one by one as they are copied.
    private const string Events =
        """
        INSERT INTO order_events (order_id, date, caller, event, details)
        SELECT e.order_id, e.date, e.caller, e.event, e.details
        FROM (
            SELECT id_key AS order_id, 0 AS place, date, 'client:' || client_id AS caller, 'placed' AS event, NULL::jsonb AS details
            FROM orders WHERE id_key = ANY ($1)
            UNION ALL
            SELECT o.id_key, 1, b.date, 'client:' || o.client_id, 'billed',
                jsonb_build_object('bill_id', b.id_key, 'bill_number', b.bill_number)
            FROM orders o JOIN bills b ON b.order_id = o.id_key WHERE o.id_key = ANY ($1)
            UNION ALL
            SELECT o.id_key, step.place, o.date, 'api-key', 'status_changed', jsonb_build_object('from', step.was, 'to', step.becomes)
            FROM orders o JOIN (VALUES (2, 2, 1, 2), (3, 2, 1, 2), (3, 3, 2, 3), (4, 2, 1, 4)) AS step (status, place, was, becomes)
                ON step.status = o.status
            WHERE o.id_key = ANY ($1)
            UNION ALL
            SELECT o.id_key, 4, b.voided_at, 'api-key', 'bill_voided', jsonb_build_object('bill_id', b.id_key, 'bill_number', b.bill_number)
            FROM orders o JOIN bills b ON b.order_id = o.id_key WHERE o.id_key = ANY ($1) AND b.voided_at IS NOT NULL
        ) AS e
        ORDER BY e.order_id, e.place
        """;

    public async Task AddAsync(IReadOnlyList<DemoOrder> orders, CancellationToken ct)
    {
        await connection.ExecuteAsync("SELECT set_config('tienda.logs_itself', 'on', true)", ct);
        var ids = await connection.ReserveIdsAsync("orders", orders.Count, ct);
        var placed = orders.Zip(ids, (order, id) => (Id: id, Order: order)).ToList();
        await connection.CopyAsync(
            "orders (id_key, client_id, address_id, date, total, delivery_method, status)",
            placed,
            (row, o) => row.Add(o.Id).Add(o.Order.Buyer.Id).Add(o.Order.Buyer.AddressId).Add(o.Order.Date).Add(o.Order.Total.MinorUnits)
                .Add(o.Order.DeliveryMethod).Add(o.Order.Status),
            ct);
        var lines = placed.SelectMany(o => o.Order.Lines, (o, line) => (OrderId: o.Id, Line: line)).ToList();
        await connection.CopyAsync(
            "order_details (id_key, order_id, product_id, price, quantity)",
            lines.Zip(await connection.ReserveIdsAsync("order_details", lines.Count, ct)),
            (row, l) => row.Add(l.Second).Add(l.First.OrderId).Add(l.First.Line.Offer.Id).Add(l.First.Line.Offer.Price.MinorUnits)
                .Add(l.First.Line.Quantity),
            ct);
        // Reviews lock products, bills lock their series: in this order, which is the one that placing an order has too.
        await AddReviewsAsync([.. orders.SelectMany(o => o.Reviews, (o, review) => (o.Buyer.Id, review))], ct);
        await AddBillsAsync([.. placed.Where(o => o.Order.Bill is not null)], ct);
        await using var log = connection.Statement(Events).With(ids.ToArray());
        await log.ChangeAsync(ct);
    }

    /// <summary>A client who bought something twice keeps the first review.</summary>
    private async Task AddReviewsAsync(List<(long ClientId, DemoReview Review)> reviews, CancellationToken ct)
    {
        await using var command = connection.Statement(
            """
            INSERT INTO reviews (client_id, product_id, rating, comment, created_at)
            SELECT client_id, product_id, rating, comment, created_at
            FROM unnest($1, $2, $3, $4, $5) WITH ORDINALITY AS r (client_id, product_id, rating, comment, created_at, place)
            ORDER BY place
            ON CONFLICT (client_id, product_id) DO NOTHING
            """)
            .With(reviews.ConvertAll(r => r.ClientId))
            .With(reviews.ConvertAll(r => r.Review.ProductId))
            .With(reviews.ConvertAll(r => r.Review.Rating))
            .With(reviews.ConvertAll(r => r.Review.Comment))
            .With(reviews.ConvertAll(r => r.Review.Date));
        await command.ChangeAsync(ct);
    }

    private async Task AddBillsAsync(List<(long Id, DemoOrder Order)> billed, CancellationToken ct)
    {
        // Locks the series until the commit, as next_bill_number() does for one bill: no gaps.
        await using var take = connection.Statement("SELECT take_bill_numbers('A', $1)").With(billed.Count);
        var number = await take.ValueAsync<long>(ct);
        await connection.CopyAsync(
            "bills (id_key, order_id, bill_number, date, discount, total, payment_type, voided_at)",
            billed.Zip(await connection.ReserveIdsAsync("bills", billed.Count, ct)),
            (row, b) =>
            {
                var (order, bill) = (b.First.Order, b.First.Order.Bill!);
                row.Add(b.Second).Add(b.First.Id).Add(BulkLoad.BillNumber("A", ++number)).Add(bill.Date).Add(bill.Discount.MinorUnits)
                    .Add(order.Total.MinorUnits - bill.Discount.MinorUnits).Add(bill.PaymentType).Add(bill.VoidedAt);
            },
            ct);
    }
}
