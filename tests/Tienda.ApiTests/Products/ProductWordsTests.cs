using System.Globalization;
using Tienda.Http;

namespace Tienda.ApiTests.Products;

/// <summary>What a word that is searched for stands for, and in which order its products come. Each test makes words of its own.</summary>
public sealed class ProductWordsTests(ShopApp shop)
{
    [Theory]
    [InlineData("Zapatos de cuero", "zapato")]
    [InlineData("Zapato rojo", "ZAPATOS ROJOS")]
    [InlineData("Camión de juguete", "camiones para juguetes")]
    [InlineData("Rechargeable batteries", "battery")]
    [InlineData("Running shoe", "run shoes")]
    [InlineData("Funda del móvil", "fundas para moviles")]
    [InlineData("Cámara digital", "cámaras digitales")]
    public async Task Endings_are_ignored_in_both_languages(string name, string typed)
    {
        var category = (await shop.Given.CategoryAsync()).Id();
        var wanted = await AddAsync(name, category);
        await AddAsync("Te verde", category);

        Assert.Equal([wanted], await IdsAsync($"category_id={category}&search={Uri.EscapeDataString(typed)}"));
    }

    [Fact]
    public async Task A_typing_error_is_corrected_and_said()
    {
        var word = Word();
        var wanted = await AddAsync($"Lamp {word}");

        foreach (var typed in new[] { word.Remove(4, 1), word.Insert(4, "q"), word[..4] + "q" + word[5..], Swapped(word) })
        {
            using var answer = await shop.Anonymous.GottenAsync($"/products?search=lamps+{typed}");

            Assert.Equal([wanted], (await answer.JsonAsync()).AsArray().Select(p => p!.Id()));
            Assert.Equal($"lamps {word}", answer.Headers.GetValues(Page.CorrectedHeader).Single());
        }

        using var right = await shop.Anonymous.GottenAsync($"/products?search={word}");
        Assert.False(right.Headers.Contains(Page.CorrectedHeader));
    }

    [Fact]
    public async Task The_correction_is_kept_with_the_answer_and_counts_are_of_what_was_searched_for()
    {
        var word = Word();
        await AddAsync(word);
        var typed = word.Remove(3, 1);
        using var first = await shop.Anonymous.GottenAsync($"/products?search={typed}&count=exact");
        using var second = await shop.Anonymous.GottenAsync($"/products?search={typed}&count=exact");

        Assert.Equal("true", second.Headers.GetValues("X-Cache-Hit").Single());
        foreach (var answer in new[] { first, second })
        {
            Assert.Equal(word, answer.Headers.GetValues(Page.CorrectedHeader).Single());
            Assert.Equal("1", answer.Headers.GetValues("X-Total-Count").Single());
        }

        Assert.Equal(1, (int)(await shop.Anonymous.GetJsonAsync($"/products/facets?search={typed}"))["total"]!);
    }

    [Fact]
    public async Task Nobody_is_led_to_a_product_that_is_not_shown()
    {
        var word = Word();
        var product = await AddAsync(word);
        await shop.Http.PatchAsync($"/products/{product}", new { active = false }).ShouldBeAsync(200);
        var path = $"/products?search={word.Remove(3, 1)}";

        using var anyone = await shop.Anonymous.GottenAsync(path);
        using var administrator = await shop.Http.GottenAsync(path);

        Assert.Empty((await anyone.JsonAsync()).AsArray());
        Assert.False(anyone.Headers.Contains(Page.CorrectedHeader));
        Assert.Equal(word, administrator.Headers.GetValues(Page.CorrectedHeader).Single());
    }

    [Fact]
    public async Task A_mistake_that_a_product_had_once_is_corrected_like_any_other()
    {
        var (word, other) = (Word(), Word());
        var mistaken = word.Remove(4, 1);
        var product = await AddAsync(mistaken);
        await shop.Http.PatchAsync($"/products/{product}", new { name = $"{word} {other}" }).ShouldBeAsync(200);

        foreach (var path in new[] { $"/products?search={mistaken}", $"/products?search={mistaken}+{other}&sort=price" })
        {
            using var answer = await shop.Anonymous.GottenAsync(path);

            Assert.Equal([product], (await answer.JsonAsync()).AsArray().Select(p => p!.Id()));
            Assert.StartsWith(word, answer.Headers.GetValues(Page.CorrectedHeader).Single(), StringComparison.Ordinal);
        }

        using var facets = await shop.Anonymous.GottenAsync($"/products/facets?search={mistaken}");
        Assert.Equal(1, (int)(await facets.JsonAsync())["total"]!);
        Assert.Equal(word, facets.Headers.GetValues(Page.CorrectedHeader).Single());
        // There are both, and one of them is none of this category.
        using var none = await shop.Anonymous.GottenAsync($"/products?search={word}&category_id={(await shop.Given.CategoryAsync()).Id()}");
        Assert.False(none.Headers.Contains(Page.CorrectedHeader));
    }

    [Fact]
    public async Task Whether_a_word_is_corrected_does_not_tell_what_is_not_shown()
    {
        var word = Word();
        var alike = word.Remove(4, 1);
        await AddAsync(word);
        var hidden = await AddAsync(alike);
        await shop.Http.PatchAsync($"/products/{hidden}", new { active = false }).ShouldBeAsync(200);

        using var anyone = await shop.Anonymous.GottenAsync($"/products?search={alike}");
        using var administrator = await shop.Http.GottenAsync($"/products?search={alike}");

        Assert.Equal(word, anyone.Headers.GetValues(Page.CorrectedHeader).Single());
        Assert.False(administrator.Headers.Contains(Page.CorrectedHeader));
    }

    [Fact]
    public async Task Words_that_no_product_has_any_more_do_not_hide_one_that_a_product_has()
    {
        var word = Word();
        foreach (var gone in "bcdfgh".Where(letter => letter != word[0]))
        {
            var product = await AddAsync(gone + word[1..]);
            await shop.Http.DeleteAsync($"/products/{product}", TestContext.Current.CancellationToken).ShouldBeAsync(204);
        }

        var wanted = await AddAsync(word);

        Assert.Equal([wanted], await IdsAsync($"search=x{word[1..]}"));
    }

    [Theory]
    [InlineData(3)]
    // More than are looked for one by one.
    [InlineData(40)]
    public async Task The_last_word_finds_whatever_begins_with_it(int count)
    {
        var begun = Word()[..8];
        var wanted = new List<long>();
        foreach (var letters in Enumerable.Range(0, count).Select(n => $"{(char)('a' + (n % 26))}{(char)('a' + (n / 26))}"))
        {
            wanted.Add(await AddAsync(begun + letters));
        }

        Assert.Equal(wanted, await IdsAsync($"search={begun}&sort=id"));
        // Codes, and what is too long to be a word, are in no vocabulary.
        wanted.Add(await AddAsync(begun + "ka15"));
        wanted.Add(await AddAsync(begun + new string('k', 40)));
        wanted.Add(await AddAsync(begun));

        Assert.Equal(wanted, await IdsAsync($"search={begun}&sort=id"));
        // Only the last one may still be typed.
        Assert.Empty(await IdsAsync($"search={begun}+{begun}k"));
    }

    [Fact]
    public async Task The_first_sixteen_words_count()
    {
        var words = Enumerable.Range(0, 17).Select(_ => Word()[..9]).ToList();
        var wanted = await AddAsync(string.Join(' ', words[..16]));
        await AddAsync(string.Join(' ', words[..15]));

        Assert.Equal([wanted], await IdsAsync($"search={string.Join('+', words)}"));
    }

    [Theory]
    [InlineData("qxzwvk")]
    [InlineData("qxzwvk pqzzkx vvwqxk zzxqwp kkqzxv wwqpxz xxkqzv")]
    [InlineData("!!! ???")]
    [InlineData("q0x9z8w7v6")]
    public async Task Nonsense_finds_nothing(string typed)
    {
        using var answer = await shop.Anonymous.GottenAsync($"/products?count=estimate&search={Uri.EscapeDataString(typed)}");

        Assert.Empty((await answer.JsonAsync()).AsArray());
        Assert.Equal("0", answer.Headers.GetValues("X-Total-Count").Single());
        Assert.False(answer.Headers.Contains(Page.CorrectedHeader));
    }

    [Fact]
    public async Task A_word_may_stand_in_the_name_of_the_category_or_of_one_above_it()
    {
        var (shelf, thing) = (Word(), Word());
        var top = (await shop.Http.PostAsync("/categories", new { name = shelf }).ShouldBeAsync(201)).Id();
        var below = (await shop.Given.CategoryAsync(top)).Id();
        var wanted = await AddAsync(thing, below);
        await AddAsync(thing);

        Assert.Equal([wanted], await IdsAsync($"search={shelf}"));
        Assert.Equal([wanted], await IdsAsync($"search={thing}+{shelf[..5]}"));
        Assert.Equal([wanted], await IdsAsync($"search={shelf.Remove(3, 1)}+{thing}"));

        var renamed = Word();
        await shop.Http.PatchAsync($"/categories/{top}", new { name = renamed }).ShouldBeAsync(200);

        Assert.Empty(await IdsAsync($"search={shelf}"));
        Assert.Equal([wanted], await IdsAsync($"search={renamed}"));
    }

    [Fact]
    public async Task The_best_come_first_and_of_equals_those_that_most_have_an_opinion_of()
    {
        var word = Word();
        var other = Word();
        var described = await AddAsync(other, description: $"Goes with {word}");
        var named = await AddAsync(word);
        var known = await AddAsync(word);
        var client = await shop.Given.ClientAsync();
        await shop.Given.ReviewAsync(known, client.Id());
        await shop.Given.ReviewAsync(described, client.Id());

        Assert.Equal([known, named, described], await IdsAsync($"search={word}"));
        Assert.Equal([described, named, known], await IdsAsync($"search={word}&sort=id"));
    }

    [Fact]
    public async Task Every_page_of_what_was_found_fits_the_next()
    {
        var word = Word();
        // More than are ranked, in four places of relevance and with ties.
        await using var insert = shop.Database.CreateCommand(
            $"""
            INSERT INTO products (name, description, price, stock, rating_count, rating_sum)
            SELECT CASE WHEN n % 2 = 0 THEN '{word}' ELSE 'Box' END, '{word}' || repeat(' {word}', n % 3), 100 + n, n % 4, n % 7, n % 7 * 30
            FROM generate_series(1, 230) AS n
            """);
        await insert.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        var whole = await IdsAsync($"search={word}&limit=1000");

        var pages = await shop.Anonymous.EveryPageAsync($"/products?search={word}&limit=23");
        foreach (var skip in new[] { 150, 195, 200, 215 })
        {
            Assert.Equal(whole.Skip(skip).Take(15), await IdsAsync($"search={word}&limit=15&skip={skip}"));
        }

        using var first = await shop.Anonymous.GottenAsync($"/products?search={word}&limit=60");
        // One to the top of either part, and two of the first page away.
        await using var change = shop.Database.CreateCommand(
            $"""
            INSERT INTO products (name, price, stock, rating_count, rating_sum) VALUES ('{word}', 1, 1, 9, 300), ('{word}', 1, 1, 0, 0);
            DELETE FROM products WHERE id_key IN ({whole[0]}, {whole[30]});
            """);
        await change.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        var rest = await shop.Anonymous.EveryPageAsync(first.Headers.GetValues("Link").Single().Split('<', '>')[1]);

        Assert.Equal(230, whole.Count);
        Assert.Equal(whole, pages.Select(p => p.Id()));
        Assert.Equal(whole[60..], rest.Select(p => p.Id()).Intersect(whole));
        Assert.Equal(rest.Select(p => p.Id()).Distinct(), rest.Select(p => p.Id()));
    }

    [Theory]
    [InlineData(99)]
    [InlineData(100)]
    [InlineData(101)]
    public async Task Pages_fit_however_many_are_ranked_and_whatever_words_come(int count)
    {
        var word = Word();
        await using var insert = shop.Database.CreateCommand(
            $"""
            INSERT INTO products (name, description, price, stock)
            SELECT CASE WHEN n = 1 THEN '{word}' WHEN n % 3 = 0 THEN '{word}s' ELSE 'Box' END, '{word}', 100, 1
            FROM generate_series(1, {count}) AS n
            """);
        await insert.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        using var first = await shop.Anonymous.GottenAsync($"/products?search={word}&limit=40");
        var seen = (await first.JsonAsync()).AsArray().Select(p => p!.Id()).ToList();
        // Better known than the last ones, and in forms that were not in the vocabulary: the word stands for more than before, and as one of
        // them is a code, for whatever begins with it.
        await using var more = shop.Database.CreateCommand(
            $"INSERT INTO products (name, price, stock) SELECT '{word}' || e, 100, 1 FROM unnest(ARRAY['s', 'es', 'ing', 'ed', '2000', '']) AS e");
        await more.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);

        var rest = (await shop.Anonymous.EveryPageAsync(first.Headers.GetValues("Link").Single().Split('<', '>')[1])).Select(p => p.Id()).ToList();

        Assert.Empty(rest.Intersect(seen));
        Assert.Equal(rest.Distinct(), rest);
        Assert.InRange(seen.Count + rest.Count, count, count + 6);
    }

    [Fact]
    public async Task What_is_found_is_filtered_sorted_and_counted_like_any_list()
    {
        var word = Word();
        var category = (await shop.Given.CategoryAsync()).Id();
        var (dear, cheap) = (await AddAsync(word, category, price: 30), await AddAsync(word, category, price: 10));
        await AddAsync(word, price: 20);
        await AddAsync(Word(), category, price: 20);

        using var answer = await shop.Http.GottenAsync($"/products?search={word}&category_id={category}&sort=price&count=exact");
        using var estimated = await shop.Http.GottenAsync($"/products?search={word}&max_price=20&count=estimate");

        Assert.Equal([cheap, dear], (await answer.JsonAsync()).AsArray().Select(p => p!.Id()));
        Assert.Equal("2", answer.Headers.GetValues("X-Total-Count").Single());
        Assert.Equal("2", estimated.Headers.GetValues("X-Total-Count").Single());
        Assert.Equal([cheap], await IdsAsync($"search={word}&category_id={category}&max_price=20"));
    }

    [Theory]
    [InlineData("1:relevance:1")]
    [InlineData("1:id:")]
    public async Task A_cursor_of_another_order_is_refused(string cursor)
    {
        var after = Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(cursor)).TrimEnd('=').Replace('+', '-').Replace('/', '_');
        var path = cursor.Contains("relevance", StringComparison.Ordinal) ? "/products?after=" : "/products?search=lamp&after=";

        var problem = await shop.Http.GottenAsync(path + after).ShouldBeAsync(422);

        Assert.Contains("after", problem.Errors().Keys);
    }

    [Fact]
    public async Task Words_of_products_that_were_there_before_are_noted_by_and_by()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        await using var old = own.Database.CreateCommand(
            """
            INSERT INTO products (name, price, stock) SELECT 'Headphones', 100, 1 FROM generate_series(1, 25);
            TRUNCATE search_words;
            UPDATE search_words_progress SET noted_up_to = 0, last = 25;
            """);
        await old.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        var before = (await own.Http.GetJsonAsync("/products?search=headphones")).AsArray().Count;
        Assert.Equal(25, (await own.Http.GetJsonAsync("/products?search=headph")).AsArray().Count);
        var portions = 0;
        while (await own.Database.ValueAsync<bool>("SELECT note_words_of_next_products(10)"))
        {
            portions++;
        }

        Assert.Equal((25, 3), (before, portions));
        Assert.Equal(25, (await own.Http.GetJsonAsync("/products?search=hedphones")).AsArray().Count);
    }

    private async Task<List<long>> IdsAsync(string query) =>
        [.. (await shop.Anonymous.GetJsonAsync("/products?" + query)).AsArray().Select(p => p!.Id())];

    private async Task<long> AddAsync(string name, long? category = null, string? description = null, decimal price = 1)
    {
        var product = await shop.Http.PostAsync("/products", new { name, description, price, stock = 1, category_id = category }).ShouldBeAsync(201);
        return product.Id();
    }

    // Letters only, unlike any other, and nothing that a stemmer would cut off.
    private static string Word() => string.Concat(
        Guid.NewGuid().ToString("N", CultureInfo.InvariantCulture)[..11].Select(c => "bcdfghjklmnprtvw"[Convert.ToInt32(c.ToString(), 16)])) + "k";

    private static string Swapped(string word)
    {
        var at = Enumerable.Range(3, 8).First(i => word[i] != word[i + 1]);
        return word[..at] + word[at + 1] + word[at] + word[(at + 2)..];
    }
}
