using Tienda.Http;

namespace Tienda.Bills;

/// <summary>What a client is asked to pay for an order. A bill is never changed or deleted, only voided.</summary>
public sealed record Bill
{
    public required long IdKey { get; init; }

    /// <summary>Series and number, unique and without gaps: A-00000001.</summary>
    public required string BillNumber { get; init; }

    public required DateTime Date { get; init; }

    public required long OrderId { get; init; }

    /// <summary>Taken off the order's total.</summary>
    public required Money Discount { get; init; }

    /// <summary>The order's total less the discount.</summary>
    public required Money Total { get; init; }

    /// <summary>1 CASH, 2 CARD, 3 DEBIT, 4 CREDIT, 5 BANK_TRANSFER.</summary>
    public required short PaymentType { get; init; }

    public required long ClientId { get; init; }

    /// <summary>When it lost its force, or null while it stands.</summary>
    public required DateTime? VoidedAt { get; init; }
}

/// <summary>A bill for an order that has lines, is not CANCELED and has no other bill that stands.</summary>
[IgnoresReadOnlyFieldsOf<Bill>]
public sealed record CreateBillRequest
{
    [MustBeSent, Id]
    public long? OrderId { get; init; }

    /// <summary>1 CASH, 2 CARD, 3 DEBIT, 4 CREDIT, 5 BANK_TRANSFER.</summary>
    [MustBeSent, Whole(1, 5)]
    public long? PaymentType { get; init; }

    /// <summary>Taken off the order's total, at most all of it; 0 if absent.</summary>
    [Amount("0", Limits.MaximumTotal)]
    public decimal? Discount { get; init; }
}
