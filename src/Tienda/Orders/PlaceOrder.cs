using System.Globalization;
using Npgsql;
using Tienda.Data;
using Tienda.Http;
using Tienda.OrderDetails;

namespace Tienda.Orders;

/// <summary>
/// Places an order as one transaction of three round trips: lock and read, write, commit. Locks are taken in the order
/// client, address, products by id, bill series; every other write keeps to it, so that no two can wait for each other in a circle.
/// </summary>
public sealed class PlaceOrder(NpgsqlDataSource database)
{
    public async Task<Outcome<Order>> RunAsync(PlaceOrderRequest request, CancellationToken ct)
    {
        var items = request.Items ?? [];
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        var (clientKnown, addressKnown, products) = await LockAsync(connection, request, items, ct);
        if (Refuse(request, items, clientKnown, addressKnown, products) is { } refusal)
        {
            return refusal;
        }

        var order = await WriteAsync(connection, request, items, products, ct);
        await transaction.CommitAsync(ct);
        return order;
    }

    private static async Task<(bool Client, bool Address, Dictionary<long, LockedProduct> Products)> LockAsync(
        NpgsqlConnection connection, PlaceOrderRequest request, IReadOnlyList<PlaceOrderItem> items, CancellationToken ct)
    {
        await using var batch = connection.CreateBatch();
        batch.Then("SELECT 1 FROM clients WHERE id_key = $1 AND deleted_at IS NULL FOR KEY SHARE").With(request.ClientId!.Value);
        batch.Then("SELECT 1 FROM addresses WHERE id_key = $1 AND client_id = $2 FOR KEY SHARE")
            .With(request.AddressId).With(request.ClientId.Value);
        LockedProduct.Lock(batch, "id_key = ANY ($1)")
            .With(items.Select(i => i.ProductId!.Value).Distinct().ToArray());
        await using var reader = await batch.ExecuteReaderAsync(ct);
        var client = await reader.ReadAsync(ct);
        await reader.NextResultAsync(ct);
        var address = await reader.ReadAsync(ct);
        await reader.NextResultAsync(ct);
        var products = await reader.ListAsync(LockedProduct.Read, ct);
        return (client, address, products.ToDictionary(p => p.Id));
    }

    private static OrderRefusal? Refuse(
        PlaceOrderRequest request,
        IReadOnlyList<PlaceOrderItem> items,
        bool clientKnown,
        bool addressKnown,
        Dictionary<long, LockedProduct> products)
    {
        var unknown = new Dictionary<string, string>();
        if (!clientKnown)
        {
            unknown["client_id"] = "is not the id_key of a client";
        }
        else if (request.AddressId is not null && !addressKnown)
        {
            unknown["address_id"] = "is not the id_key of an address of this client";
        }

        for (var i = 0; i < items.Count; i++)
        {
            if (!products.ContainsKey(items[i].ProductId!.Value))
            {
                unknown[string.Create(CultureInfo.InvariantCulture, $"items[{i}].product_id")] = "is not the id_key of a product";
            }
        }

        if (unknown.Count > 0)
        {
            return new OrderRefusal.InvalidFields(unknown);
        }

        var inactive = products.Values.Where(p => !p.Active).Select(p => p.Id).Order().ToList();
        if (inactive.Count > 0)
        {
            return new OrderRefusal.NotForSale(inactive);
        }

        foreach (var item in items)
        {
            var price = products[item.ProductId!.Value].Price;
            if (item.Price is { } sent && Money.From(sent) != price)
            {
                return new OrderRefusal.PriceChanged(item.ProductId.Value, Money.From(sent), price);
            }
        }

        return RefuseAmounts(request, items, products);
    }

    private static OrderRefusal? RefuseAmounts(
        PlaceOrderRequest request, IReadOnlyList<PlaceOrderItem> items, Dictionary<long, LockedProduct> products)
    {
        var shortages = items
            .GroupBy(i => i.ProductId!.Value, i => i.Quantity!.Value)
            .Select(wanted => new Shortage
            {
                ProductId = wanted.Key,
                Requested = wanted.Sum(),
                Available = products[wanted.Key].Stock,
            })
            .Where(wanted => wanted.Requested > wanted.Available)
            .OrderBy(wanted => wanted.ProductId)
            .ToList();
        if (shortages.Count > 0)
        {
            return new OrderRefusal.ShortOfStock(shortages);
        }

        // Decimal, because 500 lines at the limits of price and quantity exceed 64 bits.
        var total = items.Sum(i => products[i.ProductId!.Value].Price.Amount * i.Quantity!.Value);
        return total > Limits.Total ? new OrderRefusal.InvalidFields("items", $"must not cost more than {Limits.MaximumTotal} together")
            : request.Discount > total
                ? new OrderRefusal.InvalidFields("discount", $"must not exceed the order's total of {Money.From(total)}")
            : null;
    }

    private static async Task<Order> WriteAsync(
        NpgsqlConnection connection,
        PlaceOrderRequest request,
        IReadOnlyList<PlaceOrderItem> items,
        Dictionary<long, LockedProduct> products,
        CancellationToken ct)
    {
        var ids = items.Select(i => i.ProductId!.Value).ToArray();
        var quantities = items.Select(i => (int)i.Quantity!.Value).ToArray();
        var prices = ids.Select(id => products[id].Price.MinorUnits).ToArray();
        var total = new Money(prices.Zip(quantities, (price, quantity) => price * quantity).Sum());
        var discount = Money.From(request.Discount ?? 0);

        await using var batch = connection.CreateBatch();
        batch.Then(
            """
            UPDATE products p SET stock = p.stock - taken.quantity
            FROM (SELECT id_key, sum(quantity)::integer AS quantity FROM unnest($1, $2) AS line (id_key, quantity) GROUP BY id_key) AS taken
            WHERE p.id_key = taken.id_key
            """).With(ids).With(quantities);
        batch.Then(
            """
            WITH placed AS (
                INSERT INTO orders (client_id, address_id, delivery_method, total) VALUES ($1, $2, $3, $4) RETURNING id_key, date
            ), lines AS (
                INSERT INTO order_details (order_id, product_id, price, quantity)
                SELECT placed.id_key, line.product_id, line.price, line.quantity
                FROM placed, unnest($5, $6, $7) WITH ORDINALITY AS line (product_id, price, quantity, place)
                ORDER BY place
                RETURNING id_key, product_id, price, quantity
            ), bill AS (
                INSERT INTO bills (order_id, bill_number, date, discount, total, payment_type)
                SELECT id_key, next_bill_number('A'), date, $8, $4 - $8, $9 FROM placed WHERE $9 IS NOT NULL
                RETURNING id_key
            )
            SELECT placed.id_key, placed.date, (SELECT id_key FROM bill), lines.id_key, lines.product_id, lines.price, lines.quantity
            FROM placed LEFT JOIN lines ON true
            ORDER BY lines.id_key
            """)
            .With(request.ClientId!.Value)
            .With(request.AddressId)
            .With((short)request.DeliveryMethod!.Value)
            .With(total)
            .With(ids)
            .With(prices)
            .With(quantities)
            .With(discount)
            .With((short?)request.PaymentType);

        await using var reader = await batch.ExecuteReaderAsync(ct);
        var lines = new List<OrderDetail>();
        await reader.ReadAsync(ct);
        var order = new Order
        {
            IdKey = reader.GetInt64(0),
            Date = reader.GetDateTime(1),
            Total = total,
            DeliveryMethod = (short)request.DeliveryMethod.Value,
            Status = OrderStatus.Pending,
            ClientId = request.ClientId.Value,
            AddressId = request.AddressId,
            BillId = reader.NullableInt64(2),
            Items = lines,
        };
        for (var more = !reader.IsDBNull(3); more; more = await reader.ReadAsync(ct))
        {
            lines.Add(new OrderDetail
            {
                IdKey = reader.GetInt64(3),
                OrderId = order.IdKey,
                ProductId = reader.GetInt64(4),
                Price = reader.Money(5),
                Quantity = reader.GetInt32(6),
            });
        }

        return order;
    }
}
