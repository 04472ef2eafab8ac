using System.ComponentModel;
using Microsoft.AspNetCore.Mvc;
using Tienda.Http;

namespace Tienda.Products;

/// <summary>Which products are wanted.</summary>
public interface IProductFilter
{
    string? Search { get; }

    long? CategoryId { get; }

    Money? MinPrice { get; }

    Money? MaxPrice { get; }

    bool? InStock { get; }
}

/// <summary>Filters and order of the product list.</summary>
public sealed record ProductQuery : ListQuery, IProductFilter
{
    /// <summary>
    /// Words that must occur in name, sku, description or category. Accents, case and endings are ignored, the last word may be incomplete,
    /// and typing errors are corrected: X-Search-Corrected says what was searched for then.
    /// </summary>
    [Text(0, 200)]
    public string? Search { get; init; }

    [Id, FromQuery(Name = "category_id"), Description("Only products of this category and of those below it.")]
    public long? CategoryId { get; init; }

    [FromQuery(Name = "min_price"), Description("Only products at this price or above.")]
    public Money? MinPrice { get; init; }

    [FromQuery(Name = "max_price"), Description("Only products at this price or below.")]
    public Money? MaxPrice { get; init; }

    [FromQuery(Name = "in_stock"), Description("true: only products in stock; false: only those that ran out.")]
    public bool? InStock { get; init; }

    /// <summary>The order of the list; if absent, by relevance if something is searched for, else by id.</summary>
    [OneOf("id", "price", "-price", "name", "-rating", "-created_at")]
    public string? Sort { get; init; }

    internal string SortOrDefault => Sort ?? (string.IsNullOrWhiteSpace(Search) ? Cursor.ById : RelevancePlace.Sort);

    internal bool IsByRelevance => SortOrDefault == RelevancePlace.Sort;
}

/// <summary>The filters of the product list, for what is counted.</summary>
public record ProductFilterQuery : IProductFilter
{
    /// <summary>
    /// Words that must occur in name, sku, description or category. Accents, case and endings are ignored, the last word may be incomplete,
    /// and typing errors are corrected: X-Search-Corrected says what was searched for then.
    /// </summary>
    [Text(0, 200)]
    public string? Search { get; init; }

    [Id, FromQuery(Name = "category_id"), Description("Only products of this category and of those below it.")]
    public long? CategoryId { get; init; }

    [FromQuery(Name = "min_price"), Description("Only products at this price or above.")]
    public Money? MinPrice { get; init; }

    [FromQuery(Name = "max_price"), Description("Only products at this price or below.")]
    public Money? MaxPrice { get; init; }

    [FromQuery(Name = "in_stock"), Description("true: only products in stock; false: only those that ran out.")]
    public bool? InStock { get; init; }
}

/// <summary>Filters of an export: those of the product list.</summary>
public sealed record ProductExportQuery : ProductFilterQuery
{
    /// <summary>csv or ndjson; if absent, what Accept prefers, and csv if that says nothing.</summary>
    [OneOf("csv", "ndjson")]
    public string? Format { get; init; }
}
