using System.Diagnostics;

namespace Tienda.ApiTests.Hosting;

/// <summary>A shop that ends: what it says before, and that nothing keeps it.</summary>
public sealed class StoppingTests(ShopApp shop)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_request_that_outlives_the_patience_is_broken_off(int workers)
    {
        await using var own = await SupervisedShop.OpenAsync(shop, workers, new() { ["SHUTDOWN_TIMEOUT"] = "2" });
        var product = await new Given(own.Http).ProductAsync(stock: 1);
        await using var held = await own.HoldAsync(product.Id());
        var slow = own.Http.PatchAsync($"/products/{product.Id()}", new { stock = 7 });
        await own.LockIsWaitedForAsync();

        var told = Stopwatch.StartNew();
        await own.Program.SignalAsync("TERM");
        Assert.Equal(0, await own.Program.ExitCodeAsync());

        Assert.InRange(told.Elapsed.TotalSeconds, 1, 5);
        var broken = await Record.ExceptionAsync(async () => Assert.Equal(503, (int)(await slow).StatusCode));
        Assert.True(broken is null or HttpRequestException, $"{broken}");
    }

    [Fact]
    public async Task Who_works_alone_and_is_told_to_reload_finishes_what_is_begun_and_ends()
    {
        await using var own = await SupervisedShop.OpenAsync(shop, workers: 1);
        var product = await new Given(own.Http).ProductAsync(stock: 1);
        await using var held = await own.HoldAsync(product.Id());
        var slow = own.Http.PatchAsync($"/products/{product.Id()}", new { stock = 7 });
        await own.LockIsWaitedForAsync();

        await own.Program.SignalAsync("HUP");
        await Eventually.HoldsAsync(() => !own.Accepts, TimeSpan.FromSeconds(10));
        await held.DisposeAsync();

        Assert.Equal(7, (int)(await slow.ShouldBeAsync(200))["stock"]!);
        Assert.Equal(0, await own.Program.ExitCodeAsync());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Readiness_goes_before_the_first_connection_is_refused(int workers)
    {
        await using var own = await SupervisedShop.OpenAsync(shop, workers, new() { ["SHUTDOWN_DELAY"] = "3" });
        await own.Http.GottenAsync("/health/ready").ShouldBeAsync(200);

        await own.Program.SignalAsync("TERM");
        var said = Stopwatch.StartNew();
        // Each on a connection of its own, as a load balancer asks.
        await Eventually.HoldsAsync(async () => await StatusAsync(own, "/health/ready") == 503, TimeSpan.FromSeconds(2));
        Assert.Equal(200, await StatusAsync(own, "/products?limit=1"));
        Assert.Equal(200, await StatusAsync(own, "/health/live"));

        await Eventually.HoldsAsync(() => !own.Accepts, TimeSpan.FromSeconds(10));
        Assert.InRange(said.Elapsed.TotalSeconds, 2.5, 8);
        Assert.Equal(0, await own.Program.ExitCodeAsync());
    }

    [Long]
    [Fact]
    public async Task A_worker_that_makes_room_for_another_one_does_not_say_that_the_shop_ends()
    {
        await using var own = await SupervisedShop.OpenAsync(shop, workers: 2);
        await using var monitors = BusyConnections.Start(own.Url, "/health/ready", 8);
        await Eventually.HoldsAsync(() => monitors.Answered > 100);

        await own.Program.SignalAsync("HUP");
        await own.SaysAsync("All workers have been replaced.");
        await monitors.StopAsync();

        Assert.Empty(monitors.Losses);
    }

    private static async Task<int> StatusAsync(SupervisedShop own, string path)
    {
        using var http = new HttpClient { BaseAddress = own.Url, DefaultRequestHeaders = { ConnectionClose = true } };
        using var answer = await http.GetAsync(new Uri(path, UriKind.Relative), Ct);
        return (int)answer.StatusCode;
    }
}
