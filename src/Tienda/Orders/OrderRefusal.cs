using Tienda.Http;

namespace Tienda.Orders;

/// <summary>Why an order, a line or a bill was not written. Nothing was changed then. The set is closed.</summary>
public abstract record OrderRefusal
{
    private OrderRefusal()
    {
    }

    /// <summary>Values that are well formed and still not right, by field.</summary>
    public sealed record InvalidFields(IReadOnlyDictionary<string, string> Messages) : OrderRefusal
    {
        public InvalidFields(string field, string message) : this(new Dictionary<string, string> { [field] = message })
        {
        }
    }

    public sealed record NotForSale(IReadOnlyList<long> ProductIds) : OrderRefusal;

    public sealed record PriceChanged(long ProductId, Money Sent, Money Present) : OrderRefusal;

    public sealed record ShortOfStock(IReadOnlyList<Shortage> Shortages) : OrderRefusal;

    /// <summary>The Idempotency-Key was used for another request.</summary>
    public sealed record KeyReused : OrderRefusal;

    /// <summary>The order's state forbids it; the reason is a whole sentence.</summary>
    public sealed record WrongState(string Reason) : OrderRefusal;

    /// <summary>The caller may not do this; the reason is a whole sentence.</summary>
    public sealed record NotAllowed(string Reason) : OrderRefusal;

    public Problem ToProblem() => this switch
    {
        InvalidFields invalid => new Problem(ProblemType.InvalidValues, $"Not valid: {string.Join(", ", invalid.Messages.Keys)}.")
        {
            Errors = invalid.Messages.ToDictionary(m => m.Key, m => new[] { m.Value }),
        },
        NotForSale inactive => new Problem(
            ProblemType.InactiveProduct, $"Not for sale: product {string.Join(", ", inactive.ProductIds)}."),
        PriceChanged changed => new Problem(
            ProblemType.PriceMismatch, $"Product {changed.ProductId} costs {changed.Present}, but {changed.Sent} was sent."),
        ShortOfStock shortOf => Problem.OutOfStock(shortOf.Shortages),
        KeyReused => new Problem(
            ProblemType.IdempotencyKeyReused, $"This {IdempotencyKey.Header} was sent with another request to this path."),
        NotAllowed forbidden => new Problem(ProblemType.Forbidden, forbidden.Reason),
        WrongState wrong => new Problem(ProblemType.IllegalState, wrong.Reason),
        _ => throw new System.Diagnostics.UnreachableException(),
    };
}

/// <summary>What a write to an order, a line or a bill came to: the record, a refusal, or neither if the path's id leads nowhere.</summary>
/// <param name="Replayed">Whether the record was written by an earlier request under the same Idempotency-Key.</param>
public readonly record struct Outcome<T>(T? Record, OrderRefusal? Refusal, bool Replayed = false) where T : class
{
    public static implicit operator Outcome<T>(T record) => new(record, null);

    public static implicit operator Outcome<T>(OrderRefusal refusal) => new(null, refusal);
}
