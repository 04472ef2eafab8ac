using Npgsql;
using Tienda.Data;

namespace Tienda.Orders;

/// <summary>A product whose row this transaction holds, so that its price and stock stay what they are until the commit.</summary>
public sealed record LockedProduct(long Id, Money Price, int Stock, bool Active)
{
    /// <summary>Adds to a batch what locks products, by id, and reads them.</summary>
    /// <param name="condition">SQL that chooses them, over the parameters that the caller adds.</param>
    public static NpgsqlBatchCommand Lock(NpgsqlBatch batch, string condition) =>
        // NO KEY: lines of other orders that refer to these products need not wait for us.
        batch.Then($"SELECT id_key, price, stock, active FROM products WHERE {condition} ORDER BY id_key FOR NO KEY UPDATE");

    public static LockedProduct Read(NpgsqlDataReader row) =>
        new(row.GetInt64(0), row.Money(1), row.GetInt32(2), row.GetBoolean(3));
}
