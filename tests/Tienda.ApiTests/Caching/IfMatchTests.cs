using System.Net.Http.Json;

namespace Tienda.ApiTests.Caching;

/// <summary>Writes that are made only if nobody was faster.</summary>
public sealed class IfMatchTests(ShopApp shop)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("PATCH")]
    [InlineData("PUT")]
    [InlineData("DELETE")]
    public async Task A_product_is_changed_only_if_it_is_still_the_one_that_was_read(string method)
    {
        var product = await shop.Given.ProductAsync();
        var path = $"/products/{product.Id()}";
        var (old, read) = (await EtagAsync(shop.Anonymous, path), await EtagAsync(shop.Http, path));
        Assert.Equal(old, read);
        await shop.Given.OrderAsync((product, 1)).ShouldBeAsync(201);

        var problem = await WriteAsync(method, path, old).ShouldBeAsync(412);
        Assert.Equal("/errors/precondition-failed", (string?)problem["type"]);
        Assert.Equal(9, (int)(await shop.Http.GetJsonAsync(path))["stock"]!);
        // Sold, so it cannot be deleted; but the condition holds.
        await WriteAsync(method, path, await EtagAsync(shop.Anonymous, path)).ShouldBeAsync(method == "DELETE" ? 409 : 200);
    }

    [Theory]
    [InlineData("PATCH")]
    [InlineData("DELETE")]
    public async Task A_category_too(string method)
    {
        var path = $"/categories/{(await shop.Given.CategoryAsync()).Id()}";
        var old = await EtagAsync(shop.Anonymous, path);
        await shop.Http.PatchAsync(path, new { name = Given.Unique("Renamed") }).ShouldBeAsync(200);

        await WriteAsync(method, path, old).ShouldBeAsync(412);
        using var answer = await WriteAsync(method, path, await EtagAsync(shop.Anonymous, path));
        Assert.True(answer.IsSuccessStatusCode);
        Assert.Equal(method == "DELETE" ? 404 : 200, (int)(await shop.Anonymous.GottenAsync(path)).StatusCode);
    }

    [Theory]
    [InlineData("*", 200)]
    [InlineData("\"other\", {0}", 200)]
    [InlineData("W/{0}", 412)]
    [InlineData("\"other\"", 412)]
    [InlineData("nonsense", 412)]
    public async Task Every_form_of_it_is_read(string header, int status)
    {
        var path = $"/products/{(await shop.Given.ProductAsync()).Id()}";
        var value = header.Replace("{0}", await EtagAsync(shop.Anonymous, path), StringComparison.Ordinal);

        await WriteAsync("PATCH", path, value).ShouldBeAsync(status);
    }

    [Fact]
    public async Task What_is_not_there_is_404() =>
        await WriteAsync("PATCH", $"/products/{long.MaxValue}", "*").ShouldBeAsync(404);

    [Fact]
    public async Task Of_many_who_have_read_the_same_one_writes()
    {
        var path = $"/products/{(await shop.Given.ProductAsync()).Id()}";
        var etag = await EtagAsync(shop.Anonymous, path);
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => WriteAsync("PATCH", path, etag)));

        Assert.Equal(1, answers.Count(a => (int)a.StatusCode == 200));
        Assert.Equal(19, answers.Count(a => (int)a.StatusCode == 412));
    }

    private static async Task<string> EtagAsync(HttpClient http, string path)
    {
        using var answer = await http.GottenAsync(path);
        return answer.Headers.ETag!.ToString();
    }

    private Task<HttpResponseMessage> WriteAsync(string method, string path, string condition)
    {
        var request = new HttpRequestMessage(new HttpMethod(method), path);
        request.Content = method == "DELETE" ? null
            : path.Contains("products", StringComparison.Ordinal) ? JsonContent.Create(new { stock_change = 1 })
            : JsonContent.Create(new { name = Given.Unique("Changed") });
        request.Headers.TryAddWithoutValidation("If-Match", condition);
        return shop.Http.SendAsync(request, Ct);
    }
}
