using Tienda.ApiTests.Security;

namespace Tienda.ApiTests.Hosting;

/// <summary>A shop behind nginx as the compose file sets it up.</summary>
public sealed class ComposedNginxTests(ShopApp shop, ComposedShop stack) : IClassFixture<ComposedShop>
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task It_is_well_and_answers_its_own_machine_with_tls_and_without(bool tls)
    {
        await using var nginx = await TestNginx.StartAsync(shop.Http.BaseAddress!, tls, stack);
        using var http = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false });
        var check = stack.Services["nginx"]!["healthcheck"]!["test"]!.AsArray().Select(word => (string)word!).Last();

        var machine = stack.WordsOf("nginx", "ports").Single(port => port.StartsWith("127.0.0.1:8000:", StringComparison.Ordinal));

        Assert.Equal(200, await StatusAsync(new Uri(check)));
        // Where guides and scripts on the machine look for the shop.
        Assert.Equal(200, await StatusAsync(new Uri($"http://127.0.0.1:{machine.Split(':', '/')[2]}/products?limit=1")));
        Assert.Equal(tls ? 308 : 200, await StatusAsync(new Uri("http://127.0.0.1:80/products?limit=1")));

        // What listens here on other ports than in a container.
        async Task<int> StatusAsync(Uri contained)
        {
            var here = contained.Port switch
            {
                80 => nginx.Address,
                8000 => nginx.InsideAddress!,
                _ => throw new InvalidOperationException($"Nothing listens on port {contained.Port}."),
            };
            using var answer = await http.GetAsync(new Uri(here, contained.PathAndQuery), TestContext.Current.CancellationToken);
            return (int)answer.StatusCode;
        }
    }
}
