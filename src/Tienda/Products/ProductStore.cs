using System.Globalization;
using Npgsql;
using Tienda.Caching;
using Tienda.Data;
using Tienda.Http;

namespace Tienda.Products;

/// <summary>The products in the database.</summary>
public sealed class ProductStore(NpgsqlDataSource database, CacheChanges changes)
{
    private const string Columns =
        "id_key, name, description, sku, price, stock, category_id, active, rating_average, rating_count, created_at, updated_at, "
        + "stock_version";

    private const string LockSql = $"SELECT {Columns} FROM products WHERE id_key = $1 FOR UPDATE";

    /// <summary>Every order that a client can ask for; each has an index that gives it.</summary>
    private static readonly Dictionary<string, (ListOrder Order, Func<Product, string> Key)> Orders = new()
    {
        ["id"] = (ListOrder.ById("id_key"), _ => ""),
        ["price"] = (ListOrder.By<long>("price", false, ParseInt64), p => Text(p.Price.MinorUnits)),
        ["-price"] = (ListOrder.By<long>("price", true, ParseInt64), p => Text(p.Price.MinorUnits)),
        ["name"] = (ListOrder.By<string>("name", false, ParseText), p => p.Name),
        ["-rating"] = (ListOrder.By<decimal>("coalesce(rating_average, 0)", true, ParseDecimal), p => Text(p.RatingAverage ?? 0)),
        ["-created_at"] = (
            ListOrder.By<DateTime>("created_at", true, ParseTime),
            p => p.CreatedAt.ToString("O", CultureInfo.InvariantCulture)),
    };

    /// <summary>Whether the query's cursor belongs to its order.</summary>
    public static bool CanContinue(ProductQuery query) =>
        query.After is not { } after || (after.Sort == (query.Sort ?? Cursor.ById) && Orders[after.Sort].Order.Accepts(after));

    public async Task<Page<Product>> ListAsync(ProductQuery query, bool inactiveToo, CacheFill fill, CancellationToken ct)
    {
        var sort = query.Sort ?? Cursor.ById;
        var (order, key) = Orders[sort];
        var list = new ListStatement(Columns, "products")
            .WhereIf(
                """
                category_id IN (WITH RECURSIVE below AS (
                    SELECT {0}::bigint AS id_key
                    UNION SELECT c.id_key FROM categories c JOIN below b ON c.parent_id = b.id_key) SELECT id_key FROM below)
                """,
                query.CategoryId)
            .WhereIf("price >= {0}", query.MinPrice)
            .WhereIf("price <= {0}", query.MaxPrice)
            .WhereIf("in_stock = {0}", query.InStock);
        if (!inactiveToo)
        {
            list.Where("active = {0}", true);
        }

        if (!string.IsNullOrWhiteSpace(query.Search))
        {
            list.Where("search @@ search_query({0})", query.Search);
        }

        var page = await list.ReadAsync(
            database, query, order, Read, product => new Cursor(product.IdKey, sort, key(product)), ct, fill);
        NoteTags(fill, query, page);
        return page;
    }

    private static void NoteTags(CacheFill fill, ProductQuery query, Page<Product> page)
    {
        fill.Shows(CacheTag.Catalog);
        fill.Shows(CacheTag.Products);
        if (query.InStock is not null)
        {
            fill.Shows(CacheTag.ProductsInStock);
        }

        if (query.Sort is "-rating")
        {
            fill.Shows(CacheTag.ProductRatings);
        }

        if (query.CategoryId is not null)
        {
            // The tree decides which products are below it.
            fill.Shows(CacheTag.Categories);
        }

        foreach (var product in page.Items)
        {
            fill.Shows(CacheTag.Product(product.IdKey));
            fill.ShowsStock(product.IdKey, product.StockVersion);
        }
    }

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
        long id, UpdateProductRequest request, IfMatch condition, CancellationToken ct) =>
        await changes.RunIfAsync<Product, (Product?, int?)>(
            database, condition, LockSql, id, Read,
            batch => AddUpdate(batch, id, request),
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

    private static void AddUpdate(NpgsqlBatch batch, long id, UpdateProductRequest request)
    {
        batch.Then("SELECT stock FROM products WHERE id_key = $1 FOR NO KEY UPDATE").With(id);
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
            database, condition, LockSql, id, Read,
            batch => batch.Then("DELETE FROM products WHERE id_key = $1 RETURNING id_key").With(id),
            reader => reader.ReadAsync(ct),
            ct);

    private static Product Read(NpgsqlDataReader row) => new()
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

    private static string Text(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);

    private static bool ParseInt64(string text, out long key) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out key);

    private static bool ParseDecimal(string text, out decimal key) =>
        decimal.TryParse(text, NumberStyles.Number, CultureInfo.InvariantCulture, out key);

    private static bool ParseText(string text, out string key)
    {
        key = text;
        return true;
    }

    private static bool ParseTime(string text, out DateTime key) =>
        DateTime.TryParseExact(text, "O", CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out key)
        && key.Kind == DateTimeKind.Utc;
}
