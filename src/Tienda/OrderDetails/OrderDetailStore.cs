using System.Runtime.CompilerServices;
using Npgsql;
using Tienda.Caching;
using Tienda.Data;
using Tienda.Http;
using Tienda.Orders;
using Tienda.Security;

namespace Tienda.OrderDetails;

/// <summary>
/// The lines of orders. A write locks the order, then the products by id, checks, and changes stock, line and total together.
/// </summary>
public sealed class OrderDetailStore(NpgsqlDataSource database, CacheChanges changes)
{
    private const string Columns = "id_key, order_id, product_id, quantity, price";

    // What the history of the products says.
    private const string LineChange = "line_change";

    public Task<Page<OrderDetail>> ListAsync(long? confinedTo, ListQuery query, CancellationToken ct) =>
        new ListStatement(Columns, "order_details")
            .WhereIf("order_id IN (SELECT id_key FROM orders WHERE client_id = {0})", confinedTo)
            .ReadAsync(database, query, Read, line => line.IdKey, ct);

    /// <summary>The lines of one order, or null if there is no such order.</summary>
    public Task<Page<OrderDetail>?> ListOfOrderAsync(long orderId, long? confinedTo, ListQuery query, CancellationToken ct) =>
        new ListStatement(Columns, "order_details")
            .Where("order_id = {0}", orderId)
            .ReadOfAsync(
                new ListOwner("orders", orderId, "$2 IS NULL OR client_id = $2", confinedTo),
                database, query, Read, line => line.IdKey, ct);

    public async Task<OrderDetail?> FindAsync(long id, long? confinedTo, CancellationToken ct)
    {
        await using var command = database.Statement(
            $"""
            SELECT {Columns} FROM order_details
            WHERE id_key = $1 AND ($2 IS NULL OR order_id IN (SELECT id_key FROM orders WHERE client_id = $2))
            """).With(id).With(confinedTo);
        return await command.FirstAsync(Read, ct);
    }

    public async Task<Outcome<OrderDetail>> CreateAsync(
        CreateOrderDetailRequest request, Actor writer, IdempotencyKey? key, CancellationToken ct)
    {
        var (productId, quantity) = (request.ProductId!.Value, (int)request.Quantity!.Value);
        var sentPrice = request.Price is { } sent ? Money.From(sent).MinorUnits : (long?)null;
        var keyed = KeyedRequest.Of("order_details", writer, key, request.OrderId, productId, quantity, sentPrice);
        await using var connection = await database.BorrowAsync(ct);
        await using var transaction = await connection.BeginAsync(ct);
        KeptAnswer? kept;
        LockedOrder? order;
        LockedProduct? product;
        await using (var locks = connection.Batch())
        {
            keyed.Look(locks);
            LockedOrder.Lock(locks, "$1", request.OrderId!.Value, writer);
            LockedProduct.Lock(locks, "id_key = $1").With(productId);
            await using var reader = await locks.ReadAsync(ct);
            kept = await keyed.ReadAsync(reader, ct);
            order = await LockedOrder.ReadAsync(reader, ct) is { } found && writer.MaySee(found.ClientId) ? found : null;
            product = (await reader.ListAsync(LockedProduct.Read, ct)).SingleOrDefault();
        }

        if (kept is not null)
        {
            return Replay(kept, request);
        }

        if ((RefuseUnknown(order, product) ?? order!.RefuseLineChange() ?? RefuseSale(product!, quantity, product!.Price, request.Price))
            is { } refusal)
        {
            return refusal;
        }

        if (order!.Lines >= Limits.MaximumOrderLines)
        {
            return new OrderRefusal.InvalidFields("order_id", $"already has {Limits.MaximumOrderLines} lines, the most there can be");
        }

        await using var batch = connection.Batch();
        // The line tells the history of the product what was left behind it.
        AddStockChange(batch, productId, -quantity, "sale");
        AddTotalChange(batch, order.Id, product!.Price.MinorUnits * quantity);
        batch.Then(
            $"""
            INSERT INTO order_details (order_id, product_id, quantity, price, stock_after)
            SELECT $1, $2, $3, $4, stock FROM products WHERE id_key = $2
            RETURNING {Columns}
            """)
            .With(order.Id).With(productId).With(quantity).With(product.Price);
        keyed.KeepLine(batch, product.Price);
        return await CommitAsync(transaction, batch, ct);
    }

    public async Task<Outcome<OrderDetail>> UpdateAsync(
        long id, UpdateOrderDetailRequest request, IfMatch condition, Actor writer, CancellationToken ct)
    {
        await using var connection = await database.BorrowAsync(ct);
        await using var transaction = await connection.BeginAsync(ct);
        var (order, line, products) = await LockAsync(connection, id, request.ProductId, writer, ct);
        if (order is null || line is null || !writer.MaySee(order.ClientId))
        {
            return default;
        }

        condition.Check(line);
        var productId = request.ProductId ?? line.ProductId;
        var quantity = (int)(request.Quantity ?? line.Quantity);
        if (request.OrderId is { } moved && moved != order.Id)
        {
            return new OrderRefusal.InvalidFields("order_id", "cannot be changed");
        }

        var sameProduct = productId == line.ProductId;
        var product = products.SingleOrDefault(p => p.Id == productId);
        var price = sameProduct ? line.Price : product?.Price ?? line.Price;
        var taken = sameProduct ? quantity - line.Quantity : quantity;
        if ((RefuseUnknown(order, product) ?? order.RefuseLineChange() ?? RefuseSale(product!, taken, price, request.Price)) is { } refusal)
        {
            return refusal;
        }

        await using var batch = connection.Batch();
        if (!sameProduct)
        {
            AddStockChange(batch, line.ProductId, line.Quantity, OrderStock.CauseOf(LineChange, order.Id));
        }

        AddStockChange(batch, productId, -taken, OrderStock.CauseOf(LineChange, order.Id));
        AddTotalChange(batch, order.Id, (price.MinorUnits * quantity) - (line.Price.MinorUnits * line.Quantity));
        batch.Then(
            $"UPDATE order_details SET product_id = $2, quantity = $3, price = $4 WHERE id_key = $1 RETURNING {Columns}")
            .With(id).With(productId).With(quantity).With(price);
        return await CommitAsync(transaction, batch, ct);
    }

    /// <summary>Removes a line and gives its stock back.</summary>
    public async Task<Outcome<OrderDetail>> DeleteAsync(long id, IfMatch condition, Actor writer, CancellationToken ct)
    {
        await using var connection = await database.BorrowAsync(ct);
        await using var transaction = await connection.BeginAsync(ct);
        var (order, line, _) = await LockAsync(connection, id, null, writer, ct);
        if (order is null || line is null || !writer.MaySee(order.ClientId))
        {
            return default;
        }

        condition.Check(line);
        if (order.RefuseLineChange() is { } refusal)
        {
            return refusal;
        }

        await using var batch = connection.Batch();
        AddStockChange(batch, line.ProductId, line.Quantity, OrderStock.CauseOf(LineChange, order.Id));
        AddTotalChange(batch, order.Id, -line.Price.MinorUnits * line.Quantity);
        batch.Then("DELETE FROM order_details WHERE id_key = $1").With(id);
        var change = changes.Begin();
        await change.RunAsync(batch, ct);
        await change.CommitAsync(transaction);
        return line;
    }

    /// <summary>Reads a line whose columns begin at the given one.</summary>
    public static OrderDetail Read(NpgsqlDataReader row, int first) => new()
    {
        IdKey = row.GetInt64(first),
        OrderId = row.GetInt64(first + 1),
        ProductId = row.GetInt64(first + 2),
        Quantity = row.GetInt32(first + 3),
        Price = row.Money(first + 4),
    };

    private static OrderDetail Read(NpgsqlDataReader row) => Read(row, 0);

    private static async Task<(LockedOrder? Order, OrderDetail? Line, List<LockedProduct> Products)> LockAsync(
        NpgsqlConnection connection, long id, long? otherProduct, Actor writer, CancellationToken ct)
    {
        await using var locks = connection.Batch();
        LockedOrder.Lock(locks, "(SELECT order_id FROM order_details WHERE id_key = $1)", id, writer);
        locks.Then($"SELECT {Columns} FROM order_details WHERE id_key = $1").With(id);
        LockedProduct.Lock(locks, "id_key = $2 OR id_key = (SELECT product_id FROM order_details WHERE id_key = $1)")
            .With(id).With(otherProduct);
        await using var reader = await locks.ReadAsync(ct);
        var order = await LockedOrder.ReadAsync(reader, ct);
        var line = (await reader.ListAsync(Read, ct)).SingleOrDefault();
        await reader.NextResultAsync(ct);
        return (order, line, await reader.ListAsync(LockedProduct.Read, ct));
    }

    private static Outcome<OrderDetail> Replay(KeptAnswer kept, CreateOrderDetailRequest request) => kept.IsOfThisRequest
        ? new Outcome<OrderDetail>(
            new OrderDetail
            {
                IdKey = kept.LineId!.Value,
                OrderId = request.OrderId!.Value,
                ProductId = request.ProductId!.Value,
                Quantity = (int)request.Quantity!.Value,
                Price = kept.Price!.Value,
            },
            null,
            Replayed: true)
        : new OrderRefusal.KeyReused();

    private static OrderRefusal? RefuseUnknown(LockedOrder? order, LockedProduct? product)
    {
        var unknown = new Dictionary<string, string>();
        if (order is null)
        {
            unknown["order_id"] = "is not the id_key of an order";
        }

        if (product is null)
        {
            unknown["product_id"] = "is not the id_key of a product";
        }

        return unknown.Count > 0 ? new OrderRefusal.InvalidFields(unknown) : null;
    }

    /// <summary>Why these further units cannot be sold at this price, or null if they can. Giving units back is always possible.</summary>
    private static OrderRefusal? RefuseSale(LockedProduct product, int units, Money price, decimal? sentPrice) =>
        sentPrice is { } sent && Money.From(sent) != price ? new OrderRefusal.PriceChanged(product.Id, Money.From(sent), price)
        : units > 0 && !product.Active ? new OrderRefusal.NotForSale([product.Id])
        : units > product.Stock
            ? new OrderRefusal.ShortOfStock([new Shortage { ProductId = product.Id, Requested = units, Available = product.Stock }])
            : null;

    private static void AddStockChange(NpgsqlBatch batch, long productId, int change, string cause) =>
        batch.Then("UPDATE products SET stock = stock + $2 FROM set_config('tienda.cause', $3, true) WHERE id_key = $1")
            .With(productId).With(change).With(cause);

    private static void AddTotalChange(NpgsqlBatch batch, long orderId, long change) =>
        batch.Then("UPDATE orders SET total = total + $2 WHERE id_key = $1").With(orderId).With(change);

    // Only one statement of these batches answers rows of its own; the reader stands on the first result that has columns.
    private async Task<OrderDetail> CommitAsync(
        Transaction transaction, NpgsqlBatch batch, CancellationToken ct,
        [CallerFilePath] string file = "", [CallerMemberName] string member = "")
    {
        var change = changes.Begin();
        var line = await change.RunAsync(batch, reader => reader.FirstAsync(Read, ct), ct, file, member);
        await change.CommitAsync(transaction);
        return line!;
    }
}
