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

    [Fact]
    public async Task A_field_that_is_left_out_stays_and_one_sent_as_null_is_emptied()
    {
        var category = await shop.Given.CategoryAsync();
        var product = await shop.Given.ProductAsync(categoryId: category.Id());
        var path = $"/products/{product.Id()}";
        var sku = Guid.NewGuid().ToString("N");

        var named = await shop.Http.PatchAsync(path, new { sku, description = "Hecho a mano" }).ShouldBeAsync(200);
        var priced = await shop.Http.PutAsync(path, new { price = 3, category_id = (long?)null, active = false }).ShouldBeAsync(200);
        var refused = await shop.Http.PatchAsync(path, new { name = (string?)null, price = (decimal?)null, stock = (int?)null })
            .ShouldBeAsync(422);

        Assert.Equal(category.Id(), (long)named["category_id"]!);
        Assert.Equal((sku, "Hecho a mano"), ((string)priced["sku"]!, (string)priced["description"]!));
        Assert.Equal("3.00", priced["price"]!.ToJsonString());
        Assert.Null(priced["category_id"]);
        Assert.False((bool)priced["active"]!);
        Assert.Equal(["name", "price", "stock"], refused.Errors().Keys.Order());
    }

    [Fact]
    public async Task A_sku_is_given_once()
    {
        var sku = Guid.NewGuid().ToString("N");
        await shop.Http.PostAsync("/products", new { name = "One", price = 1, stock = 1, sku }).ShouldBeAsync(201);
        var other = await shop.Given.ProductAsync();

        var created = await shop.Http.PostAsync("/products", new { name = "Two", price = 1, stock = 1, sku }).ShouldBeAsync(409);
        var changed = await shop.Http.PatchAsync($"/products/{other.Id()}", new { sku }).ShouldBeAsync(409);

        Assert.Equal("is already the sku of another product", created.Errors()["sku"]);
        Assert.Contains("sku", changed.Errors().Keys);
    }

    [Fact]
    public async Task Every_wrong_value_is_named_at_once()
    {
        var missing = await shop.Http.PostAsync("/products", new { }).ShouldBeAsync(422);
        var wrong = await shop.Http.PostAsync(
            "/products",
            new { name = " ", description = new string('x', 4001), sku = "", price = 1.999, stock = -1, category_id = 0 })
            .ShouldBeAsync(422);
        var unknown = await shop.Http.PostAsync("/products", new { name = "x", price = 1, stock = 1, category_id = long.MaxValue })
            .ShouldBeAsync(422);

        Assert.Equal(["name", "price", "stock"], missing.Errors().Keys.Order());
        Assert.Equal(["category_id", "description", "name", "price", "sku", "stock"], wrong.Errors().Keys.Order());
        Assert.Equal("is not the id_key of a category", unknown.Errors()["category_id"]);
    }

    [Fact]
    public async Task Stock_is_neither_taken_below_nothing_nor_counted_twice_in_one_request()
    {
        var product = await shop.Given.ProductAsync(stock: 4);
        var path = $"/products/{product.Id()}";

        await shop.Http.PatchAsync(path, new { stock_change = -5 }).ShouldBeAsync(409);
        var both = await shop.Http.PatchAsync(path, new { stock = 1, stock_change = 1 }).ShouldBeAsync(422);
        await shop.Http.PatchAsync(path, new { stock = 1_000_000_000 }).ShouldBeAsync(200);
        var tooMany = await shop.Http.PatchAsync(path, new { stock_change = 1_000_000_000 }).ShouldBeAsync(422);

        Assert.Equal(["stock_change"], both.Errors().Keys);
        Assert.Equal(["stock_change"], tooMany.Errors().Keys);
        Assert.Equal(1_000_000_000, (int)(await shop.Http.GetJsonAsync(path))["stock"]!);
    }

    [Fact]
    public async Task Restocking_at_the_same_moment_adds_up()
    {
        var product = await shop.Given.ProductAsync(stock: 0);

        await Task.WhenAll(Enumerable.Range(0, 20).Select(
            _ => shop.Http.PatchAsync($"/products/{product.Id()}", new { stock_change = 5 }).ShouldBeAsync(200)));

        Assert.Equal(100, (int)(await shop.Http.GetJsonAsync($"/products/{product.Id()}"))["stock"]!);
    }

    [Fact]
    public async Task A_product_that_was_sold_is_not_deleted()
    {
        var (sold, unsold) = (await shop.Given.ProductAsync(), await shop.Given.ProductAsync());
        await shop.Database.AddOrderAsync((await shop.Given.ClientAsync()).Id(), null, sold.Id());

        var problem = await shop.Http.DeletedAsync($"/products/{sold.Id()}").ShouldBeAsync(409);
        await shop.Http.DeletedAsync($"/products/{unsold.Id()}").ShouldBeAsync(204);

        Assert.Equal("/errors/in-use", (string)problem["type"]!);
        await shop.Http.GottenAsync($"/products/{unsold.Id()}").ShouldBeAsync(404);
        await shop.Http.PatchAsync($"/products/{unsold.Id()}", new { name = "x" }).ShouldBeAsync(404);
    }

    [Fact]
    public async Task Stock_stays_within_its_bounds_but_a_cancellation_is_never_refused()
    {
        var product = await shop.Given.ProductAsync(stock: 10);
        var order = await shop.Given.OrderAsync((product, 4)).ShouldBeAsync(201);

        var less = await shop.Http.PatchAsync($"/products/{product.Id()}", new { stock_change = -7 }).ShouldBeAsync(409);
        await shop.Http.PatchAsync($"/products/{product.Id()}", new { stock_change = 999_999_995 }).ShouldBeAsync(422);
        await shop.Http.PatchAsync($"/products/{product.Id()}", new { stock_change = 999_999_994 }).ShouldBeAsync(200);
        await shop.Http.PatchAsync($"/orders/{order.Id()}", new { status = 4 }).ShouldBeAsync(200);

        await shop.Http.PatchAsync($"/products/{product.Id()}", new { active = false }).ShouldBeAsync(200);
        Assert.Equal($$"""[{"product_id":{{product.Id()}},"requested":7,"available":6}]""", less["shortages"]!.ToJsonString());
        Assert.Equal(1_000_000_004, (int)(await shop.Http.GetJsonAsync($"/products/{product.Id()}"))["stock"]!);
    }
}
