using System.Collections.Concurrent;

namespace Tienda.Orders;

/// <summary>Products and clients whose rows somebody held for longer than orders do, until an order that needs them gets through.</summary>
public sealed class HeldRows
{
    private readonly ConcurrentDictionary<long, bool> _products = new();
    private readonly ConcurrentDictionary<long, bool> _clients = new();

    public void Add(IEnumerable<long> products, IEnumerable<long> clients)
    {
        foreach (var id in products)
        {
            _products[id] = true;
        }

        foreach (var id in clients)
        {
            _clients[id] = true;
        }
    }

    public void Remove(WaitingOrder placed)
    {
        _clients.TryRemove(placed.Request.ClientId!.Value, out _);
        foreach (var item in placed.Items)
        {
            _products.TryRemove(item.ProductId!.Value, out _);
        }
    }

    public bool Concern(WaitingOrder order) =>
        (!_clients.IsEmpty && _clients.ContainsKey(order.Request.ClientId!.Value))
        || (!_products.IsEmpty && order.Items.Any(item => _products.ContainsKey(item.ProductId!.Value)));
}
