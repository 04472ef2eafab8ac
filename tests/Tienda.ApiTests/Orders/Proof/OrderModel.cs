using System.Globalization;
using System.Text.Json.Nodes;

namespace Tienda.ApiTests.Orders.Proof;

public enum Act
{
    Place,
    Retry,
    Cancel,
    Advance,
    AddLine,
    ChangeLine,
    RemoveLine,
    Delete,
    Bill,
    Void,
    Restock,
}

/// <summary>One request; what its numbers mean depends on what there is by then.</summary>
public sealed record OrderStep(Act Act, int A, int B, int C)
{
    public override string ToString() => $"{Act}({A},{B},{C})";
}

/// <summary>
/// A shop of three products as it should be, in a few lines of arithmetic. Each step is sent to the real one, too, and both must agree on
/// the answer, on the stock, and on the order.
/// </summary>
public sealed class OrderModel(Func<HttpClient> http, long buyer, IReadOnlyList<long> products, int stock)
{
    private const int Pending = 1;
    private const int InProgress = 2;
    private const int Delivered = 3;
    private const int Canceled = 4;

    private readonly int[] _stock = [.. products.Select(_ => stock)];
    private readonly List<ModelOrder> _orders = [];

    /// <summary>What each product had at first, and what was put to it since.</summary>
    public Dictionary<long, long> Received { get; } = products.ToDictionary(id => id, _ => (long)stock);

    public async Task RunAsync(IEnumerable<OrderStep> steps)
    {
        foreach (var step in steps)
        {
            await RunAsync(step);
            for (var i = 0; i < products.Count; i++)
            {
                Assert.Equal(_stock[i], (int)(await http().GetJsonAsync($"/products/{products[i]}"))["stock"]!);
            }
        }
    }

    private async Task RunAsync(OrderStep step)
    {
        if (step.Act == Act.Place)
        {
            await PlaceAsync(step);
        }
        else if (step.Act == Act.Restock)
        {
            var (product, units) = (step.A % products.Count, 1 + (step.B % 5));
            await http().PatchAsync($"/products/{products[product]}", new { stock_change = units }).ShouldBeAsync(200);
            _stock[product] += units;
            Received[products[product]] += units;
        }
        else if (_orders.Count > 0)
        {
            var order = _orders[step.A % _orders.Count];
            await RunAsync(step, order);
            await CompareAsync(order);
        }
    }

    private async Task PlaceAsync(OrderStep step)
    {
        List<ModelLine> lines = [new ModelLine(step.A % 3, 1 + (step.B % 6))];
        if (step.C % 2 == 0)
        {
            lines.Add(new ModelLine(step.B % 3, 1 + (step.C % 4)));
        }

        var billed = step.C % 3 == 0;
        var order = new ModelOrder($"{Guid.NewGuid()}", lines)
        {
            Body = new
            {
                client_id = buyer,
                delivery_method = 1,
                payment_type = billed ? 1 : (int?)null,
                items = lines.Select(l => new { product_id = products[l.Product], quantity = l.Quantity }).ToList(),
            },
        };
        var enough = lines.GroupBy(l => l.Product).All(g => g.Sum(l => l.Quantity) <= _stock[g.Key]);
        var answer = await http().PostKeyedAsync("/orders", order.Body, order.Key).ShouldBeAsync(enough ? 201 : 409);
        if (!enough)
        {
            return;
        }

        lines.ForEach(l => _stock[l.Product] -= l.Quantity);
        for (var i = 0; i < lines.Count; i++)
        {
            lines[i].Id = answer["items"]![i]!.Id();
        }

        order.Answer = answer;
        order.OpenBill = (long?)answer["bill_id"];
        order.EverBilled = order.OpenBill is not null;
        Assert.Equal(billed, order.EverBilled);
        _orders.Add(order);
        await CompareAsync(order);
    }

    private Task RunAsync(OrderStep step, ModelOrder order) => step.Act switch
    {
        Act.Retry => RetryAsync(order),
        Act.Cancel => MoveAsync(order, Canceled),
        Act.Advance => MoveAsync(order, order.Status == InProgress ? Delivered : InProgress),
        Act.AddLine => AddLineAsync(order, step.B % 3, 1 + (step.C % 5)),
        Act.ChangeLine => ChangeLineAsync(order, step.B, 1 + (step.C % 7)),
        Act.RemoveLine => RemoveLineAsync(order, step.B),
        Act.Delete => DeleteAsync(order),
        Act.Bill => BillAsync(order),
        _ => VoidAsync(order),
    };

    private async Task RetryAsync(ModelOrder order)
    {
        using var again = await http().PostKeyedAsync("/orders", order.Body, order.Key);
        Assert.True(again.IsReplayed());
        Assert.Equal(order.Answer.ToJsonString(), (await again.JsonAsync()).ToJsonString());
    }

    private async Task MoveAsync(ModelOrder order, int to)
    {
        var allowed = to == order.Status
            || (order.Status, to) is (Pending, InProgress) or (InProgress, Delivered) or (Pending, Canceled) or (InProgress, Canceled);
        await http().PatchAsync($"/orders/{order.Id}", new { status = to }).ShouldBeAsync(order.Deleted ? 404 : allowed ? 200 : 409);
        if (order.Deleted || !allowed || to == order.Status)
        {
            return;
        }

        order.Status = to;
        if (to == Canceled)
        {
            GiveBack(order);
            order.OpenBill = null;
        }
    }

    private async Task AddLineAsync(ModelOrder order, int product, int quantity)
    {
        var right = order.IsOpenForLines && quantity <= _stock[product];
        var answer = await http().PostKeyedAsync(
            "/order_details", new { order_id = order.Id, product_id = products[product], quantity }, $"{Guid.NewGuid()}")
            .ShouldBeAsync(order.Deleted ? 422 : right ? 201 : 409);
        if (right && !order.Deleted)
        {
            _stock[product] -= quantity;
            order.Lines.Add(new ModelLine(product, quantity) { Id = answer.Id() });
        }
    }

    private async Task ChangeLineAsync(ModelOrder order, int which, int quantity)
    {
        if (order.Lines.Count == 0)
        {
            return;
        }

        var line = order.Lines[which % order.Lines.Count];
        var more = quantity - line.Quantity;
        var right = order.IsOpenForLines && more <= _stock[line.Product];
        await http().PatchAsync($"/order_details/{line.Id}", new { quantity }).ShouldBeAsync(order.Deleted ? 404 : right ? 200 : 409);
        if (right && !order.Deleted)
        {
            _stock[line.Product] -= more;
            line.Quantity = quantity;
        }
    }

    private async Task RemoveLineAsync(ModelOrder order, int which)
    {
        if (order.Lines.Count == 0)
        {
            return;
        }

        var line = order.Lines[which % order.Lines.Count];
        await http().DeletedAsync($"/order_details/{line.Id}").ShouldBeAsync(order.Deleted ? 404 : order.IsOpenForLines ? 204 : 409);
        if (order.IsOpenForLines && !order.Deleted)
        {
            _stock[line.Product] += line.Quantity;
            order.Lines.Remove(line);
        }
    }

    private async Task DeleteAsync(ModelOrder order)
    {
        var right = order is { EverBilled: false, Status: Pending or Canceled };
        await http().DeletedAsync($"/orders/{order.Id}").ShouldBeAsync(order.Deleted ? 404 : right ? 204 : 409);
        if (right && !order.Deleted)
        {
            if (order.Status == Pending)
            {
                GiveBack(order);
            }

            order.Deleted = true;
        }
    }

    private async Task BillAsync(ModelOrder order)
    {
        var right = order.Status != Canceled && order.Lines.Count > 0 && order.OpenBill is null;
        var answer = await http().PostKeyedAsync("/bills", new { order_id = order.Id, payment_type = 2, discount = 0.5m }, $"{Guid.NewGuid()}")
            .ShouldBeAsync(order.Deleted ? 422 : right ? 201 : 409);
        if (right && !order.Deleted)
        {
            (order.OpenBill, order.EverBilled) = (answer.Id(), true);
        }
    }

    private async Task VoidAsync(ModelOrder order)
    {
        if (order.OpenBill is { } bill)
        {
            await http().PostAsync($"/bills/{bill}/void", new { }).ShouldBeAsync(200);
            order.OpenBill = null;
        }
    }

    private void GiveBack(ModelOrder order) => order.Lines.ForEach(l => _stock[l.Product] += l.Quantity);

    private async Task CompareAsync(ModelOrder order)
    {
        if (order.Deleted)
        {
            await http().GottenAsync($"/orders/{order.Id}").ShouldBeAsync(404);
            return;
        }

        var real = await http().GetJsonAsync($"/orders/{order.Id}");
        Assert.Equal((order.Status, order.OpenBill), ((int)real["status"]!, (long?)real["bill_id"]));
        Assert.Equal(
            order.Lines.Select(l => (l.Id, products[l.Product], l.Quantity)),
            real["items"]!.AsArray().Select(l => (l!.Id(), (long)l!["product_id"]!, (int)l["quantity"]!)));
        var total = real["items"]!.AsArray().Sum(l => (decimal)l!["price"]! * (int)l["quantity"]!);
        Assert.Equal(total.ToString("F2", CultureInfo.InvariantCulture), real["total"]!.ToJsonString());
    }

    private sealed class ModelOrder(string key, List<ModelLine> lines)
    {
        public string Key => key;

        public List<ModelLine> Lines => lines;

        public required object Body { get; init; }

        public JsonNode Answer { get; set; } = new JsonObject();

        public long Id => Answer.Id();

        public int Status { get; set; } = Pending;

        public long? OpenBill { get; set; }

        public bool EverBilled { get; set; }

        public bool Deleted { get; set; }

        public bool IsOpenForLines => Status == Pending && OpenBill is null;
    }

    private sealed class ModelLine(int product, int quantity)
    {
        public long Id { get; set; }

        public int Product => product;

        public int Quantity { get; set; } = quantity;
    }
}
