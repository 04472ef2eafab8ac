using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using Tienda.Http;

namespace Tienda.Products;

/// <summary>Something the shop sells.</summary>
public sealed record Product
{
    public required long IdKey { get; init; }

    public required string Name { get; init; }

    public required string? Description { get; init; }

    /// <summary>Stock keeping unit: the shop's own code, unique.</summary>
    public required string? Sku { get; init; }

    /// <summary>Price of one unit in the shop's currency.</summary>
    public required Money Price { get; init; }

    /// <summary>Units that can be ordered now, exact at the moment of the answer.</summary>
    public required int Stock { get; init; }

    /// <summary>One more with every change of the stock; for the cache.</summary>
    [JsonIgnore]
    public long StockVersion { get; init; }

    public required long? CategoryId { get; init; }

    /// <summary>Whether it can be ordered.</summary>
    public required bool Active { get; init; }

    /// <summary>Mean of its reviews' ratings, 1.00 to 5.00, or null without reviews.</summary>
    public required decimal? RatingAverage { get; init; }

    public required int RatingCount { get; init; }

    public required DateTime CreatedAt { get; init; }

    /// <summary>When a person last changed it; sales and reviews do not count.</summary>
    public required DateTime UpdatedAt { get; init; }
}

/// <summary>A new product.</summary>
[IgnoresReadOnlyFieldsOf<Product>]
public sealed record CreateProductRequest
{
    /// <summary>1 to 200 characters.</summary>
    [MustBeSent, Text(1, 200)]
    public string? Name { get; init; }

    /// <summary>At most 4000 characters.</summary>
    [Text(0, 4000)]
    public string? Description { get; init; }

    /// <summary>1 to 64 characters, unique in the shop.</summary>
    [Text(1, 64)]
    public string? Sku { get; init; }

    /// <summary>Price of one unit, with at most two decimals.</summary>
    [MustBeSent, Amount("0.01", Limits.MaximumPrice)]
    public decimal? Price { get; init; }

    /// <summary>Units in stock.</summary>
    [MustBeSent, Whole(0, Limits.MaximumStock)]
    public long? Stock { get; init; }

    /// <summary>The category it is listed under.</summary>
    [Id]
    public long? CategoryId { get; init; }

    /// <summary>Whether it can be ordered; true if absent.</summary>
    public bool? Active { get; init; }
}

/// <summary>Changes to a product. Fields that are left out stay as they are.</summary>
[IgnoresReadOnlyFieldsOf<Product>]
public sealed record UpdateProductRequest : PartialUpdate
{
    /// <summary>1 to 200 characters.</summary>
    [NotNullIfSent, Text(1, 200)]
    public string? Name { get; set; }

    /// <summary>At most 4000 characters, or null for none.</summary>
    [Text(0, 4000)]
    public string? Description { get; set; }

    /// <summary>1 to 64 characters, unique in the shop, or null for none.</summary>
    [Text(1, 64)]
    public string? Sku { get; set; }

    /// <summary>Price of one unit, with at most two decimals. Orders that were placed keep the price they had.</summary>
    [NotNullIfSent, Amount("0.01", Limits.MaximumPrice)]
    public decimal? Price { get; set; }

    /// <summary>Units in stock, counted anew: overwrites sales that happen at the same moment.</summary>
    [NotNullIfSent, Whole(0, Limits.MaximumStock)]
    public long? Stock { get; set; }

    /// <summary>Units that came in (or went, if negative), on top of what is there. Cannot be sent together with <c>stock</c>.</summary>
    [NotNullIfSent, Whole(-Limits.MaximumStock, Limits.MaximumStock), NotTogetherWithStock]
    public long? StockChange { get; set; }

    /// <summary>The category it is listed under, or null for none.</summary>
    [Id]
    public long? CategoryId { get; set; }

    /// <summary>Whether it can be ordered.</summary>
    [NotNullIfSent]
    public bool? Active { get; set; }
}

/// <summary>Counting and adding at once would leave open which comes first.</summary>
public sealed class NotTogetherWithStockAttribute() : ValidationAttribute("cannot be sent together with stock")
{
    public override bool RequiresValidationContext => true;

    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
        value is not null && validationContext.ObjectInstance is UpdateProductRequest { Stock: not null }
            ? new ValidationResult(ErrorMessageString)
            : ValidationResult.Success;
}
