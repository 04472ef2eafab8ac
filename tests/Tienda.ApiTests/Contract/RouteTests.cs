namespace Tienda.ApiTests.Contract;

/// <summary>What holds for the routes of every resource.</summary>
public sealed class RouteTests(ShopApp shop)
{
    [Theory]
    [InlineData("/products?limit=2")]
    [InlineData("/categories?limit=2")]
    [InlineData("/clients?limit=2")]
    [InlineData("/addresses?limit=2")]
    [InlineData("/orders?limit=2")]
    [InlineData("/order_details?limit=2")]
    [InlineData("/bills?limit=2")]
    [InlineData("/reviews?limit=2")]
    public async Task A_list_answers_HEAD_like_GET_without_the_body(string path)
    {
        var (product, client) = (await shop.Given.ProductAsync(), await shop.Given.ClientAsync());
        await shop.Given.CategoryAsync();
        await shop.Given.AddressAsync(client.Id());
        await shop.Given.ReviewAsync(product.Id(), client.Id());
        using var request = new HttpRequestMessage(HttpMethod.Head, path + "&count=exact");

        using var head = await shop.Http.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(200, (int)head.StatusCode);
        Assert.True(head.Headers.Contains("X-Total-Count"));
        Assert.Empty(await head.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("/products/")]
    [InlineData("/categories/")]
    [InlineData("/clients/")]
    [InlineData("/addresses/")]
    [InlineData("/orders/")]
    [InlineData("/order_details/")]
    [InlineData("/bills/")]
    [InlineData("/reviews/")]
    public async Task A_trailing_slash_makes_no_difference(string path)
    {
        var (product, client) = (await shop.Given.ProductAsync(), await shop.Given.ClientAsync());

        Assert.NotNull((await shop.Http.GetJsonAsync(path + "?limit=1")).AsArray());
        await shop.Http.PostAsync(path, new { }).ShouldBeAsync(422);
        await shop.Http.GottenAsync($"/products/{product.Id()}/").ShouldBeAsync(200);
        await shop.Http.GottenAsync($"/products/{product.Id()}/reviews/").ShouldBeAsync(200);
        await shop.Http.GottenAsync($"/clients/{client.Id()}/addresses/").ShouldBeAsync(200);
    }
}
