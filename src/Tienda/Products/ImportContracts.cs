using System.ComponentModel;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Mvc;
using Tienda.Http;

namespace Tienda.Products;

/// <summary>An import of products: what has become of a file.</summary>
public sealed record ProductImport
{
    public required long IdKey { get; init; }

    /// <summary>
    /// receiving, applying, completed; checked (a dry run that would succeed), refused (nothing was changed), or abandoned (its sender left
    /// before its end, or it was ended; what was applied stays).
    /// </summary>
    public required string Status { get; init; }

    /// <summary>Whether nothing is changed, whatever the lines are.</summary>
    public required bool DryRun { get; init; }

    /// <summary>Records that were read.</summary>
    public required long Lines { get; init; }

    /// <summary>Records that cannot be imported.</summary>
    public required long InvalidLines { get; init; }

    /// <summary>Products that are new; of a dry run those that would be.</summary>
    public required long Created { get; init; }

    /// <summary>Products that were changed; of a dry run those that are there.</summary>
    public required long Updated { get; init; }

    /// <summary>Products that already were what their line says.</summary>
    public required long Unchanged { get; init; }

    /// <summary>What is wrong with the first 100 lines that are.</summary>
    public required IReadOnlyList<LineError> Errors { get; init; }

    public required DateTime CreatedAt { get; init; }

    public required DateTime? FinishedAt { get; init; }

    /// <summary>Whether something is still to come.</summary>
    [JsonIgnore]
    public bool IsUnderWay => Status is "receiving" or "applying";
}

/// <summary>Filters of the list of imports.</summary>
public sealed record ImportListQuery : ListQuery
{
    /// <summary>Only imports of which this has become.</summary>
    [OneOf("receiving", "applying", "completed", "checked", "refused", "abandoned")]
    public string? Status { get; init; }
}

/// <summary>How a file is imported.</summary>
public sealed record ImportQuery
{
    [OneOf("fail", "skip"), FromQuery(Name = "on_error")]
    [Description("fail, the default: a line that is not valid refuses the whole file. skip: such lines are left out and reported.")]
    public string? OnError { get; init; }

    [FromQuery(Name = "dry_run"), Description("true: the file is checked, and nothing is changed.")]
    public bool? DryRun { get; init; }

    internal bool SkipsInvalid => OnError == "skip";
}
