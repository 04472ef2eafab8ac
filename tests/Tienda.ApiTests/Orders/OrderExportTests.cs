using System.Globalization;
using System.Text.Json.Nodes;
using static Tienda.ApiTests.Products.ImportSteps;
using static Tienda.ApiTests.Products.ProductExportTests;

namespace Tienda.ApiTests.Orders;

/// <summary>Orders as a file.</summary>
public sealed class OrderExportTests(ShopApp shop)
{
    private const string Path = "/orders/export";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_order_is_a_line_with_its_lines()
    {
        var client = (await shop.Given.ClientAsync()).Id();
        var (lamp, shade) = (await shop.Given.ProductAsync(price: 12.50m), await shop.Given.ProductAsync(price: 0.10m));
        var first = await shop.Given.OrderForAsync(client, (lamp, 2), (shade, 3)).ShouldBeAsync(201);
        await shop.Http.PostAsync("/bills", new { order_id = first.Id(), payment_type = 1 }).ShouldBeAsync(201);
        var empty = await shop.Http.PostAsync("/orders", new { client_id = client, delivery_method = 2 }).ShouldBeAsync(201);

        var ndjson = Lines(await ExportAsync(shop.Http, $"?client_id={client}", Ndjson, Path)).ConvertAll(line => JsonNode.Parse(line)!);
        var csv = Lines(await ExportAsync(shop.Http, $"?client_id={client}", Csv, Path));

        Assert.Equal([first.Id(), empty.Id()], ndjson.Select(o => o.Id()));
        foreach (var order in ndjson)
        {
            var told = await shop.Http.GetJsonAsync($"/orders/{order.Id()}");
            Assert.Equal(Time(told), Time(order));
            order["date"] = told["date"]!.DeepClone();
            Assert.True(JsonNode.DeepEquals(told, order), $"{told.ToJsonString()}\n{order.ToJsonString()}");
            Assert.Equal(told.AsObject().Select(field => field.Key), order.AsObject().Select(field => field.Key));
        }

        Assert.Contains("\"total\":25.30", await ExportAsync(shop.Http, $"?client_id={client}", Ndjson, Path), StringComparison.Ordinal);
        Assert.Equal("id_key,date,total,delivery_method,status,client_id,address_id,bill_id,items", csv[0]);
        Assert.Contains(",25.30,1,1,", csv[1], StringComparison.Ordinal);
        Assert.EndsWith(",0.00,2,1," + client + ",,,[]", csv[2], StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_has_what_a_filter_of_the_list_names()
    {
        var client = (await shop.Given.ClientAsync()).Id();
        var product = await shop.Given.ProductAsync();
        var kept = await shop.Given.OrderForAsync(client, (product, 1)).ShouldBeAsync(201);
        var canceled = await shop.Given.OrderForAsync(client, (product, 1)).ShouldBeAsync(201);
        await shop.Http.PatchAsync($"/orders/{canceled.Id()}", new { status = 4 }).ShouldBeAsync(200);

        foreach (var (query, expected) in new (string, JsonNode[])[]
        {
            ("", [kept, canceled]),
            ("&status=4", [canceled]),
            ("&status=1", [kept]),
            ("&from=2020-01-01&to=2099-01-01", [kept, canceled]),
            ("&to=2020-01-01", []),
        })
        {
            var lines = Lines(await ExportAsync(shop.Http, $"?client_id={client}{query}", Ndjson, Path));
            Assert.Equal(expected.Select(o => o.Id()), lines.Select(line => JsonNode.Parse(line)!.Id()));
        }

        await shop.Http.GetAsync($"{Path}?status=9", Ct).ShouldBeAsync(422);
    }

    private static DateTimeOffset Time(JsonNode order) => DateTimeOffset.Parse((string)order["date"]!, CultureInfo.InvariantCulture);

    private static List<string> Lines(string file) => [.. file.Split('\n', StringSplitOptions.RemoveEmptyEntries)];
}
