using System.Globalization;

namespace Tienda.Caching;

/// <summary>
/// What an answer shows and a change changes, by name. The database writes the same names (0006_log_cache_events.sql and later ones).
/// </summary>
public static class CacheTag
{
    /// <summary>Places in the table of <see cref="CacheClock"/>. Two tags that share one only make an entry invalid too early.</summary>
    public const int Slots = 1 << 18;

    /// <summary>Everything: an import, a table that was emptied.</summary>
    public const string Catalog = "catalog";

    /// <summary>Which products there are, and all about them but stock and rating.</summary>
    public const string Products = "products";

    /// <summary>Which products are in stock.</summary>
    public const string ProductsInStock = "products:stock";

    /// <summary>The products' average ratings.</summary>
    public const string ProductRatings = "products:rating";

    /// <summary>How many products there are of which kind.</summary>
    public const string ProductCounts = "products:counts";

    /// <summary>The vocabulary that searches are read with.</summary>
    public const string ProductWords = "products:words";

    public const string Categories = "categories";

    // Their changes concern whole lists, so they share their places with nobody.
    private static readonly string[] Named = [Catalog, Products, ProductsInStock, ProductRatings, ProductCounts, ProductWords, Categories];

    public static string Product(long id) => string.Create(CultureInfo.InvariantCulture, $"product:{id}");

    public static string ReviewsOf(long productId) => string.Create(CultureInfo.InvariantCulture, $"reviews:{productId}");

    public static int SlotOf(string tag)
    {
        var named = Array.IndexOf(Named, tag);
        if (named >= 0)
        {
            return named;
        }

        // FNV-1a, spread over the slots that are left.
        var hash = 14695981039346656037UL;
        foreach (var c in tag)
        {
            hash = (hash ^ c) * 1099511628211UL;
        }

        return Named.Length + (int)((hash ^ (hash >> 32)) % (ulong)(Slots - Named.Length));
    }
}
