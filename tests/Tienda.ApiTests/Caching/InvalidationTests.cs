using System.Text.Json.Nodes;
using Npgsql;

namespace Tienda.ApiTests.Caching;

/// <summary>Whatever changes, by whatever way: everything that the shop shows to anybody is what the database has.</summary>
public sealed class InvalidationTests(ShopApp shop) : IAsyncLifetime
{
    private static readonly TimeSpan LongestLag = TimeSpan.FromSeconds(2);

    private OwnShop _own = null!;
    private HttpClient _anyone = null!;
    private JsonNode _buyer = null!;
    private JsonNode[] _products = null!;
    private JsonNode[] _categories = null!;
    private string[] _paths = null!;

    public async ValueTask InitializeAsync()
    {
        _own = await OwnShop.OpenAsync(shop);
        _anyone = _own.Anonymous();
        _buyer = await _own.Given.ClientAsync();
        _categories = [await _own.Given.CategoryAsync(), await _own.Given.CategoryAsync(), await _own.Given.CategoryAsync()];
        _products = new JsonNode[6];
        for (var i = 0; i < _products.Length; i++)
        {
            _products[i] = await _own.Given.ProductAsync(stock: i % 3, price: 10 + i, categoryId: _categories[i % 2].Id());
        }

        await _own.Given.ReviewAsync(_products[0].Id(), _buyer.Id());
        _paths =
        [
            "/products", "/products?limit=3", "/products?limit=3&skip=2", "/products?limit=1&count=exact",
            "/products?in_stock=true&count=exact&limit=2", "/products?in_stock=false&limit=2",
            "/products?sort=price&limit=2", "/products?sort=-price&limit=2", "/products?sort=name&limit=2",
            "/products?sort=-rating&limit=2", "/products?sort=-created_at&limit=2",
            "/products?min_price=12&max_price=14", "/products?search=blue", "/products?search=nothing+of+the+kind",
            $"/products?category_id={_categories[0].Id()}", $"/products?category_id={_categories[2].Id()}", "/products?category_id=999999",
            "/products/facets", "/products/facets?search=blue", "/products/facets?min_price=12", "/products/facets?in_stock=true",
            $"/products/facets?category_id={_categories[0].Id()}",
            .. Enumerable.Range(0, 8).Select(i => $"/products/{_products[0].Id() + i}"),
            .. Enumerable.Range(0, 8).Select(i => $"/products/{_products[0].Id() + i}/reviews?count=exact"),
            "/categories", "/categories?limit=1&count=exact", .. Enumerable.Range(0, 5).Select(i => $"/categories/{_categories[0].Id() + i}"),
        ];
    }

    public async ValueTask DisposeAsync()
    {
        _anyone.Dispose();
        await _own.DisposeAsync();
    }

    [Fact]
    public async Task A_change_over_http_is_seen_by_the_next_read()
    {
        var first = _products[0].Id();
        foreach (var change in new object[]
        {
            new { name = "A blue thing" }, new { description = "It is blue." }, new { sku = "BLUE" }, new { price = 13 },
            new { category_id = _categories[2].Id() }, new { active = false }, new { active = true }, new { stock = 3 },
            new { stock_change = -3 }, new { stock_change = 2 },
        })
        {
            await SeesAsync(() => _own.Http.PatchAsync($"/products/{first}", change).ShouldBeAsync(200), $"PATCH a product {change}");
        }

        await SeesAsync(() => _own.Given.ProductAsync(), "a new product, whose absence was cached");
        await SeesAsync(() => _own.Http.DeletedAsync($"/products/{_products[5].Id()}").ShouldBeAsync(204), "a product goes");

        var order = await SeesAsync(() => OrderAsync(first, 1), "an order");
        await SeesAsync(() => OrderAsync(first, 1), "an order that takes the last");
        await SeesAsync(() => OrderAsync(first, 1, 409), "an order that is refused");
        await SeesAsync(() => _own.Http.PatchAsync($"/orders/{order.Id()}", new { status = 4 }).ShouldBeAsync(200), "an order is canceled");
        var empty = await _own.Http.PostAsync("/orders", new { client_id = _buyer.Id(), delivery_method = 1 }).ShouldBeAsync(201);
        var line = await SeesAsync(
            () => _own.Http.PostAsync("/order_details", new { order_id = empty.Id(), product_id = first, quantity = 1 }).ShouldBeAsync(201),
            "a line");
        await SeesAsync(
            () => _own.Http.PatchAsync($"/order_details/{line.Id()}", new { product_id = _products[1].Id() }).ShouldBeAsync(200),
            "a line of another product");
        await SeesAsync(() => _own.Http.DeletedAsync($"/order_details/{line.Id()}").ShouldBeAsync(204), "no line");
        await SeesAsync(
            () => _own.Http.PostAsync("/order_details", new { order_id = empty.Id(), product_id = first, quantity = 1 }).ShouldBeAsync(201),
            "another line");
        await SeesAsync(() => _own.Http.DeletedAsync($"/orders/{empty.Id()}").ShouldBeAsync(204), "an order with a line goes");

        var reviewer = await _own.Given.ClientAsync();
        var review = await SeesAsync(() => _own.Given.ReviewAsync(_products[1].Id(), reviewer.Id(), 5), "a review");
        await SeesAsync(() => _own.Http.PatchAsync($"/reviews/{review.Id()}", new { rating = 1 }).ShouldBeAsync(200), "another rating");
        await SeesAsync(
            () => _own.Http.PatchAsync($"/reviews/{review.Id()}", new { comment = "Ten letters at least." }).ShouldBeAsync(200),
            "another comment");
        await SeesAsync(() => _own.Http.DeletedAsync($"/reviews/{review.Id()}").ShouldBeAsync(204), "no review");
        await SeesAsync(() => _own.Given.ReviewAsync(_products[2].Id(), reviewer.Id(), 5), "another review");
        await SeesAsync(() => _own.Http.DeletedAsync($"/clients/{reviewer.Id()}").ShouldBeAsync(204), "the reviewer goes");
        await SeesAsync(() => _own.Http.DeletedAsync($"/clients/{_buyer.Id()}").ShouldBeAsync(204), "a reviewer is made anonymous");

        await SeesAsync(() => _own.Given.CategoryAsync(), "a new category");
        var category = $"/categories/{_categories[2].Id()}";
        await SeesAsync(() => _own.Http.PatchAsync(category, new { name = "Renamed" }).ShouldBeAsync(200), "a category has another name");
        await SeesAsync(
            () => _own.Http.PatchAsync(category, new { parent_id = _categories[0].Id() }).ShouldBeAsync(200), "a category moves");
        await SeesAsync(
            () => _own.Http.PatchAsync($"/products/{first}", new { category_id = (long?)null }).ShouldBeAsync(200), "a product leaves it");
        await SeesAsync(() => _own.Http.DeletedAsync(category).ShouldBeAsync(204), "a category goes");
    }

    [Fact]
    public async Task A_change_by_hand_is_seen_within_two_seconds()
    {
        foreach (var sql in new[]
        {
            "UPDATE products SET price = price * 2",
            "WITH one AS (SELECT min(id_key) AS id_key FROM products) UPDATE products p SET stock = 77 FROM one WHERE p.id_key = one.id_key",
            "INSERT INTO products (name, price, stock) SELECT 'blue ' || n, 1300, n % 2 FROM generate_series(1, 3) AS n",
            "INSERT INTO products (name, price, stock) SELECT 'many ' || n, 500, 1 FROM generate_series(1, 1500) AS n",
            "DELETE FROM products WHERE name LIKE 'many %'",
            "UPDATE products SET id_key = DEFAULT WHERE name = 'blue 1'",
            "INSERT INTO reviews (product_id, client_id, rating) SELECT p.id_key, c.id_key, 10 FROM products p, clients c ON CONFLICT DO NOTHING",
            "UPDATE reviews SET product_id = product_id",
            "DELETE FROM clients WHERE id_key NOT IN (SELECT client_id FROM orders)",
            "INSERT INTO categories (name) VALUES ('By hand')",
            "UPDATE categories SET parent_id = (SELECT min(id_key) FROM categories) WHERE name = 'By hand'",
            "BEGIN; SAVEPOINT a; UPDATE products SET name = 'blue again'; ROLLBACK TO a; UPDATE products SET stock = 1; COMMIT",
            "DO $$ BEGIN UPDATE products SET active = false WHERE name = 'blue 2'; END $$",
            "MERGE INTO products p USING (SELECT 1) AS x ON p.name = 'blue 3' WHEN MATCHED THEN UPDATE SET price = 7777",
            "TRUNCATE reviews",
            "TRUNCATE categories, products, order_details, reviews CASCADE",
        })
        {
            await FollowsAsync(sql);
        }
    }

    [Fact]
    public async Task A_change_of_any_column_is_seen()
    {
        await using var columns = _own.Database.CreateCommand(
            """
            SELECT table_name, column_name, data_type FROM information_schema.columns
            WHERE table_name IN ('products', 'reviews', 'categories') AND is_generated = 'NEVER' AND is_identity = 'NO'
            """);
        var updates = new List<string>();
        await using (var row = await columns.ExecuteReaderAsync(TestContext.Current.CancellationToken))
        {
            while (await row.ReadAsync(TestContext.Current.CancellationToken))
            {
                var (table, column) = (row.GetString(0), row.GetString(1));
                var value = (column, row.GetString(2)) switch
                {
                    ("category_id", _) => _categories[2].Id().ToString(),
                    ("product_id", _) => _products[3].Id().ToString(),
                    ("client_id", _) => (await _own.Given.ClientAsync()).Id().ToString(),
                    ("parent_id", _) => _categories[1].Id().ToString(),
                    (_, "text") => "'blue and longer than ten'",
                    (_, "boolean") => $"NOT {column}",
                    (_, "timestamp with time zone") => "'2000-01-01'",
                    (_, "smallint") => $"{column} + 1",
                    (_, "tsvector") => "'else'",
                    (_, "integer" or "bigint") => $"{column} + 1",
                    var (_, type) => throw new InvalidOperationException($"Say here how to change {table}.{column}, a {type}."),
                };
                updates.Add($"UPDATE {table} SET {column} = {value} WHERE id_key = (SELECT min(id_key) FROM {table})");
                if (table == "products" && column != "stock")
                {
                    // Who is told of a stock goes on with the rest of what is known.
                    updates.Add(updates[^1].Replace(" SET ", " SET stock = stock + 1, ", StringComparison.Ordinal));
                }
            }
        }

        Assert.True(updates.Count > 15, "the columns were not found");
        foreach (var update in updates)
        {
            await FollowsAsync(update);
        }
    }

    [Fact]
    public async Task Every_table_that_a_cached_answer_reads_tells_of_its_changes()
    {
        // The server's own statistics say what was read: of a connection when it ends. So this shop ends first, and what another one reads
        // by itself does not count.
        await _own.App.DisposeAsync();
        var idle = await ReadByAsync([]);
        var read = (await ReadByAsync(_paths)).Except(idle).ToHashSet();
        Assert.Superset(new HashSet<string> { "products", "product_counts", "search_words", "reviews", "categories" }, read);
        var silent = await ListAsync(
            """
            SELECT t.name || ' ' || e.event FROM unnest($1) AS t (name), unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS e (event)
            WHERE NOT EXISTS (
                SELECT FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
                WHERE c.relname = t.name AND g.tgname LIKE 'log_cache_events%' AND g.tgenabled = 'O'
                    AND g.tgtype::integer & CASE e.event WHEN 'INSERT' THEN 4 WHEN 'DELETE' THEN 8 WHEN 'UPDATE' THEN 16 ELSE 32 END > 0)
            """,
            read.ToArray());

        Assert.Empty(silent);
    }

    private static string Uncached(string path) => path.Replace("/products", "/Products", StringComparison.Ordinal)
        .Replace("/categories", "/Categories", StringComparison.Ordinal);

    private Task<JsonNode> OrderAsync(long product, int quantity, int status = 201) => _own.Http.PostAsync(
        "/orders",
        new { client_id = _buyer.Id(), delivery_method = 1, items = new[] { new { product_id = product, quantity } } }).ShouldBeAsync(status);

    // Everything is in the cache, then something changes, then everything is right.
    private async Task<JsonNode> SeesAsync(Func<Task<JsonNode>> change, string what)
    {
        await WarmAsync();
        var answer = await change();
        Assert.True(await FirstOldAsync() is not { } old, $"After {what}, {await FirstOldAsync()} is old.");
        return answer;
    }

    private async Task FollowsAsync(string sql)
    {
        await WarmAsync();
        await using (var command = _own.Database.CreateCommand(sql))
        {
            await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }

        string? old = null;
        try
        {
            await Eventually.HoldsAsync(async () => (old = await FirstOldAsync()) is null, LongestLag);
        }
        catch (Xunit.Sdk.XunitException)
        {
            Assert.Fail($"Two seconds after {sql}, {old} is old.");
        }
    }

    private async Task WarmAsync()
    {
        foreach (var path in _paths)
        {
            using var answer = await _anyone.GottenAsync(path);
        }
    }

    private async Task<string?> FirstOldAsync()
    {
        foreach (var path in _paths)
        {
            using var cached = await _anyone.GottenAsync(path);
            using var fresh = await _anyone.GottenAsync(Uncached(path));
            if (await TextAsync(cached) != await TextAsync(fresh))
            {
                return path;
            }
        }

        return null;
    }

    private static async Task<string> TextAsync(HttpResponseMessage answer)
    {
        var body = await answer.JsonAsync();
        var link = answer.Headers.TryGetValues("Link", out var links) ? links.Single() : "";
        var total = answer.Headers.TryGetValues("X-Total-Count", out var totals) ? totals.Single() : "";
        return answer.IsSuccessStatusCode
            ? $"{body.ToJsonString()} {(link.Length == 0 ? "" : link[link.IndexOf("after=", StringComparison.Ordinal)..])} {total}"
            : $"{(int)answer.StatusCode} {body["detail"]}";
    }

    /// <summary>The tables that a shop reads from its start to its end, while it is asked for these.</summary>
    private async Task<HashSet<string>> ReadByAsync(string[] paths)
    {
        const string Scans = "SELECT relname || ' ' || coalesce(seq_scan, 0) + coalesce(idx_scan, 0) FROM pg_stat_user_tables";
        var before = await ListAsync(Scans, []);
        var (app, http) = await ShopApp.OpenShopAsync(_own.Server);
        using (var anyone = new HttpClient { BaseAddress = http.BaseAddress })
        {
            foreach (var path in paths)
            {
                using var answer = await anyone.GottenAsync(path);
            }
        }

        http.Dispose();
        await app.DisposeAsync();
        await Eventually.HoldsAsync(async () => await _own.Database.ValueAsync<long>(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()") == 0);
        return [.. (await ListAsync(Scans, [])).Except(before).Select(line => line.Split(' ')[0])];
    }

    private async Task<List<string>> ListAsync(string sql, string[] names)
    {
        await using var command = _own.Database.CreateCommand(sql);
        if (names.Length > 0)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = names });
        }

        await using var row = await command.ExecuteReaderAsync();
        var list = new List<string>();
        while (await row.ReadAsync())
        {
            list.Add(row.GetString(0));
        }

        return list;
    }
}
