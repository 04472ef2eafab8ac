namespace Tienda.ApiTests.Products;

public sealed class ProductSearchTests(ShopApp shop)
{
    [Theory]
    [InlineData("cafe nandu")]
    [InlineData("CAFÉ ÑANDÚ")]
    [InlineData("ñand")]
    [InlineData("nandu 'café'")]
    [InlineData("  nandu!! & (cafe) ")]
    public async Task Search_ignores_accents_case_and_signs(string words)
    {
        var category = (await shop.Given.CategoryAsync()).Id();
        var wanted = await AddAsync(category, "Café Ñandú");
        await AddAsync(category, "Té verde");

        Assert.Equal([wanted], await IdsAsync($"category_id={category}&search={Uri.EscapeDataString(words)}"));
    }

    [Fact]
    public async Task Search_reads_name_sku_and_description()
    {
        var category = (await shop.Given.CategoryAsync()).Id();
        var sku = "SKU-" + Guid.NewGuid().ToString("N")[..8];
        var product = await shop.Http.PostAsync(
            "/products",
            new { name = "Tetera", sku, description = "De porcelana", price = 1, stock = 1, category_id = category }).ShouldBeAsync(201);

        foreach (var words in (string[])["tetera", sku, "porcelana", $"porcelana tetera {sku}"])
        {
            Assert.Equal([product.Id()], await IdsAsync($"category_id={category}&search={words}"));
        }

        Assert.Empty(await IdsAsync($"category_id={category}&search=tetera%20vidrio"));
    }

    [Theory]
    [InlineData("'; DROP TABLE products; --")]
    [InlineData("\"")]
    [InlineData("a & | ! ( ) <-> :*")]
    [InlineData(":*")]
    [InlineData("!")]
    [InlineData("%")]
    [InlineData("_")]
    [InlineData("\\")]
    [InlineData("a\\")]
    [InlineData("😀")]
    [InlineData("שלום 漢字")]
    [InlineData("$1 {0} {{")]
    [InlineData("\u202e\u200b\ufeff")]
    [InlineData("¿¡«»“”…—")]
    [InlineData("'a':1A")]
    [InlineData("https://example.com/a?b=c")]
    [InlineData("e\u0301")]
    [InlineData("\t\n\u001f")]
    public async Task Search_takes_whatever_is_typed(string words)
    {
        using var answer = await shop.Http.GottenAsync($"/products?limit=1&search={Uri.EscapeDataString(words)}");

        Assert.Equal(200, (int)answer.StatusCode);
    }

    [Long]
    [Fact]
    public async Task Search_takes_every_character()
    {
        var characters = await shop.Database.ValueAsync<long>(
            """
            SELECT count(*) FROM generate_series(1, 131071) AS n
            WHERE n NOT BETWEEN 55296 AND 57343
                AND (SELECT bool_and(query::tsquery IS NOT NULL) FROM read_search('a' || chr(n) || 'b ' || chr(n), true, false)) IS NOT FALSE
            """);

        Assert.Equal(131071 - 2048, characters);
    }

    [Fact]
    public async Task A_search_that_is_too_long_or_has_a_NUL_is_refused()
    {
        await shop.Http.GottenAsync("/products?search=" + new string('x', 201)).ShouldBeAsync(422);
        await shop.Http.GottenAsync("/products?search=a%00b").ShouldBeAsync(422);
    }

    private async Task<List<long>> IdsAsync(string query) =>
        [.. (await shop.Http.GetJsonAsync("/products?" + query)).AsArray().Select(p => p!.Id())];

    private async Task<long> AddAsync(long categoryId, string name) =>
        (await shop.Http.PostAsync("/products", new { name, price = 1, stock = 1, category_id = categoryId }).ShouldBeAsync(201)).Id();
}
