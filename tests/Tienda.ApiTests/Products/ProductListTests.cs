using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Tienda.ApiTests.Products;

/// <summary>Lists: their pages, counts, orders and filters. Each test keeps to a category of its own.</summary>
public sealed class ProductListTests(ShopApp shop)
{
    [Theory]
    [InlineData("id")]
    [InlineData("price")]
    [InlineData("-price")]
    [InlineData("name")]
    [InlineData("-rating")]
    [InlineData("-created_at")]
    public async Task Under_every_order_the_pages_hold_every_record_once(string sort)
    {
        var category = (await shop.Given.CategoryAsync()).Id();
        await AddProductsWithTiesAsync(category);

        var pages = await shop.Http.EveryPageAsync($"/products?category_id={category}&sort={sort}&limit=3");
        var whole = await shop.Http.GetJsonAsync($"/products?category_id={category}&sort={sort}");

        Assert.Equal(10, pages.Count);
        Assert.Equal(whole.AsArray().Select(p => p!.Id()), pages.Select(p => p.Id()));
        var inOrder = Sorted(pages, sort);
        Assert.Equal(inOrder.Select(p => p.Id()), pages.Select(p => p.Id()));
    }

    [Fact]
    public async Task A_page_can_be_reached_by_skip_and_left_by_its_link()
    {
        var category = (await shop.Given.CategoryAsync()).Id();
        await AddProductsWithTiesAsync(category);
        var ids = (await shop.Http.GetJsonAsync($"/products?category_id={category}")).AsArray().Select(p => p!.Id()).ToList();

        var fromFour = await shop.Http.EveryPageAsync($"/products?category_id={category}&skip=4&limit=2");
        using var last = await shop.Http.GottenAsync($"/products?category_id={category}&limit=10");
        var beyond = await shop.Http.GetJsonAsync($"/products?category_id={category}&skip=10000");

        Assert.Equal(ids[4..], fromFour.Select(p => p.Id()));
        Assert.False(last.Headers.Contains("Link"));
        Assert.Empty(beyond.AsArray());
    }

    [Theory]
    [InlineData("skip=-1", "skip")]
    [InlineData("skip=10001", "skip")]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=1001", "limit")]
    [InlineData("limit=10000000", "limit")]
    [InlineData("sort=colour", "sort")]
    [InlineData("category_id=0", "category_id")]
    public async Task What_is_out_of_range_is_refused_not_clamped(string query, string field)
    {
        var problem = await shop.Http.GottenAsync("/products?" + query).ShouldBeAsync(422);

        Assert.Equal([field], problem.Errors().Keys);
    }

    [Theory]
    [InlineData("limit=ten")]
    [InlineData("skip=9223372036854775808")]
    [InlineData("count=all")]
    [InlineData("min_price=1.999")]
    [InlineData("max_price=10,50")]
    [InlineData("in_stock=perhaps")]
    [InlineData("after=%00")]
    [InlineData("after=abc")]
    public async Task What_cannot_be_read_is_refused(string query)
    {
        await shop.Http.GottenAsync("/products?" + query).ShouldBeAsync(400);
    }

    [Theory]
    [InlineData("price", "1:price:abc")]
    [InlineData("price", "1:price:")]
    [InlineData("price", "1:name:x")]
    [InlineData("-price", "1:-price:99999999999999999999")]
    [InlineData("-rating", "1:-rating:NaN")]
    [InlineData("-created_at", "1:-created_at:2026-01-01T00:00:00.0000000+02:00")]
    [InlineData("-created_at", "1:-created_at:yesterday")]
    [InlineData("id", "1:price:5")]
    [InlineData("id", "1:nonsense:5")]
    public async Task A_made_up_cursor_is_refused(string sort, string cursor)
    {
        var after = Convert.ToBase64String(Encoding.UTF8.GetBytes(cursor)).TrimEnd('=').Replace('+', '-').Replace('/', '_');

        var problem = await shop.Http.GottenAsync($"/products?sort={sort}&after={after}").ShouldBeAsync(422);

        Assert.Contains("after", problem.Errors().Keys);
    }

    [Theory]
    [InlineData("exact")]
    [InlineData("estimate")]
    public async Task The_total_is_counted_on_request_under_the_same_filters(string count)
    {
        var category = (await shop.Given.CategoryAsync()).Id();
        await AddProductsWithTiesAsync(category);

        using var all = await shop.Http.GottenAsync($"/products?category_id={category}&limit=2&count={count}");
        using var cheap = await shop.Http.GottenAsync($"/products?category_id={category}&max_price=1.00&count={count}");
        using var uncounted = await shop.Http.GottenAsync($"/products?category_id={category}");

        Assert.Equal("10", all.Headers.GetValues("X-Total-Count").Single());
        Assert.Equal("5", cheap.Headers.GetValues("X-Total-Count").Single());
        Assert.Contains("count=" + count, all.Headers.GetValues("Link").Single(), StringComparison.Ordinal);
        Assert.False(uncounted.Headers.Contains("X-Total-Count"));
    }

    [Fact]
    public async Task A_category_shows_the_products_of_those_below_it()
    {
        var top = (await shop.Given.CategoryAsync()).Id();
        var middle = (await shop.Given.CategoryAsync(top)).Id();
        var bottom = (await shop.Given.CategoryAsync(middle)).Id();
        var inTop = await shop.Given.ProductAsync(categoryId: top);
        var inBottom = await shop.Given.ProductAsync(categoryId: bottom);

        Assert.Equal([inTop.Id(), inBottom.Id()], await IdsAsync($"category_id={top}"));
        Assert.Equal([inBottom.Id()], await IdsAsync($"category_id={middle}"));
        Assert.Empty(await IdsAsync($"category_id={long.MaxValue}"));
    }

    [Fact]
    public async Task Filters_are_combined()
    {
        var category = (await shop.Given.CategoryAsync()).Id();
        var cheap = (await shop.Given.ProductAsync(price: 1.99m, categoryId: category)).Id();
        var middling = (await shop.Given.ProductAsync(price: 2m, categoryId: category)).Id();
        var soldOut = (await shop.Given.ProductAsync(stock: 0, price: 2m, categoryId: category)).Id();
        var dear = (await shop.Given.ProductAsync(price: 10m, categoryId: category)).Id();

        Assert.Equal([middling, soldOut, dear], await IdsAsync($"category_id={category}&min_price=2"));
        Assert.Equal([cheap, middling, soldOut], await IdsAsync($"category_id={category}&max_price=2.00"));
        Assert.Equal([middling], await IdsAsync($"category_id={category}&min_price=2&max_price=9.99&in_stock=true"));
        Assert.Equal([soldOut], await IdsAsync($"category_id={category}&in_stock=false"));
        Assert.Empty(await IdsAsync($"category_id={category}&min_price=5&max_price=4"));
    }

    private async Task<List<long>> IdsAsync(string query) =>
        [.. (await shop.Http.GetJsonAsync("/products?" + query)).AsArray().Select(p => p!.Id())];

    // Two prices, three names, three ratings: ties across the ends of pages of three. One statement, so that the times tie as well.
    private async Task AddProductsWithTiesAsync(long categoryId)
    {
        await using var insert = shop.Database.CreateCommand(
            $"""
            INSERT INTO products (name, price, stock, category_id)
            SELECT 'Tie ' || n % 3, 100 + n % 2 * 900, 1, {categoryId} FROM generate_series(1, 10) AS n
            """);
        await insert.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        var client = await shop.Given.ClientAsync();
        var ids = await IdsAsync($"category_id={categoryId}");
        for (var i = 0; i < ids.Count; i++)
        {
            if (i % 3 > 0)
            {
                await shop.Given.ReviewAsync(ids[i], client.Id(), i % 3 == 1 ? 3.3m : 5m);
            }
        }
    }

    private static IEnumerable<JsonNode> Sorted(List<JsonNode> products, string sort)
    {
        // LINQ's sort is stable, so sorting by id first breaks the ties.
        var ascending = products.OrderBy(p => p.Id());
        var descending = products.OrderByDescending(p => p.Id());
        return sort switch
        {
            "id" => ascending,
            "price" => ascending.OrderBy(p => (decimal)p["price"]!),
            "-price" => descending.OrderByDescending(p => (decimal)p["price"]!),
            "name" => ascending.OrderBy(p => (string)p["name"]!, StringComparer.Ordinal),
            "-rating" => descending.OrderByDescending(p => (decimal?)p["rating_average"] ?? 0),
            "-created_at" => descending.OrderByDescending(
                p => DateTimeOffset.Parse((string)p["created_at"]!, CultureInfo.InvariantCulture)),
            _ => throw new ArgumentOutOfRangeException(nameof(sort)),
        };
    }
}
