using System.Text.Json.Serialization;

namespace Tienda.Products;

/// <summary>A change of a product's price, of its stock, or of both.</summary>
public sealed record ProductChange
{
    public required DateTime Date { get; init; }

    /// <summary>
    /// sale: it was ordered. line_change: a line of an order was changed or removed. cancellation, order_deleted: the stock of an order
    /// came back. edit, bulk, import: somebody changed the product, many products, or a file did. sql: somebody in the database itself.
    /// </summary>
    public required string Reason { get; init; }

    /// <summary>
    /// Who did it: <c>client:7</c>, <c>administrator:3</c>, <c>api-key</c>, <c>anyone</c> (AUTH_ENABLED=false), or <c>database:user</c> for
    /// SQL by hand.
    /// </summary>
    public required string Caller { get; init; }

    /// <summary>
    /// The order that it came from, which may have been deleted since; null for all else, and for sales during an upgrade.
    /// </summary>
    public required long? OrderId { get; init; }

    /// <summary>The price before; null, like the next, if it stayed as it was.</summary>
    public required Money? OldPrice { get; init; }

    public required Money? NewPrice { get; init; }

    /// <summary>The stock before; null, like the next, if it stayed as it was.</summary>
    public required int? OldStock { get; init; }

    public required int? NewStock { get; init; }

    /// <summary>Its place: behind this line of an order, and there behind this step.</summary>
    [JsonIgnore]
    public long Line { get; init; }

    [JsonIgnore]
    public long Step { get; init; }
}
