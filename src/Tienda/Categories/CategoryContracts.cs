using Tienda.Http;

namespace Tienda.Categories;

/// <summary>A shelf of the shop; categories form trees.</summary>
public sealed record Category
{
    public required long IdKey { get; init; }

    public required string Name { get; init; }

    /// <summary>The category that it is part of, or null at the top.</summary>
    public required long? ParentId { get; init; }
}

/// <summary>A new category.</summary>
[IgnoresReadOnlyFieldsOf<Category>]
public sealed record CreateCategoryRequest
{
    /// <summary>1 to 100 characters, unique in the shop.</summary>
    [MustBeSent, Text(1, 100)]
    public string? Name { get; init; }

    /// <summary>The category that it is part of; at the top if absent.</summary>
    [Id]
    public long? ParentId { get; init; }
}

/// <summary>Changes to a category. Fields that are left out stay as they are.</summary>
[IgnoresReadOnlyFieldsOf<Category>]
public sealed record UpdateCategoryRequest : PartialUpdate
{
    /// <summary>1 to 100 characters, unique in the shop.</summary>
    [NotNullIfSent, Text(1, 100)]
    public string? Name { get; set; }

    /// <summary>The category that it is part of, or null to move it to the top. Neither the category itself nor one below it.</summary>
    [Id]
    public long? ParentId { get; set; }
}
