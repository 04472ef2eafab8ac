using System.Globalization;
using Tienda.ApiTests.Data;

namespace Tienda.ApiTests.Outages;

/// <summary>Somebody sets the clock of the machine that the shop runs on. PostgreSQL and Redis run on other machines.</summary>
[Long]
[Collection(nameof(OutageTests))]
public sealed class ClockTests
{
    // Longer than a window of calls, an answer in the cache and a connection last.
    private const int Hours = 5;

    [Fact]
    public async Task A_clock_that_jumps_forward_and_then_back_is_not_noticed()
    {
        await using var folder = new ShopFolder();
        var clock = Path.Combine(folder.Path, "clock");
        await WriteAsync(clock, 0);
        await using var shop = await OutageShop.OpenAsync(settings: new()
        {
            // The loader knows where the libraries of this machine's architecture are.
            ["LD_PRELOAD"] = "/usr/$LIB/faketime/libfaketimeMT.so.1",
            ["FAKETIME_TIMESTAMP_FILE"] = clock,
            ["FAKETIME_CACHE_DURATION"] = "1",
            // As on a real machine: what is set is the time of day, not the time since its start, nor that of files.
            ["DONT_FAKE_MONOTONIC"] = "1",
            ["FAKETIME_DONT_FAKE_MONOTONIC"] = "1",
            ["NO_FAKE_STAT"] = "1",
            // Without it no wait with an end lasts: threads spin, and the shop takes four times as long to start.
            ["FAKETIME_FORCE_MONOTONIC_FIX"] = "0",
        });

        var outage = await Outage.RunAsync(
            shop,
            $"Clock {Hours} h forward, then back",
            () => SetAsync(shop, clock, Hours),
            OutageShop.Length,
            () => SetAsync(shop, clock, 0));

        Assert.Empty(outage.Errors);
        Assert.InRange(outage.Longest, TimeSpan.Zero, TimeSpan.FromSeconds(3));
        await shop.EachWorkerAsync(async http =>
        {
            using var answer = await http.GottenAsync("/products?limit=1");
            Assert.InRange(int.Parse(answer.Headers.GetValues("X-RateLimit-Reset").Single(), CultureInfo.InvariantCulture), 1, 60);
        });
    }

    /// <summary>Sets the clock, and waits until every worker goes by it.</summary>
    private static async Task SetAsync(OutageShop shop, string clock, int hours)
    {
        await WriteAsync(clock, hours);
        await shop.EachWorkerAsync(http => Eventually.HoldsAsync(async () =>
        {
            using var answer = await http.GottenAsync("/health/live");
            return Math.Round((answer.Headers.Date!.Value - TimeProvider.System.GetUtcNow()).TotalHours) == hours;
        }));
    }

    // At once, as somebody may be reading it.
    private static async Task WriteAsync(string clock, int hours)
    {
        await File.WriteAllTextAsync(clock + ".new", $"+{hours}h", TestContext.Current.CancellationToken);
        File.Move(clock + ".new", clock, overwrite: true);
    }
}
