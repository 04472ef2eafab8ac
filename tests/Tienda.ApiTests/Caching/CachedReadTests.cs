using System.IO.Compression;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Tienda.Caching;
using Tienda.Telemetry;

namespace Tienda.ApiTests.Caching;

/// <summary>What a client sees of the cache: headers, 304, encodings, and who is answered from it.</summary>
public sealed class CachedReadTests(ShopApp shop)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private HttpClient Anyone => shop.Anonymous;

    [Fact]
    public async Task The_second_read_is_answered_from_the_cache_with_the_same_answer()
    {
        var path = await NewProductAsync();
        using var first = await Anyone.GottenAsync(path);
        using var second = await Anyone.GottenAsync(path);

        Assert.Equal(("false", "true"), (Hit(first), Hit(second)));
        Assert.Equal(await first.Content.ReadAsStringAsync(Ct), await second.Content.ReadAsStringAsync(Ct));
        Assert.Equal(first.Headers.ETag, second.Headers.ETag);
        Assert.False(first.Headers.ETag!.IsWeak);
        Assert.Equal("public, no-cache", second.Headers.CacheControl!.ToString());
        Assert.Contains("Accept-Encoding", second.Headers.Vary);
        Assert.Equal("application/json; charset=utf-8", second.Content.Headers.ContentType!.ToString());
    }

    [Theory]
    [InlineData("/products?limit=2", "/products?limit=2&skip=0")]
    [InlineData("/products?limit=2&sort=price", "/products?sort=price&limit=2&utm_source=mail")]
    [InlineData("/products?limit=2&min_price=3", "/products/?min_price=3.00&limit=2&sort=id")]
    [InlineData("/products?limit=2&search=caf%C3%A9", "/products?search=café&limit=2")]
    [InlineData("/categories?limit=3", "/categories?limit=3&sort=price")]
    public async Task Requests_that_mean_the_same_share_an_answer(string one, string other)
    {
        await using var own = await OwnShop.OpenAsync(shop);
        for (var i = 0; i < 3; i++)
        {
            await own.Given.ProductAsync();
        }

        using var anyone = own.Anonymous();
        using var first = await anyone.GottenAsync(one);
        using var second = await anyone.GottenAsync(other);

        Assert.Equal(("false", "true"), (Hit(first), Hit(second)));
        Assert.Equal(Link(first), Link(second));
    }

    [Fact]
    public async Task A_sale_is_in_the_next_answer_and_the_database_is_not_asked_for_it()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        using var anyone = own.Anonymous();
        var buyer = (await own.Given.ClientAsync()).Id();
        var (few, many) = (await own.Given.ProductAsync(stock: 3), await own.Given.ProductAsync(stock: 1000));
        string[] paths = ["/products?limit=5", $"/products/{few.Id()}", "/products?in_stock=true"];
        foreach (var path in paths)
        {
            using var answer = await anyone.GottenAsync(path);
        }

        for (var sold = 1; sold <= 3; sold++)
        {
            await own.Given.OrderForAsync(buyer, (few, 1), (many, 1)).ShouldBeAsync(201);
            foreach (var path in paths)
            {
                using var answer = await anyone.GottenAsync(path);
                using var fresh = await anyone.GottenAsync(path.Replace("/products", "/Products", StringComparison.Ordinal));
                Assert.Equal(await fresh.Content.ReadAsStringAsync(Ct), await answer.Content.ReadAsStringAsync(Ct));
                Assert.Equal(fresh.Headers.ETag, answer.Headers.ETag);
                // The last one takes the product out of what is in stock; which page takes its place has to be read.
                Assert.Equal(sold == 3 && path.EndsWith("=true", StringComparison.Ordinal) ? "false" : "true", Hit(answer));
            }
        }
    }

    [Fact]
    public async Task A_client_who_has_the_answer_is_told_so()
    {
        var path = await NewProductAsync();
        using var first = await Anyone.GottenAsync(path);
        using var second = await AskAsync(path, r => r.Headers.IfNoneMatch.Add(first.Headers.ETag!));

        Assert.Equal(304, (int)second.StatusCode);
        Assert.Equal(first.Headers.ETag, second.Headers.ETag);
        Assert.Equal("", await second.Content.ReadAsStringAsync(Ct));

        await shop.Http.PatchAsync(path, new { price = 11 }).ShouldBeAsync(200);
        using var third = await AskAsync(path, r => r.Headers.IfNoneMatch.Add(first.Headers.ETag!));
        Assert.Equal(200, (int)third.StatusCode);
        Assert.NotEqual(first.Headers.ETag, third.Headers.ETag);
    }

    [Theory]
    [InlineData("*", 304)]
    [InlineData("\"other\", {0}", 304)]
    [InlineData("W/{0}", 304)]
    [InlineData("\"other\"", 200)]
    [InlineData("nonsense", 200)]
    public async Task Every_form_of_if_none_match_is_read(string header, int status)
    {
        var path = await NewProductAsync();
        using var first = await Anyone.GottenAsync(path);
        var value = header.Replace("{0}", first.Headers.ETag!.ToString(), StringComparison.Ordinal);
        using var second = await AskAsync(path, r => r.Headers.TryAddWithoutValidation("If-None-Match", value));

        Assert.Equal(status, (int)second.StatusCode);
    }

    [Theory]
    [InlineData("br", "br")]
    [InlineData("gzip", "gzip")]
    [InlineData("gzip, deflate, br", "br")]
    [InlineData("GZIP;q=0.5", "gzip")]
    [InlineData("br;q=0, gzip", "gzip")]
    [InlineData("br;q=0.0", null)]
    [InlineData("identity", null)]
    [InlineData("zstd", null)]
    public async Task The_answer_is_compressed_as_the_client_takes_it(string accepted, string? encoding)
    {
        const string Path = "/products?limit=50";
        for (var i = 0; i < 8; i++)
        {
            await shop.Given.ProductAsync();
        }

        using var plain = await Anyone.GottenAsync(Path);
        using var answer = await AskAsync(Path, r => r.Headers.TryAddWithoutValidation("Accept-Encoding", accepted));

        Assert.Equal(encoding, answer.Content.Headers.ContentEncoding.SingleOrDefault());
        var bytes = await answer.Content.ReadAsByteArrayAsync(Ct);
        Assert.Equal(bytes.Length, answer.Content.Headers.ContentLength);
        var text = await DecodeAsync(bytes, encoding);
        JsonNode.Parse(text)!.AsArray();
        if (encoding is not null)
        {
            Assert.NotEqual(plain.Headers.ETag, answer.Headers.ETag);
            using var again = await AskAsync(Path, r =>
            {
                r.Headers.TryAddWithoutValidation("Accept-Encoding", accepted);
                r.Headers.IfNoneMatch.Add(answer.Headers.ETag!);
            });
            Assert.Equal((304, answer.Headers.ETag), ((int)again.StatusCode, again.Headers.ETag));
        }
    }

    [Fact]
    public async Task Head_answers_the_same_headers()
    {
        var path = await NewProductAsync();
        using var first = await Anyone.GottenAsync(path);
        using var head = await Anyone.SendAsync(new HttpRequestMessage(HttpMethod.Head, path), Ct);

        Assert.Equal("true", Hit(head));
        Assert.Equal(first.Headers.ETag, head.Headers.ETag);
        Assert.Equal(first.Content.Headers.ContentLength, head.Content.Headers.ContentLength);
        Assert.Equal("", await head.Content.ReadAsStringAsync(Ct));
    }

    [Fact]
    public async Task An_absence_is_cached_and_each_client_gets_its_own_request_id()
    {
        var path = $"/products/{long.MaxValue - 7}";
        using var first = await Anyone.GottenAsync(path);
        using var second = await Anyone.GottenAsync(path);

        Assert.Equal((404, 404, "true"), ((int)first.StatusCode, (int)second.StatusCode, Hit(second)));
        Assert.NotEqual((string?)(await first.JsonAsync())["request_id"], (string?)(await second.JsonAsync())["request_id"]);
        Assert.Equal("no-store", second.Headers.CacheControl!.ToString());
        Assert.Null(second.Headers.ETag);
    }

    [Fact]
    public async Task Signed_in_clients_are_answered_from_the_cache_too()
    {
        var path = await NewProductAsync();
        using var client = shop.SignedIn(await shop.Given.ClientAsync());
        using var first = await client.GottenAsync(path);
        using var second = await client.GottenAsync(path);
        using var third = await Anyone.GottenAsync(path);

        Assert.Equal(("false", "true", "true"), (Hit(first), Hit(second), Hit(third)));
    }

    [Fact]
    public async Task Wrong_credentials_are_refused_although_the_answer_is_cached()
    {
        var path = await NewProductAsync();
        using var first = await Anyone.GottenAsync(path);
        using var stranger = shop.WithToken("nonsense");
        using var refused = await stranger.GottenAsync(path);

        Assert.Equal(401, (int)refused.StatusCode);
    }

    [Fact]
    public async Task Administrators_neither_fill_the_cache_nor_are_answered_from_it()
    {
        var product = await shop.Given.ProductAsync();
        var path = $"/products/{product.Id()}";
        await shop.Http.PatchAsync(path, new { active = false }).ShouldBeAsync(200);

        using var hidden = await shop.Http.GottenAsync(path);
        using var again = await shop.Http.GottenAsync(path);
        using var public1 = await Anyone.GottenAsync(path);
        using var public2 = await Anyone.GottenAsync(path);
        using var after = await shop.Http.GottenAsync(path);

        Assert.Equal((200, 200, 404, 404, 200), (
            (int)hidden.StatusCode, (int)again.StatusCode, (int)public1.StatusCode, (int)public2.StatusCode, (int)after.StatusCode));
        Assert.Equal(("false", "true", "false"), (Hit(again), Hit(public2), Hit(after)));
        Assert.Equal("no-cache, private", again.Headers.CacheControl!.ToString());
        Assert.NotNull(again.Headers.ETag);
    }

    [Fact]
    public async Task A_client_who_takes_no_json_is_refused_although_the_answer_is_cached()
    {
        var path = await NewProductAsync();
        using var first = await Anyone.GottenAsync(path);
        using var refused = await AskAsync(path, r => r.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/html")));

        Assert.Equal(406, (int)refused.StatusCode);
    }

    [Theory]
    [InlineData("/products?limit=2&count=estimate")]
    [InlineData("/products?Limit=2")]
    public async Task Some_reads_are_never_cached(string path)
    {
        using var first = await Anyone.GottenAsync(path);
        using var second = await Anyone.GottenAsync(path);

        Assert.Equal(("false", "false"), (Hit(first), Hit(second)));
        Assert.NotNull(second.Headers.ETag);
    }

    [Theory]
    [InlineData("/clients")]
    [InlineData("/orders")]
    [InlineData("/reviews")]
    [InlineData("/health_check")]
    public async Task What_is_personal_or_not_cacheable_says_so(string path)
    {
        using var answer = await shop.Http.GottenAsync(path);

        Assert.Null(answer.Headers.ETag);
        Assert.False(answer.Headers.Contains(AnswerWriter.HitHeader));
        Assert.Equal("no-store", answer.Headers.CacheControl!.ToString());
    }

    [Fact]
    public async Task Refusals_are_not_cached()
    {
        using var first = await Anyone.GottenAsync("/products?after=MjppZDo&sort=price&limit=3");
        using var second = await Anyone.GottenAsync("/products?after=MjppZDo&sort=price&limit=3");

        Assert.Equal((422, 422), ((int)first.StatusCode, (int)second.StatusCode));
        Assert.Null(second.Headers.ETag);
    }

    [Fact]
    public async Task A_crowd_that_asks_for_one_thing_asks_the_database_once()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        var path = $"/products/{(await own.Given.ProductAsync()).Id()}";
        var metrics = own.App.Services.GetRequiredService<CacheMetrics>();
        using var anyone = own.Anonymous();
        var held = await own.HoldAsync("LOCK TABLE products IN ACCESS EXCLUSIVE MODE");
        var cache = own.App.Services.GetRequiredService<ResponseCache>();
        var crowd = Enumerable.Range(0, 100).Select(_ => anyone.GottenAsync(path)).ToList();
        await Eventually.HoldsAsync(() => cache.LastFlight >= 100);
        await held.DisposeAsync();
        foreach (var request in crowd)
        {
            using var answer = await request;
            Assert.Equal(200, (int)answer.StatusCode);
        }

        Assert.Equal((1, 99), (metrics.Count(CacheResult.Miss), metrics.Count(CacheResult.Shared) + metrics.Count(CacheResult.Memory)));
    }

    private async Task<string> NewProductAsync() => $"/products/{(await shop.Given.ProductAsync()).Id()}";

    private async Task<HttpResponseMessage> AskAsync(string path, Action<HttpRequestMessage> adjust)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, path);
        adjust(request);
        return await Anyone.SendAsync(request, Ct);
    }

    private static string? Hit(HttpResponseMessage answer) =>
        answer.Headers.TryGetValues(AnswerWriter.HitHeader, out var values) ? values.Single() : null;

    private static string? Link(HttpResponseMessage answer) => answer.Headers.TryGetValues("Link", out var values) ? values.Single() : null;

    private static async Task<string> DecodeAsync(byte[] bytes, string? encoding)
    {
        await using Stream stream = encoding switch
        {
            "br" => new BrotliStream(new MemoryStream(bytes), CompressionMode.Decompress),
            "gzip" => new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress),
            _ => new MemoryStream(bytes),
        };
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return await reader.ReadToEndAsync(Ct);
    }
}
