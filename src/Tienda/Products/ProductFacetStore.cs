using System.Globalization;
using Npgsql;
using Tienda.Caching;
using Tienda.Data;

namespace Tienda.Products;

/// <summary>How many products there are of which kind.</summary>
public sealed class ProductFacetStore(NpgsqlDataSource database)
{
    private const int MostCategories = 100;

    // One kind for each category, and one for each combination of the rest: all that is shown can be added up from these.
    private const string Kinds =
        """
        SELECT category_id, in_stock, price_band, rating, grouping(category_id) = 0 AS by_category, sum(products)::bigint AS products
        """;

    private const string Known = "SELECT category_id, in_stock, price_band, rating, products FROM {from}";

    // Counting more one by one would take too long.
    private const int MostCounted = 20_000;

    private static readonly string Listed = string.Create(
        CultureInfo.InvariantCulture,
        $$"""
        SELECT category_id, in_stock, price_band(price), rating_stars(rating_average) AS rating, 1 AS products
        FROM {from} LIMIT {{MostCounted + 1}}
        """);

    public async Task<ProductFacets> ReadAsync(ProductFilterQuery query, bool inactiveToo, CacheFill fill, CancellationToken ct)
    {
        NoteTags(fill);
        var (selection, found) = await database.ReadSelectedAsync(
            query, inactiveToo, fill, s => CountAsync(s, fill, ct), counts => counts.Total == 0, ct);
        return found.ToFacets(MostCategories) with { Corrected = selection.Terms?.Corrected };
    }

    /// <summary>Adds up what changes have left, if that is worth while.</summary>
    public async Task AddUpAsync(CancellationToken ct)
    {
        await using var command = database.Statement("SELECT add_up_product_counts()");
        await command.ChangeAsync(ct);
    }

    // From product_counts what is in whole ranges of prices; the rest, and what is searched for, product by product.
    private async Task<KindCounts> CountAsync(ProductSelection selection, CacheFill fill, CancellationToken ct)
    {
        var counts = new KindCounts();
        var filter = selection.Filter;
        if (selection.Terms is not null)
        {
            await AddAsync(counts, selection.List(), Listed, filter.CategoryId, null, ct);
            return counts;
        }

        var (first, last, cut) = PriceBand.Split(filter.MinPrice, filter.MaxPrice);
        await AddAsync(counts, ListOfCounts(selection, first, last), Known, filter.CategoryId, selection.IsLookedUp ? null : fill, ct);
        foreach (var (lowest, highest) in cut)
        {
            var list = selection.List().Where("price >= {0}", lowest).Where("price <= {0}", highest);
            await AddAsync(counts, list, Listed, filter.CategoryId, null, ct);
        }

        return counts;
    }

    /// <param name="category">Those directly below it are told apart; those at the top if it is null.</param>
    private async Task AddAsync(
        KindCounts counts, ListStatement list, string source, long? category, CacheFill? fill, CancellationToken ct)
    {
        var above = list.Bound(category);
        await using var batch = database.Batch();
        await using var reader = await list.ReadAsync(
            batch,
            from =>
                $"""
                WITH RECURSIVE shelves AS (
                    SELECT id_key, name, id_key AS shelf FROM categories WHERE parent_id IS NOT DISTINCT FROM {above}
                    UNION ALL SELECT c.id_key, s.name, s.shelf FROM categories c JOIN shelves s ON c.parent_id = s.id_key),
                kinds AS (
                    {Kinds} FROM ({source.Replace("{from}", from, StringComparison.Ordinal)}) AS matches
                    GROUP BY GROUPING SETS ((category_id), (in_stock, price_band, rating)))
                SELECT NULL::bigint, NULL::text, products, in_stock, price_band, rating FROM kinds WHERE NOT by_category AND products > 0
                UNION ALL
                SELECT shelf, name, sum(products)::bigint, NULL, NULL, NULL
                FROM kinds JOIN shelves ON shelves.id_key = kinds.category_id
                WHERE by_category GROUP BY shelf, name HAVING sum(products) > 0
                """,
            ct, fill);
        var before = counts.Total;
        while (await reader.ReadAsync(ct))
        {
            var products = reader.GetInt64(2);
            if (reader.IsDBNull(0))
            {
                counts.AddKind(reader.GetBoolean(3), reader.GetInt16(4), reader.GetInt16(5), products);
            }
            else
            {
                counts.AddCategory(reader.GetInt64(0), reader.GetString(1), products);
            }
        }

        if (source == Listed && counts.Total - before > MostCounted)
        {
            counts.EndEarly();
        }
    }

    private static ListStatement ListOfCounts(ProductSelection selection, int first, int last)
    {
        var list = new ListStatement("", "product_counts").Where("price_band >= {0}", first).Where("price_band <= {0}", last);
        list.WhereIf("in_stock = {0}", selection.Filter.InStock);
        if (!selection.InactiveToo)
        {
            list.Where("active = {0}", true);
        }

        return selection.Branch is null ? list : list.Where("category_id = ANY ({0})", selection.Branch);
    }

    private static void NoteTags(CacheFill fill)
    {
        foreach (var tag in (string[])
            [CacheTag.Catalog, CacheTag.Products, CacheTag.ProductsInStock, CacheTag.ProductRatings, CacheTag.ProductCounts,
            CacheTag.ProductWords, CacheTag.Categories])
        {
            fill.Shows(tag);
        }
    }
}
