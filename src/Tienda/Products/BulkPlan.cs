using Tienda.Caching;

namespace Tienda.Products;

/// <summary>Decides what becomes of changes to products whose rows are held, one change after the other.</summary>
/// <param name="named">Products that changes of other portions have named. It stays as it is: this portion may be planned again.</param>
/// <param name="now">When the changes are made.</param>
public sealed class BulkPlan(IReadOnlyList<Product> products, IReadOnlySet<long> named, DateTime now)
{
    private readonly Dictionary<long, Product> _byId = products.ToDictionary(product => product.IdKey);

    private readonly Dictionary<string, Product> _bySku =
        products.Where(product => product.Sku is not null).ToDictionary(product => product.Sku!, StringComparer.Ordinal);

    private readonly HashSet<long> _namedHere = [];

    /// <summary>What is to be done.</summary>
    public List<(BulkEdit Edit, long Id)> Changes { get; } = [];

    public BulkEditOutcome Decide(BulkEdit edit)
    {
        if (Find(edit) is not { } product)
        {
            return new BulkEditOutcome { IdKey = edit.IdKey, Outcome = BulkEditOutcome.NotFound };
        }

        var outcome = new BulkEditOutcome { IdKey = product.IdKey, Outcome = BulkEditOutcome.Ok };
        if (named.Contains(product.IdKey) || !_namedHere.Add(product.IdKey))
        {
            return outcome with { Outcome = BulkEditOutcome.Duplicate };
        }

        if (edit.IfMatch is { } etag && !new IfMatch(etag).Holds(product))
        {
            return outcome with { Outcome = BulkEditOutcome.PreconditionFailed };
        }

        var stock = edit.Stock ?? (product.Stock + (edit.StockChange ?? 0));
        if (stock is < 0 or > Limits.MaximumStock)
        {
            return outcome with
            {
                Outcome = BulkEditOutcome.Invalid,
                Field = "stock_change",
                Message = $"would bring the stock of {product.Stock} {(stock < 0 ? "below 0" : $"above {Limits.MaximumStock}")}",
            };
        }

        // Its row is held, so this is what it will be.
        var changed = product with { Stock = (int)stock, Price = edit.Price is { } price ? Money.From(price) : product.Price };
        // What is so already is not written, or others would find it changed.
        if (changed != product)
        {
            Changes.Add((edit, product.IdKey));
            changed = changed with { UpdatedAt = now };
        }

        return outcome with { Etag = IfMatch.EtagOf(changed) };
    }

    private Product? Find(BulkEdit edit) => edit.IdKey is { } id ? _byId.GetValueOrDefault(id) : _bySku.GetValueOrDefault(edit.Sku!);
}
