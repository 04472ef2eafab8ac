using System.Globalization;
using Npgsql;
using Tienda.Caching;
using Tienda.Data;
using Tienda.Http;

namespace Tienda.Products;

/// <summary>The products in the database, as lists.</summary>
public sealed class ProductListStore(NpgsqlDataSource database, ProductSearchStore search)
{
    /// <summary>Every order that a client can ask for; each has an index that gives it, of all products and of a category.</summary>
    private static readonly Dictionary<string, (ListOrder Order, Func<Product, string> Key)> Orders = new()
    {
        ["id"] = (ListOrder.ById("id_key"), _ => ""),
        ["price"] = (ListOrder.By<long>("price", false, ParseInt64), p => Text(p.Price.MinorUnits)),
        ["-price"] = (ListOrder.By<long>("price", true, ParseInt64), p => Text(p.Price.MinorUnits)),
        ["name"] = (ListOrder.By<string>("name", false, ParseText), p => p.Name),
        ["-rating"] = (ListOrder.By<decimal>("coalesce(rating_average, 0)", true, ParseDecimal), p => Text(p.RatingAverage ?? 0)),
        ["-created_at"] = (
            ListOrder.By<DateTime>("created_at", true, ListOrder.TryParseTime), p => ListOrder.KeyOf(p.CreatedAt)),
    };

    /// <summary>Whether the query's cursor belongs to its order.</summary>
    public static bool CanContinue(ProductQuery query) =>
        query.After is not { } after
        || (query.SortOrDefault == after.Sort
            && (query.IsByRelevance ? RelevancePlace.TryRead(after, out _) : Orders[after.Sort].Order.Accepts(after)));

    public async Task<Page<Product>> ListAsync(ProductQuery query, bool inactiveToo, CacheFill fill, CancellationToken ct)
    {
        var (selection, page) = await database.ReadSelectedAsync(
            query, inactiveToo, fill, s => ListAsync(query, s, fill, ct), found => found.Items.Count == 0, ct);
        selection.NoteTags(fill);
        if (query.IsByRelevance || query.SortOrDefault == "-rating")
        {
            fill.Shows(CacheTag.ProductRatings);
        }

        foreach (var product in page.Items)
        {
            fill.Shows(CacheTag.Product(product.IdKey));
            fill.ShowsStock(product.IdKey, product.StockVersion);
        }

        return page;
    }

    private async Task<Page<Product>> ListAsync(ProductQuery query, ProductSelection selection, CacheFill fill, CancellationToken ct)
    {
        if (query.IsByRelevance)
        {
            return await search.ListAsync(query, selection, ct);
        }

        var sort = query.SortOrDefault;
        var (order, key) = Orders[sort];
        var isRare = selection.Terms is not null && !await search.IsCommonAsync(selection, ct);
        var page = await selection.List().CollectedIf(isRare).ReadAsync(
            database, query, order, ProductStore.Read, product => new Cursor(product.IdKey, sort, key(product)), ct,
            selection.IsLookedUp ? null : fill);
        return page with { Corrected = selection.Terms?.Corrected };
    }

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
}
