using System.Net;
using Tienda.ApiTests.Security;

namespace Tienda.ApiTests.Hosting;

/// <summary>The shop behind nginx as it is installed (deploy/nginx/tienda.conf).</summary>
public sealed class ProxyTests(ShopApp shop)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Answers_come_through_as_the_shop_has_made_them()
    {
        await using var nginx = await TestNginx.StartAsync(shop.Http.BaseAddress!);
        using var http = new HttpClient { BaseAddress = nginx.Address };
        for (var i = 0; i < 4; i++)
        {
            await new Given(shop.Http).ProductAsync();
        }

        using var direct = await AskAsync(shop.Anonymous, "/products?limit=3");
        using var behind = await AskAsync(http, "/products?limit=3");
        Assert.Equal("br", behind.Content.Headers.ContentEncoding.Single());
        Assert.Equal(await direct.Content.ReadAsByteArrayAsync(Ct), await behind.Content.ReadAsByteArrayAsync(Ct));
        Assert.Equal(direct.Headers.ETag, behind.Headers.ETag);
        Assert.Equal(direct.Headers.GetValues("Link"), behind.Headers.GetValues("Link"));

        using var refused = await http.GetAsync(new Uri("/products/none", UriKind.Relative), Ct);
        Assert.Equal(HttpStatusCode.NotFound, refused.StatusCode);
        Assert.Equal("application/problem+json", refused.Content.Headers.ContentType!.MediaType);
    }

    [Fact]
    public async Task The_figures_of_the_shop_are_not_for_outside()
    {
        await using var nginx = await TestNginx.StartAsync(shop.Http.BaseAddress!);
        using var http = ShopApp.AsAdministrator(new HttpClient { BaseAddress = nginx.Address });

        Assert.Equal(404, (int)(await http.GottenAsync("/metrics")).StatusCode);
        Assert.Equal(200, (int)(await shop.Http.GottenAsync("/metrics")).StatusCode);
    }

    private static async Task<HttpResponseMessage> AskAsync(HttpClient http, string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.AcceptEncoding.ParseAdd("br");
        return await http.SendAsync(request, Ct);
    }
}
