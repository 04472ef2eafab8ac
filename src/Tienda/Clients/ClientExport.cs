using Npgsql;
using Tienda.Addresses;
using Tienda.Data;
using Tienda.Orders;
using Tienda.Reviews;

namespace Tienda.Clients;

/// <summary>Everything that the shop keeps about a person, except the password's hash, which tells the person nothing.</summary>
public sealed record ClientExport
{
    public required Client Client { get; init; }

    public required List<Address> Addresses { get; init; }

    public required List<ExportedOrder> Orders { get; init; }

    public required List<Review> Reviews { get; init; }

    /// <summary>Where the person is signed in.</summary>
    public required List<ExportedSession> Sessions { get; init; }

    /// <summary>Adds the statements that <see cref="ReadAsync"/> reads the results of.</summary>
    internal static void AddStatements(NpgsqlBatch batch, long clientId)
    {
        const string OfClientsOrders = "JOIN orders o ON o.id_key = x.order_id WHERE o.client_id = $1 ORDER BY x.id_key";
        batch.Then($"SELECT {ClientStore.Columns} FROM clients WHERE id_key = $1").With(clientId);
        batch.Then("SELECT id_key, street, number, city, client_id FROM addresses WHERE client_id = $1 ORDER BY id_key").With(clientId);
        // Orders before what belongs to them: of an order that comes in meanwhile nothing is shown, rather than half of it.
        batch.Then(
            """
            SELECT id_key, date, total, delivery_method, status, address_id FROM orders WHERE client_id = $1 ORDER BY id_key
            """)
            .With(clientId);
        batch.Then($"SELECT x.order_id, x.id_key, x.product_id, x.quantity, x.price FROM order_details x {OfClientsOrders}").With(clientId);
        batch.Then(
            $"""
            SELECT x.order_id, x.id_key, x.bill_number, x.date, x.discount, x.total, x.payment_type, x.voided_at
            FROM bills x {OfClientsOrders}
            """)
            .With(clientId);
        batch.Then(
            """
            SELECT id_key, product_id, client_id, rating, comment, created_at FROM reviews WHERE client_id = $1 ORDER BY id_key
            """)
            .With(clientId);
        batch.Then(
            $"""
            SELECT {OrderStore.EventColumns} FROM order_events e JOIN orders o ON o.id_key = e.order_id
            WHERE o.client_id = $1 ORDER BY e.id_key
            """)
            .With(clientId);
        batch.Then("SELECT created_at, expires_at FROM sessions WHERE client_id = $1 ORDER BY created_at").With(clientId);
    }

    /// <summary>Reads the results in the order of the statements, or answers null if there is no such client.</summary>
    internal static async Task<ClientExport?> ReadAsync(NpgsqlDataReader reader, CancellationToken ct)
    {
        var clients = await reader.ListAsync(ClientStore.Read, ct);
        var addresses = await NextListAsync(reader, ReadAddress, ct);
        var orders = await NextListAsync(reader, ExportedOrder.Read, ct);
        var items = (await NextListAsync(reader, row => (OrderId: row.GetInt64(0), Item: ExportedItem.Read(row)), ct))
            .ToLookup(row => row.OrderId, row => row.Item);
        var bills = (await NextListAsync(reader, row => (OrderId: row.GetInt64(0), Bill: ExportedBill.Read(row)), ct))
            .ToLookup(row => row.OrderId, row => row.Bill);
        var reviews = await NextListAsync(reader, ReadReview, ct);
        var events = (await NextListAsync(reader, OrderStore.ReadEvent, ct)).ToLookup(happened => happened.OrderId);
        var sessions = await NextListAsync(reader, ExportedSession.Read, ct);
        return clients is not [var client] ? null : new ClientExport
        {
            Client = client,
            Addresses = addresses,
            Orders = [.. orders.Select(o => o with
            {
                Items = [.. items[o.IdKey]],
                Bills = [.. bills[o.IdKey]],
                Events = [.. events[o.IdKey]],
            })],
            Reviews = reviews,
            Sessions = sessions,
        };
    }

    private static async Task<List<T>> NextListAsync<T>(NpgsqlDataReader reader, Func<NpgsqlDataReader, T> read, CancellationToken ct)
    {
        await reader.NextResultAsync(ct);
        return await reader.ListAsync(read, ct);
    }

    private static Address ReadAddress(NpgsqlDataReader row) => new()
    {
        IdKey = row.GetInt64(0),
        Street = row.GetString(1),
        Number = row.GetString(2),
        City = row.GetString(3),
        ClientId = row.GetInt64(4),
    };

    private static Review ReadReview(NpgsqlDataReader row) => new()
    {
        IdKey = row.GetInt64(0),
        ProductId = row.GetInt64(1),
        ClientId = row.GetInt64(2),
        Rating = new decimal(row.GetInt16(3), 0, 0, false, 1),
        Comment = row.NullableString(4),
        CreatedAt = row.GetDateTime(5),
    };
}

/// <summary>An order in a person's export, with its lines and every bill that it ever had.</summary>
public sealed record ExportedOrder
{
    public required long IdKey { get; init; }

    public required DateTime Date { get; init; }

    public required Money Total { get; init; }

    /// <summary>1 DRIVE_THRU, 2 ON_HAND, 3 HOME_DELIVERY.</summary>
    public required int DeliveryMethod { get; init; }

    /// <summary>1 PENDING, 2 IN_PROGRESS, 3 DELIVERED, 4 CANCELED.</summary>
    public required int Status { get; init; }

    public required long? AddressId { get; init; }

    public required List<ExportedItem> Items { get; init; }

    public required List<ExportedBill> Bills { get; init; }

    /// <summary>What was done to it.</summary>
    public required List<OrderEvent> Events { get; init; }

    internal static ExportedOrder Read(NpgsqlDataReader row) => new()
    {
        IdKey = row.GetInt64(0),
        Date = row.GetDateTime(1),
        Total = row.Money(2),
        DeliveryMethod = row.GetInt16(3),
        Status = row.GetInt16(4),
        AddressId = row.NullableInt64(5),
        Items = [],
        Bills = [],
        Events = [],
    };
}

/// <summary>A sign-in in a person's export; its refresh token is kept only as a hash.</summary>
public sealed record ExportedSession
{
    public required DateTime CreatedAt { get; init; }

    public required DateTime ExpiresAt { get; init; }

    internal static ExportedSession Read(NpgsqlDataReader row) => new() { CreatedAt = row.GetDateTime(0), ExpiresAt = row.GetDateTime(1) };
}

/// <summary>A line of an order in a person's export.</summary>
public sealed record ExportedItem
{
    public required long IdKey { get; init; }

    public required long ProductId { get; init; }

    public required int Quantity { get; init; }

    /// <summary>Price of one unit when it was ordered.</summary>
    public required Money Price { get; init; }

    internal static ExportedItem Read(NpgsqlDataReader row) => new()
    {
        IdKey = row.GetInt64(1),
        ProductId = row.GetInt64(2),
        Quantity = row.GetInt32(3),
        Price = row.Money(4),
    };
}

/// <summary>A bill of an order in a person's export.</summary>
public sealed record ExportedBill
{
    public required long IdKey { get; init; }

    public required string BillNumber { get; init; }

    public required DateTime Date { get; init; }

    public required Money Discount { get; init; }

    public required Money Total { get; init; }

    /// <summary>1 CASH, 2 CARD, 3 DEBIT, 4 CREDIT, 5 BANK_TRANSFER.</summary>
    public required int PaymentType { get; init; }

    public required DateTime? VoidedAt { get; init; }

    internal static ExportedBill Read(NpgsqlDataReader row) => new()
    {
        IdKey = row.GetInt64(1),
        BillNumber = row.GetString(2),
        Date = row.GetDateTime(3),
        Discount = row.Money(4),
        Total = row.Money(5),
        PaymentType = row.GetInt16(6),
        VoidedAt = row.IsDBNull(7) ? null : row.GetDateTime(7),
    };
}
