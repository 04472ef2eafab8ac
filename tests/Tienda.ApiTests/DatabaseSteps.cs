using Npgsql;

namespace Tienda.ApiTests;

/// <summary>What tests do behind the shop's back.</summary>
public static class DatabaseSteps
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static async Task<T> ValueAsync<T>(this NpgsqlDataSource database, string sql)
    {
        await using var command = database.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(Ct))!;
    }

    /// <summary>An order, with two of a product and a bill if a product is given, and its id.</summary>
    public static async Task<long> AddOrderAsync(
        this NpgsqlDataSource database, long clientId, long? addressId = null, long? productId = null)
    {
        var address = addressId?.ToString() ?? "NULL";
        var order = await database.ValueAsync<long>(
            $"INSERT INTO orders (client_id, address_id, delivery_method) VALUES ({clientId}, {address}, 3) RETURNING id_key");
        if (productId is not null)
        {
            await database.ValueAsync<long>(
                $"""
                WITH line AS (
                    INSERT INTO order_details (order_id, product_id, price, quantity)
                    SELECT {order}, id_key, price, 2 FROM products WHERE id_key = {productId} RETURNING price * quantity AS total)
                INSERT INTO bills (order_id, bill_number, discount, total, payment_type)
                SELECT {order}, 'TEST-{order}', 0, total, 2 FROM line RETURNING id_key
                """);
        }

        return order;
    }
}
