namespace Tienda.Http;

/// <summary>What is wrong with a line of a file.</summary>
public sealed record LineError
{
    /// <summary>Where the record begins; the first line of the file is 1.</summary>
    public required long Line { get; init; }

    /// <summary>The field, or null if the line cannot be read.</summary>
    public required string? Field { get; init; }

    public required string Message { get; init; }
}
