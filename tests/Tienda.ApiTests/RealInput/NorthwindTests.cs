using System.Text.Json.Nodes;

namespace Tienda.ApiTests.RealInput;

public sealed class NorthwindTests(ShopApp shop)
{
    [Fact]
    public async Task The_history_of_a_real_shop_comes_in_through_the_API_and_adds_up()
    {
        var northwind = Northwind.Load();
        var (app, http) = await ShopApp.OpenShopAsync(await shop.Postgres.CreateDatabaseAsync("northwind"));
        await using var running = app;
        using var client = http;
        var import = new NorthwindImport(northwind, http);

        await import.RunAsync();

        await CheckCountsAsync(http);
        await CheckProductsAsync(http, northwind, import);
        await CheckOrdersAsync(http, northwind, import);
        await CheckBillsAsync(http, northwind, import);
    }

    private static async Task CheckCountsAsync(HttpClient http)
    {
        Assert.Equal(
            (8, 77, 91, 830, 2155),
            (await CountAsync("/categories"), await CountAsync("/products"), await CountAsync("/clients"), await CountAsync("/orders"),
                await CountAsync("/order_details")));
        Assert.Equal((91, 830), (await CountAsync("/addresses"), await CountAsync("/bills")));

        async Task<int> CountAsync(string path) => (await AllAsync(http, path)).Count;
    }

    /// <summary>What was there, and, if that did not suffice, the one delivery of as much as was ever sold; less what was sold.</summary>
    private static async Task CheckProductsAsync(HttpClient http, Northwind northwind, NorthwindImport import)
    {
        var lines = northwind.Orders.SelectMany(o => o.Lines);
        var sold = lines.GroupBy(l => l.ProductId).ToDictionary(g => g.Key, g => g.Sum(l => l.Quantity));
        var products = (await AllAsync(http, "/products")).ToDictionary(p => p.Id());
        foreach (var expected in northwind.Products)
        {
            var product = products[import.Products[expected.Id]];
            Assert.Equal(expected.Name, (string)product["name"]!);
            Assert.Equal(!expected.Discontinued, (bool)product["active"]!);
            Assert.Equal(sold[expected.Id] > expected.Stock ? expected.Stock : expected.Stock - sold[expected.Id], (int)product["stock"]!);
        }
    }

    private static async Task CheckOrdersAsync(HttpClient http, Northwind northwind, NorthwindImport import)
    {
        var orders = (await AllAsync(http, "/orders")).ToDictionary(o => o.Id());
        var lines = (await AllAsync(http, "/order_details")).ToLookup(l => (long)l["order_id"]!);
        foreach (var expected in northwind.Orders)
        {
            var id = import.Orders[expected.Id];
            Assert.Equal(expected.Lines.Sum(l => l.Price * l.Quantity), (decimal)orders[id]["total"]!);
            Assert.Equal(import.Clients[expected.CustomerId].Client, (long)orders[id]["client_id"]!);
            Assert.Equal(
                expected.Lines.Select(l => (import.Products[l.ProductId], l.Quantity, l.Price)).Order(),
                lines[id].Select(l => ((long)l["product_id"]!, (int)l["quantity"]!, (decimal)l["price"]!)).Order());
        }

        // The figure that is published for this data set, before discounts.
        Assert.Equal(1354458.59m, orders.Values.Sum(o => (decimal)o["total"]!));
    }

    private static async Task CheckBillsAsync(HttpClient http, Northwind northwind, NorthwindImport import)
    {
        var bills = (await AllAsync(http, "/bills")).ToDictionary(b => (long)b["order_id"]!);
        foreach (var expected in northwind.Orders)
        {
            var bill = bills[import.Orders[expected.Id]];
            var before = expected.Lines.Sum(l => l.Price * l.Quantity);
            var discount = Math.Floor((expected.Lines.Sum(l => l.Price * l.Quantity * l.Discount) * 100) + 0.5m) / 100;
            Assert.Equal((discount, before - discount), ((decimal)bill["discount"]!, (decimal)bill["total"]!));
        }

        Assert.Equal("A-00000830", bills.Values.Max(b => (string)b["bill_number"]!));
    }

    /// <summary>Every row of a list, page by page as its Link header leads.</summary>
    private static async Task<List<JsonNode>> AllAsync(HttpClient http, string path)
    {
        var rows = new List<JsonNode>();
        for (var next = path + "?limit=500"; next is not null;)
        {
            using var response = await http.GetAsync(next, TestContext.Current.CancellationToken);
            Assert.Equal(200, (int)response.StatusCode);
            rows.AddRange((await response.JsonAsync()).AsArray()!);
            next = response.Headers.TryGetValues("Link", out var links) ? links.Single().Split('<', '>')[1] : null;
        }

        return rows;
    }
}
