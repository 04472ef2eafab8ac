using System.Collections.Concurrent;

namespace Tienda.ApiTests.Fuzz;

/// <summary>The ids that answers have told, by the resource's name in paths, for requests that follow.</summary>
public sealed class FuzzPool(IReadOnlyList<long> productsForSale)
{
    private readonly ConcurrentDictionary<string, ConcurrentQueue<long>> _ids = new();

    public void Add(string resource, long id)
    {
        var ids = _ids.GetOrAdd(resource, _ => new ConcurrentQueue<long>());
        ids.Enqueue(id);
        // Old ones leave, so that not everything is deleted or canceled already.
        if (ids.Count > 60)
        {
            ids.TryDequeue(out _);
        }
    }

    /// <summary>An id of a resource for a path.</summary>
    public long Pick(string resource, Dice dice) =>
        _ids.TryGetValue(resource, out var ids) && ids.ToArray() is { Length: > 0 } known ? dice.Pick(known) : 1;

    /// <summary>An id for a field of a body or a query. Half the products are those whose stock only orders change.</summary>
    public long PickFor(string field, Dice dice) => field switch
    {
        "product_id" => dice.Chance(50) ? dice.Pick(productsForSale) : Pick("products", dice),
        "category_id" or "parent_id" => Pick("categories", dice),
        "address_id" => Pick("addresses", dice),
        "order_id" => Pick("orders", dice),
        _ => Pick("clients", dice),
    };

    public bool IsForSale(long id) => productsForSale.Contains(id);
}
