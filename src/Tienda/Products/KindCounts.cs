namespace Tienda.Products;

/// <summary>Adds up how many products are of which kind.</summary>
internal sealed class KindCounts
{
    private readonly Dictionary<long, CategoryFacet> _categories = [];
    private readonly SortedDictionary<int, long> _prices = [];
    private readonly Dictionary<bool, long> _stock = [];
    private readonly Dictionary<int, long> _ratings = [];
    private bool _atLeast;

    public long Total { get; private set; }

    public void AddCategory(long id, string name, long products)
    {
        var before = _categories.GetValueOrDefault(id)?.Count.Products ?? 0;
        _categories[id] = new() { CategoryId = id, Name = name, Count = new(before + products, false) };
    }

    /// <param name="priceBand">See <see cref="PriceBand"/>.</param>
    /// <param name="stars">0 without reviews.</param>
    public void AddKind(bool inStock, int priceBand, int stars, long products)
    {
        Total += products;
        Add(_stock, inStock, products);
        Add(_prices, priceBand, products);
        Add(_ratings, stars, products);
    }

    /// <summary>Says that there are more than were added: counting one by one has ended before.</summary>
    public void EndEarly() => _atLeast = true;

    public ProductFacets ToFacets(int mostCategories) => new()
    {
        Total = Count(Total),
        Categories =
        [
            .. _categories.Values.OrderByDescending(c => c.Count.Products).ThenBy(c => c.CategoryId).Take(mostCategories)
                .Select(c => c with { Count = Count(c.Count.Products) }),
        ],
        Prices =
        [
            .. _prices.Select(p => new PriceFacet
            {
                MinPrice = PriceBand.From(p.Key), MaxPrice = PriceBand.To(p.Key), Count = Count(p.Value),
            }),
        ],
        InStock = [.. _stock.OrderByDescending(s => s.Key).Select(s => new StockFacet { InStock = s.Key, Count = Count(s.Value) })],
        Ratings =
        [
            .. _ratings.OrderByDescending(r => r.Key)
                .Select(r => new RatingFacet { Rating = r.Key == 0 ? null : r.Key, Count = Count(r.Value) }),
        ],
    };

    private FacetCount Count(long products) => new(products, _atLeast);

    private static void Add<TKey>(IDictionary<TKey, long> counts, TKey kind, long products)
    {
        counts.TryGetValue(kind, out var before);
        counts[kind] = before + products;
    }
}
