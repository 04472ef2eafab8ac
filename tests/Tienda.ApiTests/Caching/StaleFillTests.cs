using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Tienda.Caching;

namespace Tienda.ApiTests.Caching;

/// <summary>
/// The race in which other caches keep an old value: a read has its rows, and before it keeps them somebody changes them. Here the rows are
/// held on the wire, so that the change always comes in between.
/// </summary>
public sealed class StaleFillTests(ShopApp shop)
{
    [Theory]
    [InlineData("/products/{product}", "/products/{product}", """{"stock_change": 5}""")]
    [InlineData("/products/{product}", "/products/{product}", """{"active": false}""")]
    [InlineData("/products?limit=5", "/products/{product}", """{"price": 99}""")]
    [InlineData("/products?limit=5&in_stock=false", "/products/{product}", """{"stock": 0}""")]
    [InlineData("/products/{product}/reviews", "/reviews/{review}", """{"comment": "On second thought it is fine."}""")]
    [InlineData("/categories", "/categories/{category}", """{"name": "Renamed"}""")]
    [InlineData("/categories/{category}", "/categories/{category}", """{"name": "Renamed"}""")]
    public async Task A_read_that_is_overtaken_by_a_change_is_not_kept(string read, string change, string body)
    {
        await using var own = await HeldShop.OpenAsync(shop);
        var category = await own.Given.CategoryAsync();
        var product = await own.Given.ProductAsync(categoryId: category.Id());
        var review = await own.Given.ReviewAsync(product.Id(), (await own.Given.ClientAsync()).Id());
        string Path(string path) => path
            .Replace("{product}", $"{product.Id()}", StringComparison.Ordinal)
            .Replace("{review}", $"{review.Id()}", StringComparison.Ordinal)
            .Replace("{category}", $"{category.Id()}", StringComparison.Ordinal);
        using var anyone = new HttpClient { BaseAddress = own.Http.BaseAddress };

        var trap = own.Wire.HoldNext();
        var overtaken = anyone.GottenAsync(Path(read));
        await trap.Caught;
        await own.Http.PatchAsync(Path(change), JsonNode.Parse(body)!).ShouldBeAsync(200);
        // Comes after the change was acknowledged, while the old rows are still on their way: it must not be content with them.
        var joined = anyone.GottenAsync(Path(read));
        await Eventually.HoldsAsync(() => own.Cache.LastFlight >= 2);
        trap.Release();

        using var first = await overtaken;
        using var second = await joined;
        using var third = await anyone.GottenAsync(Path(read));
        using var fresh = await anyone.GottenAsync(Path(read).Replace("/products", "/Products", StringComparison.Ordinal)
            .Replace("/categories", "/Categories", StringComparison.Ordinal));
        var now = await TextAsync(fresh);
        Assert.NotEqual(now, await TextAsync(first));
        Assert.Equal(now, await TextAsync(second));
        Assert.Equal(now, await TextAsync(third));
    }

    [Fact]
    public async Task An_absence_that_is_overtaken_by_a_creation_is_not_kept()
    {
        await using var own = await HeldShop.OpenAsync(shop);
        var next = (await own.Given.ProductAsync()).Id() + 1;
        using var anyone = new HttpClient { BaseAddress = own.Http.BaseAddress };

        var trap = own.Wire.HoldNext();
        var overtaken = anyone.GottenAsync($"/products/{next}");
        await trap.Caught;
        Assert.Equal(next, (await own.Given.ProductAsync()).Id());
        trap.Release();

        await overtaken.ShouldBeAsync(404);
        await anyone.GottenAsync($"/products/{next}").ShouldBeAsync(200);
    }

    [Fact]
    public async Task A_change_whose_answer_from_the_database_is_lost_is_seen_all_the_same()
    {
        await using var own = await HeldShop.OpenAsync(shop);
        var path = $"/products/{(await own.Given.ProductAsync(stock: 1)).Id()}";
        using var anyone = new HttpClient { BaseAddress = own.Http.BaseAddress };
        await anyone.GetJsonAsync(path);

        var trap = own.Wire.HoldNext();
        var change = own.Http.PatchAsync(path, new { stock = 7 });
        await trap.Caught;
        trap.Lose();

        await change.ShouldBeAsync(503);
        await Eventually.HoldsAsync(async () => (int)(await anyone.GetJsonAsync(path))["stock"]! == 7, TimeSpan.FromSeconds(2));
    }

    // A problem names the request and the path that was asked for.
    private static async Task<string> TextAsync(HttpResponseMessage answer)
    {
        var body = await answer.JsonAsync();
        return answer.IsSuccessStatusCode ? body.ToJsonString() : $"{(int)answer.StatusCode} {body["detail"]}";
    }

    private sealed class HeldShop(PostgresWire wire, WebApplication app, HttpClient http) : IAsyncDisposable
    {
        public PostgresWire Wire => wire;

        public HttpClient Http => http;

        public Given Given => new(http);

        public ResponseCache Cache => app.Services.GetRequiredService<ResponseCache>();

        public static async Task<HeldShop> OpenAsync(ShopApp shop)
        {
            var server = await shop.Postgres.CreateDatabaseAsync($"own_{Guid.NewGuid():N}");
            var wire = new PostgresWire(server.Host);
            var (app, http) = await ShopApp.OpenShopAsync(server with { Host = wire.Host });
            return new HeldShop(wire, app, http);
        }

        public async ValueTask DisposeAsync()
        {
            http.Dispose();
            await app.DisposeAsync();
            await wire.DisposeAsync();
        }
    }
}
