using System.Globalization;
using System.Text.Json.Nodes;

namespace Tienda.ApiTests.Products;

/// <summary>How many products there are of which kind. Each test keeps to a branch of its own.</summary>
public sealed class ProductFacetTests(ShopApp shop)
{
    // Prices inside and on the edges of the ranges.
    private static readonly decimal[] Prices = [0.01m, 9.99m, 10m, 24.99m, 25m, 99.99m, 100m, 999.99m, 1000m, 9999.99m, 10000m, 250000m];

    [Theory]
    [InlineData("")]
    [InlineData("in_stock=true")]
    [InlineData("in_stock=false")]
    [InlineData("min_price=10&max_price=99.99")]
    [InlineData("min_price=10&max_price=100")]
    [InlineData("min_price=9.99")]
    [InlineData("min_price=0")]
    [InlineData("min_price=9.99&max_price=9.99")]
    [InlineData("min_price=12&max_price=20")]
    [InlineData("min_price=5&max_price=500")]
    [InlineData("max_price=9999.99&in_stock=false")]
    [InlineData("max_price=24.99&in_stock=true")]
    [InlineData("search=brass")]
    [InlineData("search=brass&min_price=25&in_stock=true")]
    [InlineData("search=nothing+of+the+kind")]
    [InlineData("min_price=50&max_price=9.99")]
    public async Task Each_count_is_what_the_list_has_under_it(string filter)
    {
        var branch = await BranchAsync();

        var facets = await shop.Anonymous.GetJsonAsync($"/products/facets?category_id={branch.Top}&{filter}");

        var list = (await shop.Anonymous.GetJsonAsync($"/products?category_id={branch.Top}&{filter}")).AsArray();
        Assert.Equal(list.Count, (int)facets["total"]!);
        foreach (var facet in facets["categories"]!.AsArray())
        {
            await ListsAsync(branch, filter, facet!, $"category_id={facet!["category_id"]}");
        }

        foreach (var facet in facets["prices"]!.AsArray().Where(_ => !filter.Contains("price", StringComparison.Ordinal)))
        {
            var range = (string[])[.. Sent("min_price", facet!), .. Sent("max_price", facet!)];
            await ListsAsync(branch, filter, facet!, $"category_id={branch.Top}&{string.Join('&', range)}");
        }

        foreach (var facet in facets["in_stock"]!.AsArray())
        {
            Assert.Equal(list.Count(p => (int)p!["stock"]! > 0 == (bool)facet!["in_stock"]!), (int)facet!["count"]!);
        }

        foreach (var facet in facets["ratings"]!.AsArray())
        {
            Assert.Equal(list.Count(p => Stars(p!) == (int?)facet!["rating"]), (int)facet!["count"]!);
        }

        foreach (var kind in (string[])["prices", "in_stock", "ratings"])
        {
            Assert.Equal(list.Count, facets[kind]!.AsArray().Sum(f => (int)f!["count"]!));
        }
    }

    [Fact]
    public async Task Every_change_is_counted()
    {
        var branch = await BranchAsync();
        var path = $"/products/facets?category_id={branch.Top}";
        var product = (await shop.Given.ProductAsync(stock: 1, price: 30, categoryId: branch.Left)).Id();
        var client = await shop.Given.ClientAsync();
        var before = await shop.Anonymous.GetJsonAsync(path);
        var all = (int)(await shop.Http.GetJsonAsync(path))["total"]!;

        await shop.Http.PatchAsync($"/products/{product}", new { price = 5, category_id = branch.Right }).ShouldBeAsync(200);
        await shop.Given.OrderForAsync(client.Id(), (await shop.Http.GetJsonAsync($"/products/{product}"), 1));
        await shop.Given.ReviewAsync(product, client.Id(), 4.5m);
        var moved = await shop.Anonymous.GetJsonAsync(path);
        await shop.Http.PatchAsync($"/products/{product}", new { active = false }).ShouldBeAsync(200);
        var hidden = await shop.Anonymous.GetJsonAsync(path);
        var shown = await shop.Http.GetJsonAsync(path);

        Assert.Equal(Count(before, "categories", "category_id", branch.Left) - 1, Count(moved, "categories", "category_id", branch.Left));
        Assert.Equal(Count(before, "categories", "category_id", branch.Right) + 1, Count(moved, "categories", "category_id", branch.Right));
        Assert.Equal(Count(before, "in_stock", "in_stock", false) + 1, Count(moved, "in_stock", "in_stock", false));
        Assert.Equal(Count(before, "prices", "max_price", 9.99m) + 1, Count(moved, "prices", "max_price", 9.99m));
        Assert.Equal(Count(before, "ratings", "rating", 4) + 1, Count(moved, "ratings", "rating", 4));
        Assert.Equal((int)moved["total"]! - 1, (int)hidden["total"]!);
        Assert.Equal(all, (int)shown["total"]!);
    }

    [Fact]
    public async Task What_changes_have_left_is_added_up()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        var product = (await own.Given.ProductAsync()).Id();
        await ChangeAsync(
            own,
            $"DO $$ BEGIN FOR n IN 1..1500 LOOP UPDATE products SET active = NOT active WHERE id_key = {product}; END LOOP; END $$");
        var before = await own.Database.ValueAsync<long>("SELECT count(*) FROM product_counts");

        await ChangeAsync(own, "SELECT add_up_product_counts()");

        Assert.True(before > 3000, $"There were only {before} rows.");
        Assert.Equal(1, await own.Database.ValueAsync<long>("SELECT count(*) FROM product_counts"));
        Assert.Equal(1, (int)(await own.Http.GetJsonAsync("/products/facets"))["total"]!);
    }

    [Fact]
    public async Task Counts_are_exact_up_to_ten_thousand()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        await ChangeAsync(
            own,
            "INSERT INTO products (name, price, stock) SELECT 'Nail ' || n, 100 + n % 2 * 4900, n % 10001 FROM generate_series(1, 10001) AS n");
        using var anyone = own.Anonymous();

        var counted = await anyone.GetJsonAsync("/products/facets");
        var found = await anyone.GetJsonAsync("/products/facets?search=nail");

        foreach (var facets in new[] { counted, found })
        {
            Assert.Equal("10000+", (string)facets["total"]!);
            Assert.Equal(10000, Count(facets, "in_stock", "in_stock", true));
            Assert.Equal(1, Count(facets, "in_stock", "in_stock", false));
            Assert.Equal(5001, Count(facets, "prices", "min_price", 50m));
        }
    }

    [Fact]
    public async Task Counting_one_by_one_ends_and_says_so()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        await ChangeAsync(own, "INSERT INTO products (name, price, stock) SELECT 'Nail', 100 + n % 50, 1 FROM generate_series(1, 50002) AS n");
        await ChangeAsync(own, "INSERT INTO products (name, price, stock) SELECT 'Nail', 5000, 1 FROM generate_series(1, 5)");
        using var anyone = own.Anonymous();

        var found = await anyone.GetJsonAsync("/products/facets?search=nail");
        var cut = await anyone.GetJsonAsync("/products/facets?min_price=1.01");
        var little = await anyone.GetJsonAsync("/products/facets?min_price=1.49");

        Assert.Equal("10000+", (string)found["total"]!);
        Assert.All(found["prices"]!.AsArray(), price => Assert.EndsWith("+", (string)price!["count"]!, StringComparison.Ordinal));
        Assert.Equal("10000+", (string)cut["total"]!);
        Assert.Equal(1000 + 5, (int)little["total"]!);
    }

    [Fact]
    public async Task What_changed_behind_the_triggers_is_counted_again_on_demand()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        await own.Given.ProductAsync();
        await ChangeAsync(
            own,
            """
            ALTER TABLE products DISABLE TRIGGER USER;
            INSERT INTO products (name, price, stock, search) SELECT 'Nail', 100, 1, '' FROM generate_series(1, 10);
            ALTER TABLE products ENABLE TRIGGER USER;
            SELECT recount_products();
            """);
        using var anyone = own.Anonymous();

        Assert.Equal(11, (int)(await anyone.GetJsonAsync("/products/facets"))["total"]!);
        await ChangeAsync(own, "TRUNCATE products CASCADE");
        Assert.Equal(0, (int)(await own.Http.GetJsonAsync("/products/facets"))["total"]!);
    }

    [Theory]
    [InlineData("categories", "/products/facets?in_stock=true&min_price=")]
    [InlineData("products", "/products?search=lamp&min_price=")]
    [InlineData("products", "/products?in_stock=true&min_price=")]
    public async Task Who_goes_away_takes_no_connection_along(string table, string path)
    {
        await using var own = await OwnShop.OpenAsync(shop, s => s with { PoolSize = 2, PoolMaxOverflow = 0, PoolTimeoutSeconds = 2 });
        await own.Given.ProductAsync();
        await using (await own.HoldAsync($"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
        {
            for (var i = 1; i <= 3; i++)
            {
                using var patience = new CancellationTokenSource(200);
                await Assert.ThrowsAnyAsync<OperationCanceledException>(() => own.Http.GetAsync(path + i, patience.Token));
            }
        }

        await Eventually.HoldsAsync(async () =>
        {
            using var answer = await own.Http.GetAsync(path + 9, TestContext.Current.CancellationToken);
            return answer.IsSuccessStatusCode;
        });
    }

    [Fact]
    public async Task Wrong_filters_are_refused_as_by_the_list()
    {
        var problem = await shop.Http.GottenAsync($"/products/facets?category_id=0&search={new string('x', 201)}").ShouldBeAsync(422);
        await shop.Http.GottenAsync("/products/facets?min_price=cheap").ShouldBeAsync(400);

        Assert.Equal(["category_id", "search"], problem.Errors().Keys.Order());
    }

    private async Task ListsAsync((long Top, long Left, long Right) branch, string filter, JsonNode facet, string narrowed)
    {
        // The last of two values would be refused.
        var rest = string.Join('&', filter.Split('&')
            .Where(f => !narrowed.Contains(f.Split('=')[0] + "=", StringComparison.Ordinal) || f.Length == 0));
        var list = (await shop.Anonymous.GetJsonAsync($"/products?{narrowed}&{rest}")).AsArray();
        Assert.True(list.Count == (int)facet["count"]!, $"{facet.ToJsonString()} of {branch}, and the list has {list.Count}");
    }

    private static IEnumerable<string> Sent(string name, JsonNode facet) => facet[name] is { } price ? [$"{name}={price}"] : [];

    private static int? Stars(JsonNode product) => (decimal?)product["rating_average"] is { } average ? (int)average : null;

    private static int Count<T>(JsonNode facets, string kind, string key, T value) => facets[kind]!.AsArray()
        .Where(f => f![key] is { } it && it.GetValue<T>()!.Equals(value)).Select(f => (int)f!["count"]!).SingleOrDefault();

    private static async Task ChangeAsync(OwnShop own, string sql)
    {
        await using var command = own.Database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    // Two categories below one, one of them with another below it; something inactive, something sold out, something reviewed.
    private async Task<(long Top, long Left, long Right)> BranchAsync()
    {
        var top = (await shop.Given.CategoryAsync()).Id();
        var (left, right) = ((await shop.Given.CategoryAsync(top)).Id(), (await shop.Given.CategoryAsync(top)).Id());
        var below = (await shop.Given.CategoryAsync(right)).Id();
        var prices = string.Join(',', Prices.Select(p => ((long)(p * 100)).ToString(CultureInfo.InvariantCulture)));
        await using var insert = shop.Database.CreateCommand(
            $"""
            INSERT INTO products (name, price, stock, category_id, active, rating_sum, rating_count)
            SELECT (ARRAY['Brass bell', 'Oak box'])[1 + n % 2], (ARRAY[{prices}])[1 + n % 12], n % 3,
                (ARRAY[{top}, {left}, {right}, {below}])[1 + n % 4], n % 9 > 0, n % 5 * 11, CASE WHEN n % 5 > 0 THEN 1 ELSE 0 END
            FROM generate_series(1, 60) AS n
            """);
        await insert.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        return (top, left, right);
    }
}
