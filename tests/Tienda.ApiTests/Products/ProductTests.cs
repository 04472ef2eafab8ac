namespace Tienda.ApiTests.Products;

public sealed class ProductTests(ShopApp shop)
{
    [Fact]
    public async Task A_product_is_found_at_its_location_as_it_was_sent()
    {
        var name = Given.Unique("Café ñandú 😀 שלום");
        using var response = await shop.Http.PostAsync("/products", new { name, price = 19.9m, stock = 3 });

        var product = await shop.Http.GetJsonAsync(response.Headers.Location!.ToString());

        Assert.Equal(201, (int)response.StatusCode);
        Assert.Equal(name, (string)product["name"]!);
        Assert.Equal("19.90", product["price"]!.ToJsonString());
    }

    [Fact]
    public async Task Restocking_adds_to_what_is_there()
    {
        var product = await shop.Given.ProductAsync(stock: 4);

        var changed = await shop.Http.PatchAsync($"/products/{product.Id()}", new { stock_change = 25 }).ShouldBeAsync(200);

        Assert.Equal(29, (int)changed["stock"]!);
    }
}
