using Npgsql;
using Tienda.Caching;
using Tienda.Data;
using Tienda.Security;

namespace Tienda.Products;

/// <summary>The products in the database, one by one.</summary>
public sealed class ProductStore(NpgsqlDataSource database, CacheChanges changes)
{
    internal const string Columns =
        "id_key, name, description, sku, price, stock, category_id, active, rating_average, rating_count, created_at, updated_at, "
        + "stock_version";

    private const string LockSql = $"SELECT {Columns} FROM products WHERE id_key = $1 FOR UPDATE";

    public async Task<Product?> FindAsync(long id, bool inactiveToo, CacheFill fill, CancellationToken ct)
    {
        fill.Shows(CacheTag.Catalog);
        fill.Shows(CacheTag.Product(id));
        await using var batch = database.Batch();
        fill.AddTo(batch);
        batch.Then($"SELECT {Columns} FROM products WHERE id_key = $1 AND (active OR $2)").With(id).With(inactiveToo);
        var product = await batch.FirstAsync(Read, fill, ct);
        if (product is not null)
        {
            fill.ShowsStock(id, product.StockVersion);
        }

        return product;
    }

    public async Task<Product> CreateAsync(CreateProductRequest request, CancellationToken ct)
    {
        await using var batch = database.Batch();
        batch.Then(
            $"""
            INSERT INTO products (name, description, sku, price, stock, category_id, active)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            RETURNING {Columns}
            """)
            .With(request.Name)
            .With(request.Description)
            .With(request.Sku)
            .With(Money.From(request.Price!.Value))
            .With((int)request.Stock!.Value)
            .With(request.CategoryId)
            .With(request.Active ?? true);
        return (await changes.RunAsync(batch, reader => reader.FirstAsync(Read, ct), ct))!;
    }

    /// <summary>Changes the fields that were sent. A restock that would leave the stock's bounds changes nothing.</summary>
    /// <returns>The product as it is now, or the stock that stands in the way, or neither if there is no such product.</returns>
    public async Task<(Product? Product, int? Stock)> UpdateAsync(
        long id, UpdateProductRequest request, IfMatch condition, Actor writer, CancellationToken ct) =>
        await changes.RunIfAsync<Product, (Product?, int?)>(
            database, condition, locks => locks.Then(LockSql).With(id), Read,
            batch => AddUpdate(batch, id, request, writer),
            async reader =>
            {
                if (!await reader.ReadAsync(ct))
                {
                    return default;
                }

                var stock = reader.GetInt32(0);
                await reader.NextResultAsync(ct);
                return await reader.ReadAsync(ct) ? (Read(reader), null) : (null, stock);
            },
            ct);

    private static void AddUpdate(NpgsqlBatch batch, long id, UpdateProductRequest request, Actor writer)
    {
        // Whom the history names.
        batch.Then("SELECT stock, set_config('tienda.caller', $2, true) FROM products WHERE id_key = $1 FOR NO KEY UPDATE")
            .With(id).With(writer.Name);
        batch.Then(
            $"""
            UPDATE products SET
                name = coalesce($2, name),
                description = CASE WHEN $3 THEN $4 ELSE description END,
                sku = CASE WHEN $5 THEN $6 ELSE sku END,
                price = coalesce($7, price),
                stock = coalesce($8, stock) + coalesce($9, 0),
                category_id = CASE WHEN $10 THEN $11 ELSE category_id END,
                active = coalesce($12, active),
                updated_at = now()
            WHERE id_key = $1 AND ($9::integer IS NULL OR stock::bigint + $9 BETWEEN 0 AND {Limits.MaximumStock})
            RETURNING {Columns}
            """)
            .With(id)
            .With(request.Name)
            .With(request.Has(nameof(request.Description))).With(request.Description)
            .With(request.Has(nameof(request.Sku))).With(request.Sku)
            .With(request.Price is { } price ? Money.From(price) : (Money?)null)
            .With((int?)request.Stock)
            .With((int?)request.StockChange)
            .With(request.Has(nameof(request.CategoryId))).With(request.CategoryId)
            .With(request.Active);
    }

    /// <summary>Deletes a product and its reviews; false if there is none. One that was sold is refused by its foreign key.</summary>
    public async Task<bool> DeleteAsync(long id, IfMatch condition, CancellationToken ct) =>
        await changes.RunIfAsync(
            database, condition, locks => locks.Then(LockSql).With(id), Read,
            batch => batch.Then("DELETE FROM products WHERE id_key = $1 RETURNING id_key").With(id),
            reader => reader.ReadAsync(ct),
            ct);

    internal static Product Read(NpgsqlDataReader row) => new()
    {
        IdKey = row.GetInt64(0),
        Name = row.GetString(1),
        Description = row.NullableString(2),
        Sku = row.NullableString(3),
        Price = row.Money(4),
        Stock = row.GetInt32(5),
        CategoryId = row.NullableInt64(6),
        Active = row.GetBoolean(7),
        RatingAverage = row.IsDBNull(8) ? null : row.GetDecimal(8),
        RatingCount = row.GetInt32(9),
        CreatedAt = row.GetDateTime(10),
        UpdatedAt = row.GetDateTime(11),
        StockVersion = row.GetInt64(12),
    };
}
