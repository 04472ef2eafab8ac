using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Tienda.Products;

namespace Tienda.ApiTests.Products;

/// <summary>A shop of its own with 100,000 products, or as many as CATALOG_ROWS says, whose statements PostgreSQL explains.</summary>
public sealed class LargeCatalog(ShopApp shop) : IAsyncLifetime
{
    public static readonly int Rows =
        Environment.GetEnvironmentVariables()["CATALOG_ROWS"] is string rows ? int.Parse(rows, CultureInfo.InvariantCulture) : 100_000;

    public OwnShop Own { get; private set; } = null!;

    public HttpClient Anyone { get; private set; } = null!;

    public PlanLog Plans { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        var name = $"catalog_{Guid.NewGuid():N}";
        var server = await shop.Postgres.CreateDatabaseAsync(name);
        await PlanLog.BeginAsync(shop.Database, name);
        Own = await OwnShop.OpenAsync(server);
        Anyone = Own.Anonymous();
        Plans = new PlanLog(shop.Postgres);
        // Ten branches of nine categories; one product in twenty is sold out, one in a hundred is not shown, one in nine is better known. Of a
        // hundred words and more PostgreSQL knows how many have one.
        await using var fill = Own.Database.CreateCommand(
            $"""
            SET auto_explain.log_min_duration = -1;
            INSERT INTO categories (name) SELECT 'Branch ' || n FROM generate_series(1, 10) AS n;
            INSERT INTO categories (name, parent_id) SELECT 'Twig ' || n, 1 + n % 10 FROM generate_series(0, 89) AS n;
            INSERT INTO products (name, sku, description, price, stock, category_id, active, created_at, rating_sum, rating_count)
            SELECT 'Product ' || hashint4(n) || (ARRAY[' stone', ' glass', '', ''])[1 + abs(hashint4(n + 5)) % 4]
                    || CASE WHEN n % 20000 = 77 THEN ' quartz' ELSE '' END
                    || CASE WHEN n % 50 = 3 THEN ' cobalt' ELSE '' END
                    -- One in four has both.
                    || CASE WHEN n % 4 = 1 THEN ' desk lamp' ELSE '' END
                    -- One in four has each of these, and one in two hundred both.
                    || CASE WHEN (n + 8) % 4000 < 1000 THEN ' amber' ELSE '' END
                    || CASE WHEN (n + 988) % 4000 < 1000 THEN ' jade' ELSE '' END,
                'P-' || n, 'Of wood and steel, kind K' || n % 150, 100 + abs(hashint4(n + 1)) % 100000,
                CASE WHEN hashint4(n + 3) % 20 = 0 THEN 0 ELSE 5 END, 11 + abs(hashint4(n + 2)) % 90, n % 100 <> 7,
                timestamptz '2026-01-01' + n * interval '1 minute', n % 4 * n % 41, CASE WHEN n % 9 = 0 THEN 40 ELSE n % 4 END
            FROM generate_series(1, {Rows}) AS n;
            ANALYZE products, categories;
            """);
        fill.CommandTimeout = 0;
        await fill.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        await Own.App.Services.GetRequiredService<CatalogStatisticsStore>().AskAsync(TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        Anyone.Dispose();
        await Own.DisposeAsync();
    }
}

/// <summary>How PostgreSQL answers lists of a large catalog. What is checked is what it did, not how long that took.</summary>
public sealed class CatalogPlanTests(LargeCatalog catalog) : IClassFixture<LargeCatalog>
{
    private const int Limit = 20;

    private static readonly string[] Sorts = ["id", "price", "-price", "name", "-rating", "-created_at"];

    private static int Rows => LargeCatalog.Rows;

    [Fact]
    public async Task A_page_is_found_by_an_index_at_every_depth_in_every_order_and_under_every_filter()
    {
        // What is looked for, in how many categories, and of how many products that an index can tell apart one is wanted.
        foreach (var (filter, parts, rarity) in new[]
        {
            ("", 1, 1), ("in_stock=true", 1, 1), ("in_stock=false", 1, 1), ("category_id=20", 1, 1), ("category_id=20&in_stock=true", 1, 1),
            ("category_id=3", 10, 1), ("category_id=3&in_stock=false", 10, 20), ("min_price=300&max_price=900", 1, 2),
            ("category_id=20&min_price=300&max_price=900", 1, 2), ("category_id=3&min_price=300", 10, 2),
        })
        {
            foreach (var sort in Sorts)
            {
                var path = $"/products?limit={Limit}&sort={sort}&{filter}";
                await CheckAsync(path, Limit * parts, rarity);
                // As deep as there is anything at all.
                var isSmall = filter.Contains("category_id=20", StringComparison.Ordinal)
                    || filter.Contains("in_stock=false", StringComparison.Ordinal);
                var skip = Math.Min(isSmall ? Rows / 1000 : Rows / 20, 10_000);
                var deep = await CheckAsync($"{path}&skip={skip}", (Limit + skip) * parts, rarity);
                await CheckAsync(deep!, Limit * parts, rarity);
            }
        }
    }

    [Fact]
    public async Task An_estimated_count_looks_at_no_more_of_a_larger_catalog()
    {
        foreach (var filter in new[]
        {
            "", "in_stock=true", "in_stock=false", "category_id=20", "category_id=3", "min_price=300&max_price=900", "max_price=2",
            "category_id=3&in_stock=false&max_price=20",
        })
        {
            catalog.Plans.Take("ProductListStore.List");
            using var answer = await catalog.Anyone.GottenAsync($"/products?limit=1&count=estimate&{filter}");
            var total = long.Parse(answer.Headers.GetValues("X-Total-Count").Single(), CultureInfo.InvariantCulture);
            using var counted = await catalog.Anyone.GottenAsync($"/products?limit=1&count=exact&{filter}");
            var exact = long.Parse(counted.Headers.GetValues("X-Total-Count").Single(), CultureInfo.InvariantCulture);
            var counts = catalog.Plans.Take("ProductListStore.List")
                .Where(p => p.Sql.Contains("LIMIT 10001) AS matches", StringComparison.Ordinal)).ToList();

            Assert.True(
                exact <= 10_000 ? total == exact : total > exact / 2 && total < exact * 2, $"{filter} gives {total}, there are {exact}");
            Assert.True(counts.Count == 1 || exact > 10_000, $"{filter} was not counted: {string.Join('\n', counts)}");
            Assert.All(counts, plan => Assert.True(plan.Visited("products") < 30_000, plan.ToString()));
        }
    }

    [Fact]
    public async Task A_search_looks_at_few_products_whatever_is_searched_for()
    {
        string[] searches =
        [
            // A plan that is kept would come after five of the same kind.
            .. Enumerable.Repeat("quartz", 7), "stone", "stone+glass", "quartz+glass", "product", "stone+product", "quarz", "cobalt",
            "amber+jade", "desk+lamp", "twig+quartz",
        ];
        foreach (var words in searches)
        {
            foreach (var rest in new[] { "", "&sort=price", "&min_price=300&max_price=900", "&category_id=3&in_stock=true" })
            {
                catalog.Plans.Take("");
                // Whom no cache answers.
                using var answer = await catalog.Own.Http.GottenAsync($"/products?limit={Limit}&search={words}{rest}");
                var plans = catalog.Plans.Take("");

                // Of few products the indexes alone may tell that none is left.
                var mayBeNone = words is "quartz+glass" || (rest.Length > 0 && words is "quartz" or "quarz");
                Assert.Contains(plans, p => mayBeNone || p.Visited("products") > 0);
                Assert.All(plans, plan => Assert.Empty(plan.SequentialScans("products")));
                Assert.True(
                    plans.Sum(p => p.Visited("products")) < 6000,
                    $"{words}{rest} looks at {string.Join('\n', plans.Select(p => $"{p.Visited("products")} rows: {p}"))}");
            }
        }
    }

    [Fact]
    public async Task Of_a_word_that_some_thousand_have_only_the_better_known_are_looked_at()
    {
        await using var sql = catalog.Own.Database.CreateCommand(
            $"""
            SELECT array_agg(id_key) FROM (
                SELECT id_key FROM products WHERE name LIKE '% cobalt%' ORDER BY rating_count DESC, id_key DESC LIMIT {Limit}) AS best
            """);
        var best = (long[])(await sql.ExecuteScalarAsync(TestContext.Current.CancellationToken))!;

        catalog.Plans.Take("");
        using var answer = await catalog.Own.Http.GottenAsync($"/products?limit={Limit}&search=cobalt");
        var plan = Assert.Single(catalog.Plans.Take("ProductSearchStore.Rank"));

        Assert.Equal(best, (await answer.JsonAsync()).AsArray().Select(product => product!.Id()));
        Assert.Contains("popularity_tier", plan.Sql, StringComparison.Ordinal);
        Assert.InRange(plan.Visited("products"), 100, Rows / 300);

        // Whoever becomes better known than all others is found, however old the statistics are.
        await catalog.Own.Database.ExecuteAsync($"UPDATE products SET rating_count = 4000 WHERE id_key = {best[^1]}");
        Assert.Equal(best[^1], (await catalog.Own.Http.GetJsonAsync("/products?search=cobalt"))[0]!.Id());
    }

    [Fact]
    public async Task Counts_by_kind_look_at_no_product_but_those_that_a_range_of_prices_is_cut_through()
    {
        foreach (var (filter, most) in new[]
        {
            ("", 0), ("in_stock=true", 0), ("category_id=3", 0), ("min_price=0", 0), ("min_price=25&max_price=99.99", 0),
            ("min_price=990", Rows / 25), ("category_id=20&min_price=990", 0.002 * Rows),
        })
        {
            catalog.Plans.Take("");
            using var answer = await catalog.Anyone.GottenAsync($"/products/facets?{filter}");

            Assert.True(catalog.Plans.Take("ProductFacetStore").Sum(p => p.Visited("products")) <= most, filter);
        }
    }

    /// <param name="page">How many rows are put together to a page.</param>
    /// <param name="rarity">How many of those that come next belong into the list: one in so many, by the filter.</param>
    /// <returns>The next page.</returns>
    private async Task<string?> CheckAsync(string path, int page, int rarity)
    {
        catalog.Plans.Take("ProductListStore.List");
        using var answer = await catalog.Anyone.GottenAsync(path);

        Assert.Equal(Limit, (await answer.JsonAsync()).AsArray().Count);
        var plan = Assert.Single(catalog.Plans.Take("ProductListStore.List"));
        Assert.Empty(plan.SequentialScans("products"));
        // A row more than is shown, of each category; and now and then one that is not shown.
        var most = 2 * (page + (page / Limit));
        Assert.True(plan.Sorted <= most * rarity, $"{path} sorts {plan.Sorted} rows: {plan}");
        Assert.True(plan.Visited("products") <= 2 * most * rarity, $"{path} looks at {plan.Visited("products")} rows: {plan}");
        return answer.Headers.TryGetValues("Link", out var link) ? link.Single().Split('<', '>')[1] : null;
    }
}
