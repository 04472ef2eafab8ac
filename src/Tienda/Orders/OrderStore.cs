using System.Text.Json;
using Npgsql;
using Tienda.Caching;
using Tienda.Data;
using Tienda.Http;
using Tienda.OrderDetails;
using Tienda.Security;

namespace Tienda.Orders;

/// <summary>Reads, changes and deletes orders. Placing is in <see cref="OrderQueue"/>, canceling in <see cref="CancelOrder"/>.</summary>
public sealed class OrderStore(NpgsqlDataSource database, CacheChanges changes)
{
    private const string Columns =
        """
        o.id_key, o.date, o.total, o.delivery_method, o.status, o.client_id, o.address_id,
            (SELECT b.id_key FROM bills b WHERE b.order_id = o.id_key AND b.voided_at IS NULL)
        """;

    /// <summary>What <see cref="ReadEvent"/> reads, of order_events e.</summary>
    public const string EventColumns = "e.id_key, e.order_id, e.date, e.caller, e.event, e.details::text";

    private static readonly (string Sort, ListOrder Order, Func<Order, string> Key) ById = (
        Cursor.ById, ListOrder.ById("o.id_key"), _ => "");

    private static readonly (string Sort, ListOrder Order, Func<Order, string> Key) ByTime = (
        "date", ListOrder.By<DateTime>("o.date", false, ListOrder.TryParseTime, "o.id_key"), order => ListOrder.KeyOf(order.Date));

    /// <summary>Whether the query's cursor belongs to its order.</summary>
    public static bool CanContinue(OrderQuery query) =>
        query.After is not { } after
        || (query.IsOfATime ? ByTime : ById) is var (sort, order, _) && after.Sort == sort && order.Accepts(after);

    /// <summary>The list of the orders that a filter leaves.</summary>
    /// <param name="columns">What stands between SELECT and FROM, of orders o.</param>
    internal static ListStatement Selected(string columns, IOrderFilter filter) =>
        new ListStatement(columns, "orders o", "o.id_key")
            .WhereIf("o.status = {0}", (short?)filter.Status)
            .WhereIf("o.client_id = {0}", filter.ClientId)
            .WhereIf("o.date >= {0}", filter.From?.Utc)
            .WhereIf("o.date < {0}", filter.To?.Utc);

    public Task<Page<Order>> ListAsync(long? confinedTo, OrderQuery query, CancellationToken ct)
    {
        var list = Selected(Columns, query).WhereIf("o.client_id = {0}", confinedTo);
        if (query.IsOfATime || query.Status is not null)
        {
            // A time is an hour or ten years; few orders wait, and most are delivered.
            list.PlannedByValues();
        }

        var (sort, order, key) = query.IsOfATime ? ByTime : ById;
        return list.ReadAsync(database, query, order, Read, o => new Cursor(o.IdKey, sort, key(o)), ct);
    }

    /// <summary>The orders of one client, or null if there is no such client.</summary>
    public Task<Page<Order>?> ListOfClientAsync(long clientId, ListQuery query, CancellationToken ct) =>
        new ListStatement(Columns, "orders o", "o.id_key")
            .Where("o.client_id = {0}", clientId)
            .ReadOfAsync(new ListOwner("clients", clientId), database, query, Read, order => order.IdKey, ct);

    /// <summary>What happened to one order, or null if there never was such an order: the log outlives one that was deleted.</summary>
    public Task<Page<OrderEvent>?> ListEventsAsync(long orderId, ListQuery query, CancellationToken ct) =>
        new ListStatement(EventColumns, "order_events e", "e.id_key")
            .Where("e.order_id = {0}", orderId)
            .ReadOfAsync(
                new ListOwner("(SELECT order_id AS id_key FROM order_events) AS logged", orderId),
                database, query, ReadEvent, happened => happened.IdKey, ct);

    public async Task<Order?> FindAsync(long id, long? confinedTo, CancellationToken ct)
    {
        await using var batch = database.Batch();
        AddFind(batch, id);
        await using var reader = await batch.ReadAsync(ct);
        return await ReadFoundAsync(reader, ct) is { } order && (confinedTo ?? order.ClientId) == order.ClientId ? order : null;
    }

    /// <summary>Changes the fields that were sent. Canceling gives the stock back.</summary>
    public async Task<Outcome<Order>> UpdateAsync(
        long id, UpdateOrderRequest request, IfMatch condition, Actor writer, CancellationToken ct)
    {
        await using var connection = await database.BorrowAsync(ct);
        await using var transaction = await connection.BeginAsync(ct);
        if (await LockAsync(connection, id, condition, writer, ct) is not { } order)
        {
            return default;
        }

        if (Refuse(order, request, byClient: writer.ConfinedTo is not null) is { } refusal)
        {
            return refusal;
        }

        await using var batch = connection.Batch();
        // The order's own row first: it locks a new address, which comes before the products.
        batch.Then(
            """
            UPDATE orders SET
                status = coalesce($2, status),
                delivery_method = coalesce($3, delivery_method),
                address_id = CASE WHEN $4 THEN $5 ELSE address_id END
            WHERE id_key = $1
            """)
            .With(id)
            .With((short?)request.Status)
            .With((short?)request.DeliveryMethod)
            .With(request.Has(nameof(request.AddressId))).With(request.AddressId);
        var cancels = request.Status == OrderStatus.Canceled && order.Status != OrderStatus.Canceled;
        if (cancels)
        {
            CancelOrder.Add(batch, id);
        }

        AddFind(batch, id);
        var change = changes.Begin();
        var changed = await change.RunAsync(
            batch,
            async reader =>
            {
                if (cancels)
                {
                    // The lock on the products answers rows of its own.
                    await reader.NextResultAsync(ct);
                }

                return await ReadFoundAsync(reader, ct);
            },
            ct);
        await change.CommitAsync(transaction);
        return changed!;
    }

    /// <summary>Deletes an order that is PENDING, whose stock is given back, or CANCELED, and that never had a bill.</summary>
    public async Task<Outcome<LockedOrder>> DeleteAsync(long id, IfMatch condition, Actor writer, CancellationToken ct)
    {
        await using var connection = await database.BorrowAsync(ct);
        await using var transaction = await connection.BeginAsync(ct);
        if (await LockAsync(connection, id, condition, writer, ct) is not { } order)
        {
            return default;
        }

        if (order.Status is not (OrderStatus.Pending or OrderStatus.Canceled))
        {
            return new OrderRefusal.WrongState(
                $"Order {id} is {OrderStatus.NameOf(order.Status)}; only a PENDING or CANCELED one can be deleted.");
        }

        if (order.EverBilled)
        {
            return new OrderRefusal.WrongState($"Order {id} was billed, and bills are kept; cancel it instead.");
        }

        await using var batch = connection.Batch();
        if (order.Status == OrderStatus.Pending)
        {
            OrderStock.GiveBack(batch, id, "order_deleted");
        }

        batch.Then("DELETE FROM orders WHERE id_key = $1").With(id);
        var change = changes.Begin();
        await change.RunAsync(batch, ct);
        await change.CommitAsync(transaction);
        return order;
    }

    /// <summary>Locks an order that the writer may see, and judges the condition on what a read of it would answer now.</summary>
    private static async Task<LockedOrder?> LockAsync(
        NpgsqlConnection connection, long id, IfMatch condition, Actor writer, CancellationToken ct)
    {
        await using var batch = connection.Batch();
        LockedOrder.Lock(batch, "$1", id, writer);
        if (condition.IsSet)
        {
            AddFind(batch, id);
        }

        await using var reader = await batch.ReadAsync(ct);
        if (await LockedOrder.ReadAsync(reader, ct) is not { } order || !writer.MaySee(order.ClientId))
        {
            return null;
        }

        if (condition.IsSet)
        {
            condition.Check((await ReadFoundAsync(reader, ct))!);
        }

        return order;
    }

    private static OrderRefusal? Refuse(LockedOrder order, UpdateOrderRequest request, bool byClient)
    {
        if (request.ClientId is { } client && client != order.ClientId)
        {
            return new OrderRefusal.InvalidFields("client_id", "cannot be changed");
        }

        if (byClient && request.Status is { } wanted && wanted != order.Status && wanted != OrderStatus.Canceled)
        {
            return new OrderRefusal.NotAllowed("status: a client can only cancel an order (4); the shop moves it on.");
        }

        if (request.Status is { } status && status != order.Status && !OrderStatus.Allows(order.Status, (short)status))
        {
            return new OrderRefusal.WrongState(
                $"Order {order.Id} is {OrderStatus.NameOf(order.Status)} and cannot become {OrderStatus.NameOf((short)status)}.");
        }

        var moves = (request.DeliveryMethod is { } method && method != order.DeliveryMethod)
            || (request.Has(nameof(request.AddressId)) && request.AddressId != order.AddressId);
        if (moves && byClient && order.Status == OrderStatus.InProgress)
        {
            return new OrderRefusal.WrongState($"Order {order.Id} is IN_PROGRESS; only the shop can still change its delivery.");
        }

        return moves && order.Status is (OrderStatus.Delivered or OrderStatus.Canceled)
            ? new OrderRefusal.WrongState($"Order {order.Id} is {OrderStatus.NameOf(order.Status)}; its delivery cannot change any more.")
            : null;
    }

    // One statement, so that the total and the lines are of one moment.
    private static void AddFind(NpgsqlBatch batch, long id) => batch.Then(
        $"""
        SELECT {Columns}, d.id_key, d.order_id, d.product_id, d.quantity, d.price
        FROM orders o LEFT JOIN order_details d ON d.order_id = o.id_key
        WHERE o.id_key = $1 ORDER BY d.id_key
        """).With(id);

    private static async Task<Order?> ReadFoundAsync(NpgsqlDataReader reader, CancellationToken ct)
    {
        const int LineColumns = 8;
        if (!await reader.ReadAsync(ct))
        {
            return null;
        }

        var lines = new List<OrderDetail>();
        var order = Read(reader) with { Items = lines };
        for (var more = !reader.IsDBNull(LineColumns); more; more = await reader.ReadAsync(ct))
        {
            lines.Add(OrderDetailStore.Read(reader, LineColumns));
        }

        return order;
    }

    public static OrderEvent ReadEvent(NpgsqlDataReader row) => new()
    {
        IdKey = row.GetInt64(0),
        OrderId = row.GetInt64(1),
        Date = row.GetDateTime(2),
        Caller = row.GetString(3),
        Event = row.GetString(4),
        Details = row.NullableString(5) is { } json ? JsonElement.Parse(json) : null,
    };

    private static Order Read(NpgsqlDataReader row) => new()
    {
        IdKey = row.GetInt64(0),
        Date = row.GetDateTime(1),
        Total = row.Money(2),
        DeliveryMethod = row.GetInt16(3),
        Status = row.GetInt16(4),
        ClientId = row.GetInt64(5),
        AddressId = row.NullableInt64(6),
        BillId = row.NullableInt64(7),
    };
}
