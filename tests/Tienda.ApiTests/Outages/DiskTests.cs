namespace Tienda.ApiTests.Outages;

/// <summary>The disk of PostgreSQL is full, and then there is room again.</summary>
[Collection(nameof(OutageTests))]
public sealed class DiskTests
{
    [Theory]
    [InlineData(16)]
    [InlineData(1)]
    public async Task While_the_disk_is_full_only_orders_fail(int logMegabytes)
    {
        // With small files of the log it is soon full as well, upon which PostgreSQL ends by itself.
        await using var disk = await Tmpfs.MountAsync(megabytes: 400);
        Assert.SkipWhen(disk is null, "To mount a small disk takes root and a machine that lets it.");
        await using var shop = await OutageShop.OpenAsync(postgres: await TestPostgres.StartAsync(disk!.Path, logMegabytes));
        var outage = await Outage.RunAsync(
            shop, $"Disk full, log in files of {logMegabytes} MB", Do(disk.Fill), OutageShop.Length, async () =>
            {
                disk.Free();
                await shop.Postgres.OpenUnlessOpenAsync();
            });

        Assert.Contains("No space left on device", shop.Postgres.Log, StringComparison.Ordinal);
        Assert.Contains(outage.Errors, error => error.IsOrder);
        Assert.DoesNotContain(outage.Errors, error => error.IsCached);
        Assert.InRange(outage.ToLastError, TimeSpan.Zero, TimeSpan.FromSeconds(3));
    }

    private static Func<Task> Do(Action act) => () =>
    {
        act();
        return Task.CompletedTask;
    };
}
