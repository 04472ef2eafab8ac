using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using Tienda.Http;

namespace Tienda.Products;

/// <summary>Changes to many products.</summary>
public sealed record BulkEditRequest
{
    public const int MaximumItems = 10_000;

    /// <summary>Room for as many changes with every field, and more than four times what most take.</summary>
    public const int MaximumBytes = 4 * 1024 * 1024;

    /// <summary>1 to 10000 changes, each of another product.</summary>
    [MustBeSent, Elements(1, MaximumItems)]
    public IReadOnlyList<BulkEdit>? Items { get; init; }
}

/// <summary>A change of one product's stock, price or both. The product is named by <c>id_key</c> or by <c>sku</c>.</summary>
public sealed record BulkEdit : IValidatableObject
{
    [Id]
    public long? IdKey { get; init; }

    /// <summary>1 to 64 characters, instead of <c>id_key</c>.</summary>
    [Text(1, 64)]
    public string? Sku { get; init; }

    /// <summary>Units in stock, counted anew: overwrites sales that happen at the same moment, unless <c>if_match</c> is sent.</summary>
    [Whole(0, Limits.MaximumStock)]
    public long? Stock { get; init; }

    /// <summary>Units that came in (or went, if negative), on top of what is there. Cannot be sent together with <c>stock</c>.</summary>
    [Whole(-Limits.MaximumStock, Limits.MaximumStock)]
    public long? StockChange { get; init; }

    /// <summary>Price of one unit, with at most two decimals.</summary>
    [Amount("0.01", Limits.MaximumPrice)]
    public decimal? Price { get; init; }

    /// <summary>What If-Match would carry: the ETag of the product as it was read. It is changed only if it is still that one.</summary>
    [Text(1, 1000)]
    public string? IfMatch { get; init; }

    // Not by attributes: those of a record in a list are shown the whole request and not the record.
    IEnumerable<ValidationResult> IValidatableObject.Validate(ValidationContext validationContext)
    {
        if (IdKey is null == Sku is null)
        {
            yield return new ValidationResult("is required, or else sku, and not both", [nameof(IdKey)]);
        }

        if (Stock is not null && StockChange is not null)
        {
            yield return new ValidationResult("cannot be sent together with stock", [nameof(StockChange)]);
        }

        // A change that changes nothing is a mistake, such as a field that was left empty.
        if (Stock is null && StockChange is null && Price is null)
        {
            yield return new ValidationResult("is required, or else stock_change or price", [nameof(Stock)]);
        }
    }
}

/// <summary>What became of each change, in the order in which they were sent.</summary>
public sealed record BulkEditAnswer
{
    /// <summary>How many changes were made (<c>ok</c>).</summary>
    public required int Changed { get; init; }

    /// <summary>How many changes cannot be made; <c>items</c> says why.</summary>
    public required int Refused { get; init; }

    /// <summary>
    /// How many changes the shop did not come to, because the database failed in the middle (<c>not_made</c>, <c>in_doubt</c>). None if
    /// there was an Idempotency-Key: then the answer is 503.
    /// </summary>
    public required int Unfinished { get; init; }

    public required IReadOnlyList<BulkEditOutcome> Items { get; init; }
}

/// <summary>What became of one change.</summary>
public sealed record BulkEditOutcome
{
    internal const string Ok = "ok";
    internal const string NotFound = "not_found";
    internal const string PreconditionFailed = "precondition_failed";
    internal const string Invalid = "invalid";
    internal const string Duplicate = "duplicate";
    internal const string NotMade = "not_made";
    internal const string InDoubt = "in_doubt";

    /// <summary>The product that was named; null if it was named by a sku that no product has, or that was not looked for.</summary>
    public required long? IdKey { get; init; }

    /// <summary>
    /// ok; not_found; precondition_failed: the product is no longer what <c>if_match</c> names; invalid: <c>field</c> and <c>message</c>
    /// say what does not fit the product as it is; duplicate: an earlier change names the same product, and only that one counts;
    /// not_made: the database failed before, so send it again; in_doubt: the connection broke when it was confirmed, so it was made or not.
    /// </summary>
    public required string Outcome { get; init; }

    /// <summary>The product's ETag from now on, if the change was made.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Etag { get; init; }

    /// <summary>The field that cannot be applied.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Field { get; init; }

    /// <summary>Why it cannot.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Message { get; init; }
}
