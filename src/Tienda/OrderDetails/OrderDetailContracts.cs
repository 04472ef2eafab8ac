using Tienda.Http;

namespace Tienda.OrderDetails;

/// <summary>One line of an order: units of a product at the price they had when it was ordered.</summary>
public sealed record OrderDetail
{
    public required long IdKey { get; init; }

    public required long OrderId { get; init; }

    public required long ProductId { get; init; }

    /// <summary>Units.</summary>
    public required int Quantity { get; init; }

    /// <summary>Price of one unit, frozen when the line was written.</summary>
    public required Money Price { get; init; }
}

/// <summary>A line to add to a PENDING order that has no bill.</summary>
[IgnoresReadOnlyFieldsOf<OrderDetail>]
public sealed record CreateOrderDetailRequest
{
    [MustBeSent, Id]
    public long? OrderId { get; init; }

    [MustBeSent, Id]
    public long? ProductId { get; init; }

    /// <summary>Units.</summary>
    [MustBeSent, Whole(1, Limits.MaximumQuantity)]
    public long? Quantity { get; init; }

    /// <summary>The price that the buyer saw. If it is sent and not the product's price any more, the line is refused.</summary>
    [Amount("0.01", Limits.MaximumPrice)]
    public decimal? Price { get; init; }
}

/// <summary>Changes to a line of a PENDING order that has no bill. Fields that are left out stay as they are.</summary>
[IgnoresReadOnlyFieldsOf<OrderDetail>]
public sealed record UpdateOrderDetailRequest : PartialUpdate
{
    /// <summary>Cannot be changed; the present value is accepted.</summary>
    [NotNullIfSent, Id]
    public long? OrderId { get; set; }

    /// <summary>Another product; the line then has that product's present price.</summary>
    [NotNullIfSent, Id]
    public long? ProductId { get; set; }

    /// <summary>Units. The difference is taken from stock or given back; the line keeps its price.</summary>
    [NotNullIfSent, Whole(1, Limits.MaximumQuantity)]
    public long? Quantity { get; set; }

    /// <summary>The price that the line will have. If it is sent and is not that price, the change is refused.</summary>
    [NotNullIfSent, Amount("0.01", Limits.MaximumPrice)]
    public decimal? Price { get; set; }
}
