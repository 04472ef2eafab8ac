namespace Tienda.ApiTests.Categories;

public sealed class CategoryTests(ShopApp shop)
{
    [Fact]
    public async Task A_category_is_found_at_its_location()
    {
        var parent = await shop.Given.CategoryAsync();
        var name = Given.Unique("Té y café");
        using var response = await shop.Http.PostAsync("/categories", new { name, parent_id = parent.Id() });

        var category = await shop.Http.GetJsonAsync(response.Headers.Location!.ToString());

        Assert.Equal(201, (int)response.StatusCode);
        Assert.Equal(name, (string)category["name"]!);
        Assert.Equal(parent.Id(), (long)category["parent_id"]!);
    }

    [Fact]
    public async Task A_field_that_is_left_out_stays_and_one_sent_as_null_is_emptied()
    {
        var parent = await shop.Given.CategoryAsync();
        var path = $"/categories/{(await shop.Given.CategoryAsync(parent.Id())).Id()}";
        var name = Given.Unique("Renamed");

        var renamed = await shop.Http.PatchAsync(path, new { name }).ShouldBeAsync(200);
        var untouched = await shop.Http.PutAsync(path, new { }).ShouldBeAsync(200);
        var moved = await shop.Http.PutAsync(path, new { parent_id = (long?)null }).ShouldBeAsync(200);
        var refused = await shop.Http.PatchAsync(path, new { name = (string?)null }).ShouldBeAsync(422);

        Assert.Equal(parent.Id(), (long)renamed["parent_id"]!);
        Assert.Equal(renamed.ToJsonString(), untouched.ToJsonString());
        Assert.Equal(name, (string)moved["name"]!);
        Assert.Null(moved["parent_id"]);
        Assert.Equal("must not be null", refused.Errors()["name"]);
    }

    [Fact]
    public async Task What_was_read_can_be_sent_back()
    {
        var category = await shop.Given.CategoryAsync();

        var same = await shop.Http.PutAsync($"/categories/{category.Id()}", category).ShouldBeAsync(200);

        Assert.Equal(category.ToJsonString(), same.ToJsonString());
    }

    [Fact]
    public async Task A_name_is_given_once()
    {
        var category = await shop.Given.CategoryAsync();
        var other = await shop.Given.CategoryAsync();
        var taken = new { name = (string)category["name"]! };

        var created = await shop.Http.PostAsync("/categories", taken).ShouldBeAsync(409);
        var renamed = await shop.Http.PatchAsync($"/categories/{other.Id()}", taken).ShouldBeAsync(409);

        Assert.Equal("is already the name of another category", created.Errors()["name"]);
        Assert.Contains("name", renamed.Errors().Keys);
    }

    [Fact]
    public async Task Every_wrong_value_is_named_at_once()
    {
        var problem = await shop.Http.PostAsync("/categories", new { name = new string('x', 101), parent_id = 0 }).ShouldBeAsync(422);
        var unknown = await shop.Http.PostAsync("/categories", new { name = Given.Unique("x"), parent_id = long.MaxValue })
            .ShouldBeAsync(422);

        Assert.Equal(["name", "parent_id"], problem.Errors().Keys.Order());
        Assert.Equal("is not the id_key of a category", unknown.Errors()["parent_id"]);
    }

    [Fact]
    public async Task A_category_does_not_become_its_own_ancestor()
    {
        var top = await shop.Given.CategoryAsync();
        var middle = await shop.Given.CategoryAsync(top.Id());
        var bottom = await shop.Given.CategoryAsync(middle.Id());

        foreach (var parent in (long[])[top.Id(), middle.Id(), bottom.Id()])
        {
            var problem = await shop.Http.PatchAsync($"/categories/{top.Id()}", new { parent_id = parent }).ShouldBeAsync(422);
            Assert.Contains("parent_id", problem.Errors().Keys);
        }
    }

    [Fact]
    public async Task Two_moves_at_the_same_moment_do_not_close_a_circle()
    {
        for (var round = 0; round < 10; round++)
        {
            var (one, other) = (await shop.Given.CategoryAsync(), await shop.Given.CategoryAsync());

            // With the name, which locks the row against the other one's foreign key.
            var answers = await Task.WhenAll(
                shop.Http.PatchAsync($"/categories/{one.Id()}", new { name = Given.Unique("One"), parent_id = other.Id() }),
                shop.Http.PatchAsync($"/categories/{other.Id()}", new { name = Given.Unique("Other"), parent_id = one.Id() }));

            Assert.Equal([200, 422], answers.Select(a => (int)a.StatusCode).Order());
        }
    }

    [Fact]
    public async Task A_category_in_use_is_not_deleted()
    {
        var parent = await shop.Given.CategoryAsync();
        var child = await shop.Given.CategoryAsync(parent.Id());
        var product = await shop.Given.ProductAsync(categoryId: child.Id());

        var withChild = await shop.Http.DeletedAsync($"/categories/{parent.Id()}").ShouldBeAsync(409);
        var withProduct = await shop.Http.DeletedAsync($"/categories/{child.Id()}").ShouldBeAsync(409);
        await shop.Http.DeletedAsync($"/products/{product.Id()}").ShouldBeAsync(204);
        await shop.Http.DeletedAsync($"/categories/{child.Id()}").ShouldBeAsync(204);
        await shop.Http.DeletedAsync($"/categories/{parent.Id()}").ShouldBeAsync(204);

        Assert.Equal("The category has subcategories.", (string)withChild["detail"]!);
        Assert.Equal("The category has products.", (string)withProduct["detail"]!);
        await shop.Http.GottenAsync($"/categories/{parent.Id()}").ShouldBeAsync(404);
        await shop.Http.DeletedAsync($"/categories/{parent.Id()}").ShouldBeAsync(404);
        await shop.Http.PatchAsync($"/categories/{parent.Id()}", new { name = Given.Unique("x") }).ShouldBeAsync(404);
    }
}
