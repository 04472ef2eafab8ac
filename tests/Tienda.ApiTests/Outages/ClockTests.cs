using System.Globalization;
using Tienda.ApiTests.Data;

namespace Tienda.ApiTests.Outages;

/// <summary>Somebody sets the clock of the machine that the shop runs on. PostgreSQL and Redis run on other machines.</summary>
[Collection(nameof(OutageTests))]
public sealed class ClockTests
{
    [Theory]
    [InlineData("+5h")]
    [InlineData("-5h")]
    public async Task A_clock_that_is_set_is_not_noticed(string jump)
    {
        await using var folder = new ShopFolder();
        var clock = Path.Combine(folder.Path, "clock");
        await File.WriteAllTextAsync(clock, "+0", TestContext.Current.CancellationToken);
        await using var shop = await OutageShop.OpenAsync(settings: new()
        {
            ["LD_PRELOAD"] = Directory.GetFiles("/usr/lib", "libfaketimeMT.so.1", SearchOption.AllDirectories).Single(),
            ["FAKETIME_TIMESTAMP_FILE"] = clock,
            ["FAKETIME_CACHE_DURATION"] = "1",
            // As on a real machine: what is set is the time of day, not the time since its start.
            ["DONT_FAKE_MONOTONIC"] = "1",
        });
        async Task SetAsync(string to)
        {
            await File.WriteAllTextAsync(clock, to, TestContext.Current.CancellationToken);
            var hours = int.Parse(to.TrimEnd('h'), CultureInfo.InvariantCulture);
            await Eventually.HoldsAsync(async () => Math.Round((await shop.ClockAsync() - TimeProvider.System.GetUtcNow()).TotalHours) == hours);
        }

        var outage = await Outage.RunAsync(shop, $"Clock set {jump}", () => SetAsync(jump), OutageShop.Length, () => SetAsync("+0h"));

        Assert.Empty(outage.Errors);
        Assert.InRange(outage.Longest, TimeSpan.Zero, TimeSpan.FromSeconds(3));
    }
}
