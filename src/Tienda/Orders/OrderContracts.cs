using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Mvc;
using Tienda.Http;
using Tienda.OrderDetails;
using Tienda.Security;

namespace Tienda.Orders;

/// <summary>States of an order, by the number that stands in JSON.</summary>
public static class OrderStatus
{
    public const short Pending = 1;
    public const short InProgress = 2;
    public const short Delivered = 3;
    public const short Canceled = 4;

    /// <summary>Whether an order may go from one state to another. Staying is not a transition.</summary>
    public static bool Allows(short from, short to) => (from, to) is
        (Pending, InProgress) or (InProgress, Delivered) or (Pending, Canceled) or (InProgress, Canceled);

    public static string NameOf(short status) => status switch
    {
        Pending => "PENDING",
        InProgress => "IN_PROGRESS",
        Delivered => "DELIVERED",
        Canceled => "CANCELED",
        _ => throw new ArgumentOutOfRangeException(nameof(status)),
    };
}

/// <summary>What a client bought.</summary>
public sealed record Order
{
    public required long IdKey { get; init; }

    /// <summary>When it was placed.</summary>
    public required DateTime Date { get; init; }

    /// <summary>The sum of its lines.</summary>
    public required Money Total { get; init; }

    /// <summary>1 DRIVE_THRU, 2 ON_HAND, 3 HOME_DELIVERY.</summary>
    public required short DeliveryMethod { get; init; }

    /// <summary>1 PENDING, 2 IN_PROGRESS, 3 DELIVERED, 4 CANCELED.</summary>
    public required short Status { get; init; }

    public required long ClientId { get; init; }

    public required long? AddressId { get; init; }

    /// <summary>Its bill that is not voided.</summary>
    public required long? BillId { get; init; }

    /// <summary>Its lines; left out in lists.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<OrderDetail>? Items { get; init; }
}

/// <summary>Something that was done to an order. Events are only ever added, and stay when the order is deleted.</summary>
public sealed record OrderEvent
{
    public required long IdKey { get; init; }

    public required long OrderId { get; init; }

    public required DateTime Date { get; init; }

    /// <summary>
    /// Who did it: <c>client:7</c>, <c>administrator:3</c>, <c>api-key</c>, <c>anyone</c> (AUTH_ENABLED=false), or <c>database:user</c> for
    /// SQL by hand.
    /// </summary>
    public required string Caller { get; init; }

    /// <summary>placed, status_changed, delivery_changed, line_added, line_changed, line_removed, billed, bill_voided, deleted.</summary>
    public required string Event { get; init; }

    /// <summary>What changed, by event: <c>from</c> and <c>to</c>, or the line or bill that came or went.</summary>
    public required JsonElement? Details { get; init; }
}

/// <summary>An order to place. Its lines are taken from stock all together or not at all.</summary>
[IgnoresReadOnlyFieldsOf<Order>]
public sealed record PlaceOrderRequest
{
    /// <summary>Who buys. Clients may leave it out; an administrator must name one.</summary>
    [ClientOfCaller]
    public long? ClientId { get; init; }

    /// <summary>1 DRIVE_THRU, 2 ON_HAND, 3 HOME_DELIVERY.</summary>
    [MustBeSent, Whole(1, 3)]
    public long? DeliveryMethod { get; init; }

    /// <summary>Where to; one of the client's own addresses.</summary>
    [Id]
    public long? AddressId { get; init; }

    /// <summary>Every order begins as 1 PENDING; other values are refused.</summary>
    [Whole(1, 1, ErrorMessage = "must be 1 (PENDING) in a new order")]
    public long? Status { get; init; }

    /// <summary>Bills the order at once: 1 CASH, 2 CARD, 3 DEBIT, 4 CREDIT, 5 BANK_TRANSFER.</summary>
    [Whole(1, 5), NeedsItems]
    public long? PaymentType { get; init; }

    /// <summary>Taken off the bill; at most the order's total. Only administrators grant one.</summary>
    [Amount("0", Limits.MaximumTotal), NeedsPaymentType]
    public decimal? Discount { get; init; }

    /// <summary>The lines, 1 to 500. Without this field an empty order is opened, to which order details can be added.</summary>
    [Elements(1, Limits.MaximumOrderLines)]
    public IReadOnlyList<PlaceOrderItem>? Items { get; init; }
}

/// <summary>One line of an order to place.</summary>
[IgnoresReadOnlyFieldsOf<OrderDetail>]
public sealed record PlaceOrderItem
{
    [MustBeSent, Id]
    public long? ProductId { get; init; }

    /// <summary>Units.</summary>
    [MustBeSent, Whole(1, Limits.MaximumQuantity)]
    public long? Quantity { get; init; }

    /// <summary>The price that the buyer saw. If it is sent and not the product's price any more, the order is refused.</summary>
    [Amount("0.01", Limits.MaximumPrice)]
    public decimal? Price { get; init; }
}

/// <summary>Changes to an order. Fields that are left out stay as they are.</summary>
[IgnoresReadOnlyFieldsOf<Order>]
public sealed record UpdateOrderRequest : PartialUpdate
{
    /// <summary>1 DRIVE_THRU, 2 ON_HAND, 3 HOME_DELIVERY.</summary>
    [NotNullIfSent, Whole(1, 3)]
    public long? DeliveryMethod { get; set; }

    /// <summary>1 PENDING → 2 IN_PROGRESS → 3 DELIVERED; 1 or 2 → 4 CANCELED, which gives the stock back and voids the bill.</summary>
    [NotNullIfSent, Whole(1, 4)]
    public long? Status { get; set; }

    /// <summary>One of the client's own addresses, or null for none.</summary>
    [Id]
    public long? AddressId { get; set; }

    /// <summary>Cannot be changed; the present value is accepted.</summary>
    [NotNullIfSent, Id]
    public long? ClientId { get; set; }
}

/// <summary>A discount is part of a bill, and only a payment type asks for one.</summary>
public sealed class NeedsPaymentTypeAttribute() : ValidationAttribute("needs payment_type")
{
    public override bool RequiresValidationContext => true;

    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
        value is not null && validationContext.ObjectInstance is PlaceOrderRequest { PaymentType: null }
            ? new ValidationResult(ErrorMessageString)
            : ValidationResult.Success;
}

/// <summary>There is nothing to bill in an empty order.</summary>
public sealed class NeedsItemsAttribute() : ValidationAttribute("needs items")
{
    public override bool RequiresValidationContext => true;

    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext) =>
        value is not null && validationContext.ObjectInstance is PlaceOrderRequest { Items: null }
            ? new ValidationResult(ErrorMessageString)
            : ValidationResult.Success;
}

/// <summary>What keeps a list or a file to some orders.</summary>
internal interface IOrderFilter
{
    long? Status { get; }

    long? ClientId { get; }

    Moment? From { get; }

    Moment? To { get; }
}

/// <summary>Filters of the order list.</summary>
public sealed record OrderQuery : ListQuery, IOrderFilter
{
    /// <summary>Whether they are listed in the order of time: in that by id, those of today would lie behind all others.</summary>
    internal bool IsOfATime => From is not null || To is not null;

    /// <summary>Only orders in this state: 1 PENDING, 2 IN_PROGRESS, 3 DELIVERED, 4 CANCELED.</summary>
    [Whole(1, 4)]
    public long? Status { get; init; }

    [Id, FromQuery(Name = "client_id"), Description("Only orders of this client.")]
    public long? ClientId { get; init; }

    /// <summary>Only orders placed at this time or later; a date alone is its midnight in UTC.</summary>
    public Moment? From { get; init; }

    /// <summary>Only orders placed before this time; a date alone is its midnight in UTC.</summary>
    public Moment? To { get; init; }
}

/// <summary>Filters of an export: those of the order list.</summary>
public sealed record OrderExportQuery : IOrderFilter
{
    /// <summary>Only orders in this state: 1 PENDING, 2 IN_PROGRESS, 3 DELIVERED, 4 CANCELED.</summary>
    [Whole(1, 4)]
    public long? Status { get; init; }

    [Id, FromQuery(Name = "client_id"), Description("Only orders of this client.")]
    public long? ClientId { get; init; }

    /// <summary>Only orders placed at this time or later; a date alone is its midnight in UTC.</summary>
    public Moment? From { get; init; }

    /// <summary>Only orders placed before this time; a date alone is its midnight in UTC.</summary>
    public Moment? To { get; init; }

    /// <summary>csv or ndjson; if absent, what Accept prefers, and csv if that says nothing.</summary>
    [OneOf("csv", "ndjson")]
    public string? Format { get; init; }
}
