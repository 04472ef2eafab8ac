using System.Diagnostics;
using Tienda.Data;
using Tienda.Http;
using Tienda.Security;

namespace Tienda.Orders;

/// <summary>An order that waits to be placed, and the answer that its sender waits for.</summary>
public sealed class WaitingOrder
{
    private const int Waiting = 0;
    private const int Taken = 1;
    private const int Abandoned = 2;

    private readonly TaskCompletionSource<Outcome<Order>> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _state = Waiting;
    private volatile bool _senderLeft;

    /// <param name="since">The timestamp of its arrival.</param>
    public WaitingOrder(PlaceOrderRequest request, Actor writer, IdempotencyKey? key, long since)
    {
        Request = request;
        Items = request.Items ?? [];
        Since = since;
        Keyed = KeyedRequest.Of("orders", writer, key, key is null ? [] : ValuesOf(request, Items));
    }

    public PlaceOrderRequest Request { get; }

    public IReadOnlyList<PlaceOrderItem> Items { get; }

    public KeyedRequest Keyed { get; }

    public long Since { get; }

    /// <summary>The span of its request, if that is traced.</summary>
    public ActivityContext? Span { get; } = Activity.Current is { Recorded: true } span ? span.Context : null;

    /// <summary>What its request has asked of the database.</summary>
    public DatabaseUse? Use { get; } = DatabaseUse.Current;

    public Task<Outcome<Order>> Answer => _answer.Task;

    /// <summary>Takes it out of the queue to be placed; false if its sender has given up, and can rely on its never being placed.</summary>
    public bool TryTake() => Interlocked.CompareExchange(ref _state, Taken, Waiting) == Waiting;

    /// <summary>Whether nobody waits for the answer any more.</summary>
    public bool SenderLeft => _senderLeft;

    /// <summary>Undoes <see cref="TryTake"/>, unless its sender has left meanwhile.</summary>
    public void PutBack()
    {
        Volatile.Write(ref _state, Waiting);
        if (_senderLeft)
        {
            Abandon();
        }
    }

    /// <summary>Its sender waits no longer. True if it will never be placed, false if it is too late to be certain.</summary>
    public bool Abandon()
    {
        _senderLeft = true;
        return Interlocked.CompareExchange(ref _state, Abandoned, Waiting) != Taken;
    }

    public void Answered(Outcome<Order> outcome) => _answer.TrySetResult(outcome);

    public void Failed(Exception exception) => _answer.TrySetException(exception);

    private static long?[] ValuesOf(PlaceOrderRequest request, IReadOnlyList<PlaceOrderItem> items) =>
    [
        request.ClientId, request.AddressId, request.DeliveryMethod, request.PaymentType, Money.From(request.Discount ?? 0).MinorUnits,
        .. items.SelectMany(item => (long?[])
            [item.ProductId, item.Quantity, item.Price is { } price ? Money.From(price).MinorUnits : null]),
    ];
}
