using Tienda.Caching;
using Tienda.Data;

namespace Tienda.Products;

/// <summary>Which products are wanted, now that what the filter names has been looked up.</summary>
/// <param name="InactiveToo">Whether the caller sees everything.</param>
internal sealed record ProductSelection(IProductFilter Filter, bool InactiveToo)
{
    /// <summary>The category and all below it, if one is asked for.</summary>
    public long[]? Branch { get; init; }

    /// <summary>The words, if some are searched for.</summary>
    public SearchTerms? Terms { get; init; }

    /// <summary>Whether the database was asked for it, and for the snapshot on that way.</summary>
    public bool IsLookedUp => Branch is not null || Terms is not null;

    /// <summary>Whether nothing but the words of a product decides.</summary>
    public bool IsByWordsAlone => Terms is { NameCategories: false }
        && (Branch, Filter.MinPrice, Filter.MaxPrice, Filter.InStock) is (null, null, null, null);

    /// <summary>A list of these products.</summary>
    /// <param name="isPlannedOnce">Whether the statement leaves PostgreSQL only one way, whatever is selected.</param>
    public ListStatement List(string columns = ProductStore.Columns, bool isPlannedOnce = false)
    {
        var list = new ListStatement(columns, "products");
        if (!InactiveToo)
        {
            list.Where("active = {0}", true);
        }

        if (isPlannedOnce)
        {
            list.PlannedOnce().FoundByIndex();
        }
        else if (Terms is not null)
        {
            list.PlannedByValues().FoundByIndex();
        }
        else if ((Filter.MinPrice, Filter.MaxPrice, Filter.InStock) is not (null, null, null))
        {
            list.PlannedByValues();
        }

        list.WhereIf("price >= {0}", Filter.MinPrice).WhereIf("price <= {0}", Filter.MaxPrice).WhereIf("in_stock = {0}", Filter.InStock);
        Terms?.AddTo(list, isPlannedOnce);
        return Branch is null ? list
            // What is found by its words comes in no order, whatever category it is in; what ran out has indexes of its own.
            : Terms is null && Filter.InStock is not false ? list.WhereOneOf("category_id", Branch)
            : list.Where("category_id = ANY ({0})", Branch);
    }

    /// <summary>Says what decides which products these are.</summary>
    public void NoteTags(CacheFill fill)
    {
        fill.Shows(CacheTag.Catalog);
        fill.Shows(CacheTag.Products);
        if (Filter.InStock is not null)
        {
            fill.Shows(CacheTag.ProductsInStock);
        }

        if (Branch is not null || Terms is not null)
        {
            // The tree and the names in it.
            fill.Shows(CacheTag.Categories);
        }

        if (Terms is not null)
        {
            fill.Shows(CacheTag.ProductWords);
        }

        if (Terms?.Corrected is not null)
        {
            // Of words that are alike it is the one of the better known products.
            fill.Shows(CacheTag.ProductRatings);
        }
    }
}
