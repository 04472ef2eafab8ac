using System.Globalization;
using Tienda.Caching;

namespace Tienda.ApiTests.Products;

/// <summary>Going through a list that others change meanwhile, and what the cache keeps of it.</summary>
public sealed class ProductPageTests(ShopApp shop)
{
    [Theory]
    [InlineData("id")]
    [InlineData("price")]
    [InlineData("-price")]
    [InlineData("name")]
    [InlineData("-rating")]
    [InlineData("-created_at")]
    public async Task What_comes_and_goes_meanwhile_moves_no_other_record(string sort)
    {
        var (top, below) = await AddBranchAsync();
        var path = $"/products?category_id={top}&sort={sort}&limit=4";
        var before = (await shop.Http.GetJsonAsync($"/products?category_id={top}&sort={sort}")).AsArray().Select(p => p!.Id()).ToList();
        using var first = await shop.Http.GottenAsync(path);

        // Of the first page, so that whatever counts places is wrong by two, and something new at either end of the order.
        await shop.Http.DeletedAsync($"/products/{before[0]}").ShouldBeAsync(204);
        await shop.Http.DeletedAsync($"/products/{before[3]}").ShouldBeAsync(204);
        var added = new List<long>();
        foreach (var (name, price) in new[] { ("A", 0.01m), ("Z", 9999m) })
        {
            added.Add((await shop.Http.PostAsync("/products", new { name, price, stock = 1, category_id = below }).ShouldBeAsync(201)).Id());
        }

        var rest = (await shop.Http.EveryPageAsync(Next(first)!)).Select(p => p.Id()).ToList();

        Assert.Equal(before[4..], rest.Except(added));
        Assert.Equal(rest.Distinct(), rest);
    }

    [Fact]
    public async Task Too_deep_a_skip_is_told_how_to_go_on()
    {
        var problem = await shop.Http.GottenAsync("/products?skip=10001").ShouldBeAsync(422);

        Assert.Contains("after", problem.Errors()["skip"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_branch_of_many_categories_is_one_list()
    {
        var top = (await shop.Given.CategoryAsync()).Id();
        // More than are merged, and some of them empty.
        await using var insert = shop.Database.CreateCommand(
            $"""
            WITH branch AS (
                INSERT INTO categories (name, parent_id) SELECT 'Twig {top} ' || n, {top} FROM generate_series(1, 70) AS n RETURNING id_key)
            INSERT INTO products (name, price, stock, category_id)
            SELECT 'Leaf', 100 + id_key % 7, 1, id_key FROM branch CROSS JOIN generate_series(1, 2) WHERE id_key % 3 > 0
            """);
        await insert.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);

        var pages = await shop.Http.EveryPageAsync($"/products?category_id={top}&sort=-price&limit=30");
        using var whole = await shop.Http.GottenAsync($"/products?category_id={top}&sort=-price&count=estimate&limit=1000");

        Assert.InRange(pages.Count, 90, 94);
        Assert.Equal((await whole.JsonAsync()).AsArray().Select(p => p!.Id()), pages.Select(p => p.Id()));
        Assert.Equal(pages.Count.ToString(CultureInfo.InvariantCulture), whole.Headers.GetValues("X-Total-Count").Single());
    }

    [Fact]
    public async Task A_deep_page_is_kept_when_it_is_asked_for_again()
    {
        var (top, _) = await AddBranchAsync();
        var path = $"/products?category_id={top}&limit=3";
        using var first = await shop.Anonymous.GottenAsync(path);
        using var again = await shop.Anonymous.GottenAsync(path);
        var hits = new List<string>();
        foreach (var deep in new[] { Next(first)!, path + "&skip=1000" })
        {
            for (var i = 0; i < 3; i++)
            {
                using var answer = await shop.Anonymous.GottenAsync(deep);
                hits.Add(Hit(answer));
            }
        }

        Assert.Equal("true", Hit(again));
        Assert.Equal(["false", "false", "true", "false", "false", "true"], hits);
    }

    private static string Hit(HttpResponseMessage answer) => answer.Headers.GetValues(AnswerWriter.HitHeader).Single();

    private static string? Next(HttpResponseMessage answer) =>
        answer.Headers.TryGetValues("Link", out var link) ? link.Single().Split('<', '>')[1] : null;

    // A category with two below it, and twelve products with ties over all three.
    private async Task<(long Top, long Below)> AddBranchAsync()
    {
        var top = (await shop.Given.CategoryAsync()).Id();
        var one = (await shop.Given.CategoryAsync(top)).Id();
        var two = (await shop.Given.CategoryAsync(one)).Id();
        await using var insert = shop.Database.CreateCommand(
            $"""
            INSERT INTO products (name, price, stock, category_id)
            SELECT 'M' || n % 4, 100 + n % 5, 1, (ARRAY[{top}, {one}, {two}])[1 + n % 3] FROM generate_series(1, 12) AS n
            """);
        await insert.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        return (top, one);
    }
}
