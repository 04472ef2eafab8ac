using System.Net;
using System.Text.Json.Nodes;
using Tienda.Hosting;
using Tienda.Http;
using static Tienda.ApiTests.Products.ImportSteps;

namespace Tienda.ApiTests.Products;

/// <summary>What an export has, and that an import takes it.</summary>
public sealed class ProductExportTests(ShopApp shop)
{
    private const string Copies =
        "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%COPY (%' AND state = 'active' AND pid <> pg_backend_pid()";

    private static readonly (string Name, string? Description)[] Awkward =
    [
        ("Commas, \"quotes\" and 'others'", null),
        ("Empty, not null", ""),
        ("\"", "\"\""),
        ("Lines", "one\ntwo\r\nthree\r"),
        ("=1+1", "@SUM(A1:A2)\t-2"),
        ("Back\\slash \\n \\N \\.", "\\."),
        ("שלום 👩‍👩‍👧‍👦 ñ é e\u0301", "\u2028 \u00a0 \u0001\u007f"),
        (" spaces around ", " "),
        ("true", "null"),
    ];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Csv)]
    [InlineData(Ndjson)]
    public async Task What_is_exported_imports_to_the_same(string mediaType)
    {
        var category = (await shop.Given.CategoryAsync()).Id();
        var before = new List<JsonNode>();
        for (var i = 0; i < Awkward.Length; i++)
        {
            before.Add(await shop.Http.PostAsync("/products", new
            {
                name = Awkward[i].Name,
                description = Awkward[i].Description,
                sku = i == 0 ? null : $"{Prefix()}, \"{i}\"",
                price = i == 0 ? 9999999999.99m : 10.10m,
                stock = i,
                category_id = category,
                active = i != 3,
            }).ShouldBeAsync(201));
        }

        var query = $"?category_id={category}";
        var file = await ExportAsync(shop.Http, query, mediaType);
        var same = await shop.Http.ImportedAsync(file, mediaType);
        foreach (var product in before)
        {
            await shop.Http.PatchAsync(
                $"/products/{product.Id()}",
                new { name = "x", description = "x", price = 1, stock = 77, category_id = (long?)null, active = false }).ShouldBeAsync(200);
        }

        var changed = await shop.Http.ImportedAsync(file, mediaType);

        Assert.Equal((0, 0, Awkward.Length), ((int)same["created"]!, (int)same["updated"]!, (int)same["unchanged"]!));
        Assert.Equal((0, Awkward.Length), ((int)changed["created"]!, (int)changed["updated"]!));
        foreach (var product in before)
        {
            Assert.Equal(Told(product), Told(await shop.Http.GetJsonAsync($"/products/{product.Id()}")));
        }

        // Two files in a row differ in nothing but the times at which they were changed.
        Assert.Equal(WithoutTimes(file), WithoutTimes(await ExportAsync(shop.Http, query, mediaType)));
    }

    [Theory]
    [InlineData(Csv)]
    [InlineData(Ndjson)]
    public async Task Another_shop_takes_the_file_as_well(string mediaType)
    {
        var category = await shop.Given.CategoryAsync();
        foreach (var (name, description) in Awkward)
        {
            await shop.Http.PostAsync(
                "/products", new { name, description, sku = Prefix(), price = 1.5m, stock = 1, category_id = category.Id() }).ShouldBeAsync(201);
        }

        await using var own = await OwnShop.OpenAsync(shop);
        await own.Http.PostAsync("/categories", new { name = "Takes an id" }).ShouldBeAsync(201);
        var there = await own.Http.PostAsync("/categories", new { name = (string)category["name"]! }).ShouldBeAsync(201);
        var file = await ExportAsync(shop.Http, $"?category_id={category.Id()}", mediaType);
        // Ids are each shop's own; names are the same.
        file = mediaType == Csv
            ? file.Replace($",{category.Id()},{category["name"]},", $",,{category["name"]},", StringComparison.Ordinal)
            : file.Replace($"\"category_id\":{category.Id()}", "\"category_id\":null", StringComparison.Ordinal);

        var import = await own.Http.ImportedAsync(file, mediaType);

        Assert.Equal(Awkward.Length, (int)import["created"]!);
        var products = (await own.Http.GetJsonAsync("/products")).AsArray();
        Assert.Equal(Awkward.OrderBy(a => a.Name), products.Select(p => ((string)p!["name"]!, (string?)p["description"])).OrderBy(a => a.Item1));
        Assert.All(products, p => Assert.Equal(there.Id(), (long)p!["category_id"]!));
    }

    [Fact]
    public async Task It_has_what_a_filter_of_the_list_names_and_nothing_of_it_is_sql()
    {
        var category = (await shop.Given.CategoryAsync()).Id();
        var word = Prefix();
        var cheap = await shop.Http.PostAsync(
            "/products", new { name = $"{word} cheap", price = 1, stock = 0, category_id = category }).ShouldBeAsync(201);
        var dear = await shop.Http.PostAsync(
            "/products", new { name = $"{word} dear", price = 20, stock = 5, category_id = category }).ShouldBeAsync(201);

        foreach (var (query, expected) in new (string, JsonNode[])[]
        {
            ($"category_id={category}", [cheap, dear]),
            ($"category_id={category}&min_price=1.01", [dear]),
            ($"category_id={category}&max_price=19.99", [cheap]),
            ($"category_id={category}&in_stock=true", [dear]),
            ($"search={word}", [cheap, dear]),
            ($"search={word}+dear", [dear]),
            ($"search={word}'%25%24%3B--%5C&category_id={category}", [cheap, dear]),
            ($"search={word}&category_id={category + 1}", []),
        })
        {
            var lines = (await ExportAsync(shop.Http, "?" + query, Ndjson)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            Assert.Equal(expected.Select(p => p.Id()), lines.Select(line => JsonNode.Parse(line)!.Id()));
        }

        await shop.Http.GetAsync("/products/export?min_price=x", Ct).ShouldBeAsync(400);
        await shop.Http.GetAsync("/products/export?format=xml", Ct).ShouldBeAsync(422);
    }

    [Theory]
    [InlineData(null, "", Csv)]
    [InlineData("*/*", "", Csv)]
    [InlineData("text/csv;q=0.5, application/x-ndjson", "", Ndjson)]
    [InlineData("application/x-ndjson", "", Ndjson)]
    [InlineData("text/csv; charset=utf-8", "", Csv)]
    [InlineData("application/x-ndjson;q=0.9;x=y, text/csv;charset=utf-8;q=0.5", "", Ndjson)]
    [InlineData("text/csv;q=0, application/json", "", null)]
    [InlineData("application/json", "", null)]
    [InlineData("application/json", "&format=csv", Csv)]
    [InlineData(null, "&format=ndjson", Ndjson)]
    public async Task The_format_is_what_was_asked_for(string? accept, string query, string? expected)
    {
        var category = (await shop.Given.CategoryAsync()).Id();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/products/export?category_id={category}{query}");
        if (accept is not null)
        {
            request.Headers.TryAddWithoutValidation("Accept", accept);
        }

        using var response = await shop.Http.SendAsync(request, Ct);

        Assert.Equal(expected is null ? HttpStatusCode.NotAcceptable : HttpStatusCode.OK, response.StatusCode);
        if (expected is not null)
        {
            Assert.Equal(expected, response.Content.Headers.ContentType!.MediaType);
            Assert.Matches(@"^attachment; filename=""?products-\d{4}-\d\d-\d\d\.(csv|ndjson)""?$", response.Content.Headers.ContentDisposition!.ToString());
            Assert.Equal("no-store", response.Headers.CacheControl!.ToString());
        }
    }

    [Fact]
    public async Task A_search_finds_what_the_list_shows_and_says_what_was_corrected()
    {
        var (word, other) = (Word(), Word());
        var mistaken = word.Remove(4, 1);
        var product = await shop.Http.PostAsync("/products", new { name = mistaken, price = 1, stock = 0 }).ShouldBeAsync(201);
        await shop.Http.PatchAsync($"/products/{product.Id()}", new { name = $"{word} {other}" }).ShouldBeAsync(200);

        // A mistake, one that a product had once, and none.
        foreach (var (typed, corrected) in new (string, string?)[] { (word.Remove(3, 1), word), (mistaken, word), (word, null) })
        {
            using var list = await shop.Http.GottenAsync($"/products?search={typed}");
            using var file = await shop.Http.GottenAsync($"/products/export?search={typed}&format=ndjson");

            Assert.Equal([product.Id()], (await list.JsonAsync()).AsArray().Select(p => p!.Id()));
            var lines = (await file.Content.ReadAsStringAsync(Ct)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            Assert.Equal([product.Id()], lines.Select(line => JsonNode.Parse(line)!.Id()));
            foreach (var answer in new[] { list, file })
            {
                Assert.Equal(corrected, answer.Headers.TryGetValues(Page.CorrectedHeader, out var values) ? values.Single() : null);
            }
        }
    }

    [Fact]
    public async Task A_client_that_leaves_ends_the_query_and_a_query_that_fails_breaks_the_connection()
    {
        await using var own = await LargeShopAsync();

        using (var left = await BeginAsync(own))
        {
            await Eventually.HoldsAsync(async () => await CopiesAsync(own) == 1);
        }

        await Eventually.HoldsAsync(async () => await CopiesAsync(own) == 0);
        using var broken = await BeginAsync(own);
        Assert.True(await own.Database.ValueAsync<bool>($"SELECT bool_and(pg_terminate_backend(pid)) {Copies}"));
        await Assert.ThrowsAnyAsync<Exception>(async () => await broken.Content.ReadAsByteArrayAsync(Ct));
        // And the next one is whole.
        Assert.Equal(8001, (await ExportAsync(own.Http, "", Csv)).Count(c => c == '\n'));
    }

    [Fact]
    public async Task Two_are_made_at_once_and_a_third_one_is_told_to_come_back()
    {
        await using var own = await LargeShopAsync(s => s with { PoolTimeoutSeconds = 1 });
        using var first = await BeginAsync(own);
        using (var second = await BeginAsync(own))
        {
            using var third = await BeginAsync(own);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, third.StatusCode);
            Assert.NotNull(third.Headers.RetryAfter);
            Assert.Equal(2, await CopiesAsync(own));
            // The shop is there for everything else.
            await own.Http.GottenAsync("/products?limit=1").ShouldBeAsync(200);
        }

        await Eventually.HoldsAsync(async () => await CopiesAsync(own) == 1);
        Assert.Equal(8001, (await ExportAsync(own.Http, "", Csv)).Count(c => c == '\n'));
    }

    [Fact]
    public async Task One_that_nobody_reads_ends_when_its_time_is_over()
    {
        await using var own = await LargeShopAsync(s => s with { LongestExport = TimeSpan.FromSeconds(1) });
        using var unread = await BeginAsync(own);

        await Eventually.HoldsAsync(async () => await CopiesAsync(own) == 0);

        await Assert.ThrowsAnyAsync<Exception>(async () => await unread.Content.ReadAsByteArrayAsync(Ct));
    }

    [Fact]
    public async Task Head_answers_without_reading_a_product()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        await using var held = await own.HoldAsync("LOCK TABLE products IN ACCESS EXCLUSIVE MODE");

        using var head = await own.Http.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/products/export"), Ct);

        Assert.Equal(HttpStatusCode.OK, head.StatusCode);
        Assert.Equal(Csv, head.Content.Headers.ContentType!.MediaType);
        Assert.Empty(await head.Content.ReadAsByteArrayAsync(Ct));
    }

    private static Task<long> CopiesAsync(OwnShop own) => own.Database.ValueAsync<long>($"SELECT count(*) {Copies}");

    // With more products than the sockets between it and a client hold.
    private async Task<OwnShop> LargeShopAsync(Func<Settings, Settings>? adjust = null)
    {
        var own = await OwnShop.OpenAsync(shop, adjust);
        await own.Database.ExecuteAsync(
            "INSERT INTO products (name, price, stock, description) SELECT 'Large ' || n, 100, 1, repeat('d', 4000) FROM generate_series(1, 8000) AS n");
        return own;
    }

    private static string Word() => string.Concat(
        Guid.NewGuid().ToString("N")[..11].Select(c => "bcdfghjklmnprtvw"[Convert.ToInt32(c.ToString(), 16)])) + "k";

    private static Task<HttpResponseMessage> BeginAsync(OwnShop own) =>
        own.Http.GetAsync("/products/export", HttpCompletionOption.ResponseHeadersRead, Ct);

    internal static async Task<string> ExportAsync(HttpClient http, string query, string mediaType, string path = "/products/export")
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path + query);
        request.Headers.Add("Accept", mediaType);
        using var response = await http.SendAsync(request, Ct);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return await response.Content.ReadAsStringAsync(Ct);
    }

    private static string Told(JsonNode product)
    {
        var copy = product.DeepClone().AsObject();
        copy.Remove("updated_at");
        return copy.ToJsonString();
    }

    private static string WithoutTimes(string file) =>
        System.Text.RegularExpressions.Regex.Replace(file, @"\d{4}-\d\d-\d\dT[0-9:.]+Z", "");
}
