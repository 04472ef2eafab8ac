using Npgsql;
using Tienda.Caching;
using Tienda.Data;
using Tienda.OrderDetails;

namespace Tienda.Orders;

/// <summary>
/// Hands orders to <c>place_orders()</c> (Data/Migrations/0005_place_orders.sql) in one statement: one round trip, one transaction,
/// and an outcome for each.
/// </summary>
public static class OrderBatch
{
    private const string Sql =
        """
        SELECT outcome, placed_at, order_id, bill_id, line_ids, prices, unknown_fields, products, sent, present
        FROM place_orders($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        """;

    /// <summary>
    /// The outcomes in the order of the orders; null for one that needs a row which somebody else holds. If it throws, none of them was
    /// placed, unless the connection broke.
    /// </summary>
    /// <param name="exclusive">Whether to wait for a turn in which nobody else places orders.</param>
    public static async Task<List<Outcome<Order>?>> PlaceAsync(
        NpgsqlConnection connection, CacheChanges changes, IReadOnlyList<WaitingOrder> orders, bool exclusive, CancellationToken ct)
    {
        await using var batch = connection.Batch();
        AddStatement(batch, orders, exclusive);
        return await changes.RunAsync(
            batch,
            async row =>
            {
                var outcomes = new List<Outcome<Order>?>(orders.Count);
                while (await row.ReadAsync(ct))
                {
                    outcomes.Add(row.GetString(0) == "held" ? (Outcome<Order>?)null : Read(row, orders[outcomes.Count]));
                }

                return outcomes;
            },
            ct);
    }

    private static void AddStatement(NpgsqlBatch batch, IReadOnlyList<WaitingOrder> orders, bool exclusive)
    {
        var places = new Dictionary<long, int>();
        var (products, quantities, prices) = (new List<int>(), new List<int>(), new List<long?>());
        foreach (var item in orders.SelectMany(order => order.Items))
        {
            var id = item.ProductId!.Value;
            if (!places.TryGetValue(id, out var place))
            {
                places[id] = place = places.Count + 1;
            }

            products.Add(place);
            quantities.Add((int)item.Quantity!.Value);
            prices.Add(item.Price is { } price ? Money.From(price).MinorUnits : null);
        }

        batch.Then(Sql)
            .With(orders.Select(o => o.Keyed.Writer.Name).ToArray())
            .With(orders.Select(o => o.Keyed.Key).ToArray())
            .With(orders.Select(o => o.Keyed.Hash).ToArray())
            .With(orders.Select(o => o.Request.ClientId!.Value).ToArray())
            .With(orders.Select(o => o.Request.AddressId).ToArray())
            .With(orders.Select(o => (short)o.Request.DeliveryMethod!.Value).ToArray())
            .With(orders.Select(o => (short?)o.Request.PaymentType).ToArray())
            .With(orders.Select(o => Money.From(o.Request.Discount ?? 0).MinorUnits).ToArray())
            .With(orders.Select(o => o.Items.Count).ToArray())
            .With(products.ToArray())
            .With(quantities.ToArray())
            .With(prices.ToArray())
            .With(places.Keys.ToArray())
            .With(exclusive);
    }

    private static Outcome<Order> Read(NpgsqlDataReader row, WaitingOrder order) => row.GetString(0) switch
    {
        "placed" => ReadOrder(row, order),
        "replayed" => new Outcome<Order>(ReadOrder(row, order), null, Replayed: true),
        "key_reused" => new OrderRefusal.KeyReused(),
        "unknown" => new OrderRefusal.InvalidFields(row.GetFieldValue<string[]>(6).ToDictionary(field => field, field => field switch
        {
            "client_id" => "is not the id_key of a client",
            "address_id" => "is not the id_key of an address of this client",
            _ => "is not the id_key of a product",
        })),
        "inactive" => new OrderRefusal.NotForSale([.. Ids(row).Distinct().Order()]),
        "price_changed" => new OrderRefusal.PriceChanged(Ids(row)[0], new Money(Sent(row)[0]), new Money(Present(row)[0])),
        "short_of_stock" => new OrderRefusal.ShortOfStock(
        [
            .. Ids(row).Zip(Sent(row), Present(row))
                .Select(s => new Http.Shortage { ProductId = s.First, Requested = s.Second, Available = (int)s.Third })
                .OrderBy(shortage => shortage.ProductId),
        ]),
        "too_expensive" => new OrderRefusal.InvalidFields("items", $"must not cost more than {Limits.MaximumTotal} together"),
        "discount_too_high" => new OrderRefusal.InvalidFields(
            "discount", $"must not exceed the order's total of {new Money(Present(row)[0])}"),
        var outcome => throw new InvalidOperationException($"place_orders() answered '{outcome}', which this program does not know."),
    };

    private static Order ReadOrder(NpgsqlDataReader row, WaitingOrder waiting)
    {
        var id = row.GetInt64(2);
        var lines = row.GetFieldValue<long[]>(4).Zip(row.GetFieldValue<long[]>(5), waiting.Items)
            .Select(line => new OrderDetail
            {
                IdKey = line.First,
                OrderId = id,
                ProductId = line.Third.ProductId!.Value,
                Quantity = (int)line.Third.Quantity!.Value,
                Price = new Money(line.Second),
            })
            .ToList();
        return new Order
        {
            IdKey = id,
            Date = row.GetDateTime(1),
            Total = new Money(lines.Sum(line => line.Price.MinorUnits * line.Quantity)),
            DeliveryMethod = (short)waiting.Request.DeliveryMethod!.Value,
            Status = OrderStatus.Pending,
            ClientId = waiting.Request.ClientId!.Value,
            AddressId = waiting.Request.AddressId,
            BillId = row.NullableInt64(3),
            Items = lines,
        };
    }

    private static long[] Ids(NpgsqlDataReader row) => row.GetFieldValue<long[]>(7);

    private static long[] Sent(NpgsqlDataReader row) => row.GetFieldValue<long[]>(8);

    private static long[] Present(NpgsqlDataReader row) => row.GetFieldValue<long[]>(9);
}
