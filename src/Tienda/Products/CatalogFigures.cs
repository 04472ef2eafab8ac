namespace Tienda.Products;

/// <summary>
/// What PostgreSQL's statistics say of the catalog, and which way to the best known products with some words costs least by them.
/// </summary>
public sealed class CatalogFigures
{
    // What a product costs that is looked at, in entries of the index of words.
    private const double Visit = 60;

    // Of how many the relevance is found out.
    private const double Wanted = 100;

    // So many are expected where as many as are wanted shall be found.
    private const double Enough = 2 * Wanted;

    private readonly double _products;
    private readonly Dictionary<string, double> _words;
    private readonly double _shareOfOthers;
    private readonly List<(short Lowest, double Products)> _tiers = [];

    /// <param name="products">How many there are.</param>
    /// <param name="words">The most common words, and in which share of the products each is.</param>
    /// <param name="tiers">How many products are in the highest tiers, from above.</param>
    public CatalogFigures(
        long products, IReadOnlyCollection<(string Word, double Share)> words, IEnumerable<(short Tier, long Products)> tiers)
    {
        _products = products;
        _words = words.ToDictionary(word => word.Word, word => word.Share);
        // As PostgreSQL does, which knows no more of them than that they are less common than the least of these.
        _shareOfOthers = words.Count == 0 ? 0 : words.Min(word => word.Share) / 2;
        var sum = 0L;
        foreach (var (tier, count) in tiers)
        {
            sum += count;
            _tiers.Add((tier, sum));
        }
    }

    /// <summary>How many products have all of these words, if one word says nothing of another.</summary>
    /// <returns>Null if the statistics do not tell.</returns>
    public double? Expect(SearchTerms terms) =>
        Know(terms) ? terms.Terms.Aggregate(_products, (expected, term) => expected * ShareOf(term)) : null;

    /// <summary>
    /// Whether it may cost least to go along all products, the best known first, until enough are met. So it does if the words go together,
    /// and the first steps show whether they do.
    /// </summary>
    public bool IsWorthWalking(SearchTerms terms)
    {
        if (!Know(terms))
        {
            return true;
        }

        var most = _products * terms.Terms.Min(ShareOf);
        return Math.Min(CostOfAll(most), TiersFor(most)?.Cost ?? double.PositiveInfinity) > Visit * Wanted * _products / Math.Max(most, 1);
    }

    /// <summary>
    /// The lowest tier of those that have enough of so many products, and what it costs to find these; null if it costs less to look at
    /// all of them.
    /// </summary>
    /// <param name="withWords">How many have the words, where other filters leave less of these.</param>
    public (short Lowest, double Cost)? TiersFor(double expected, double? withWords = null)
    {
        foreach (var (lowest, products) in _tiers)
        {
            var share = products / _products;
            if (expected * share >= Enough && lowest > 0)
            {
                var cost = ((withWords ?? expected) * (1 + (Visit * share))) + products;
                return cost < CostOfAll(expected) ? (lowest, cost) : null;
            }
        }

        return null;
    }

    private bool Know(SearchTerms terms) => _products > 0 && _words.Count > 0 && !terms.NameCategories;

    private static double CostOfAll(double expected) => (Visit * expected) + expected;

    private double ShareOf(SearchTerm term)
    {
        var share = term.Words.Sum(word => _words.GetValueOrDefault(word));
        if (term.IsBegun)
        {
            share += _words
                .Where(common => common.Key != term.Word && common.Key.StartsWith(term.Word, StringComparison.Ordinal))
                .Sum(common => common.Value);
        }

        return Math.Clamp(share, _shareOfOthers, 1);
    }
}
