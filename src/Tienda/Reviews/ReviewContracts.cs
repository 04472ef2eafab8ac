using System.ComponentModel.DataAnnotations;
using Tienda.Http;
using Tienda.Security;

namespace Tienda.Reviews;

/// <summary>What a client thinks of a product.</summary>
public sealed record Review
{
    public required long IdKey { get; init; }

    public required long ProductId { get; init; }

    public required long ClientId { get; init; }

    /// <summary>1.0 to 5.0 with one decimal.</summary>
    public required decimal Rating { get; init; }

    public required string? Comment { get; init; }

    public required DateTime CreatedAt { get; init; }
}

/// <summary>A new review. A client reviews a product once.</summary>
[IgnoresReadOnlyFieldsOf<Review>]
public sealed record CreateReviewRequest
{
    /// <summary>The product that is reviewed.</summary>
    [MustBeSent, Id]
    public long? ProductId { get; init; }

    /// <summary>The client who reviews it. Clients may leave it out; an administrator must name one.</summary>
    [ClientOfCaller]
    public long? ClientId { get; init; }

    /// <summary>1.0 to 5.0 with at most one decimal.</summary>
    [MustBeSent, Rating]
    public decimal? Rating { get; init; }

    /// <summary>10 to 1000 characters.</summary>
    [Text(10, 1000)]
    public string? Comment { get; init; }
}

/// <summary>Changes to a review. Fields that are left out stay as they are.</summary>
[IgnoresReadOnlyFieldsOf<Review>]
public sealed record UpdateReviewRequest : PartialUpdate
{
    /// <summary>The product that is reviewed; cannot be changed.</summary>
    [NotNullIfSent, Id]
    public long? ProductId { get; set; }

    /// <summary>The client who reviewed it; cannot be changed.</summary>
    [NotNullIfSent, Id]
    public long? ClientId { get; set; }

    /// <summary>1.0 to 5.0 with at most one decimal.</summary>
    [NotNullIfSent, Rating]
    public decimal? Rating { get; set; }

    /// <summary>10 to 1000 characters, or null for none.</summary>
    [Text(10, 1000)]
    public string? Comment { get; set; }
}

/// <summary>A rating from 1.0 to 5.0 with at most one decimal, because the shop keeps tenths.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class RatingAttribute : RangeAttribute
{
    public RatingAttribute() : base(typeof(decimal), "1.0", "5.0")
    {
        ErrorMessage = "must be 1.0 to 5.0";
        ParseLimitsInInvariantCulture = true;
    }

    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
        !IsValid(value) ? new ValidationResult(ErrorMessage)
        : value is decimal rating && decimal.Round(rating, 1) != rating
            ? new ValidationResult("must have at most one decimal")
            : ValidationResult.Success;
}
