using Npgsql;

namespace Tienda.ApiTests.Outages;

/// <summary>The disk of PostgreSQL is full, and after a while there is room again.</summary>
[Long]
[Collection(nameof(OutageTests))]
public sealed class DiskTests(DiskShop shared) : IClassFixture<DiskShop>
{
    private const string NextFileOfLog = "SELECT pg_logical_emit_message(false, '', ''), pg_switch_wal()";

    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(3);

    [Fact]
    public async Task While_tables_cannot_grow_only_orders_fail()
    {
        var (shop, disk) = (Shop(), shared.Disk!);
        var outage = await Outage.RunAsync(
            shop,
            "Disk full",
            async () =>
            {
                // Its log has room in the file that it has begun.
                await shop.Postgres.ExecuteAsync(NextFileOfLog);
                disk.Fill();
            },
            OutageShop.Length,
            () => Task.Run(disk.Free));

        Assert.Contains("ERROR:  could not extend file", shop.Postgres.Log, StringComparison.Ordinal);
        Assert.Contains(outage.Errors, error => error.IsOrder);
        Assert.All(outage.Errors, error => Assert.True(error.IsOrder, $"{error}"));
        Assert.InRange(outage.ToFirstOrder, TimeSpan.Zero, Moment);
        Assert.InRange(outage.ToLastError, TimeSpan.Zero, Moment);
    }

    [Fact]
    public async Task When_its_log_cannot_grow_either_PostgreSQL_ends_and_what_is_cached_goes_on()
    {
        var (shop, disk) = (Shop(), shared.Disk!);
        var outage = await Outage.RunAsync(
            shop,
            "Disk full, and PostgreSQL ended",
            async () =>
            {
                disk.Fill();
                await Eventually.HoldsAsync(() => HasEndedAsync(shop.Postgres));
            },
            OutageShop.Length,
            async () =>
            {
                disk.Free();
                await shop.Postgres.AnswersOrIsStartedAsync();
            });

        Assert.Contains("PANIC:  could not write to file \"pg_wal", shop.Postgres.Log, StringComparison.Ordinal);
        Assert.All(outage.Errors, error => Assert.False(error.IsCached, $"{error}"));
        Assert.All(outage.ReadsDuring(after: Moment), read => Assert.True(read.IsStale));
        Assert.InRange(outage.ToFirstOrder, TimeSpan.Zero, Moment);
        Assert.InRange(outage.ToLastError, TimeSpan.Zero, Moment);
    }

    private OutageShop Shop()
    {
        const string Missing = "To mount a small disk takes root, and a machine that lets root do it.";
        if (shared.Shop is null)
        {
            TestReport.Tell($"{TestContext.Current.TestMethod!.MethodName}: not tested. {Missing}");
        }

        Assert.SkipWhen(shared.Shop is null, Missing);
        return shared.Shop;
    }

    // The server may have files for its log in stock. Each switch takes one, until there is none.
    private static async Task<bool> HasEndedAsync(TestPostgres postgres)
    {
        try
        {
            await postgres.ExecuteAsync(NextFileOfLog);
            return false;
        }
        catch (NpgsqlException)
        {
            return true;
        }
    }
}

/// <summary>A shop whose PostgreSQL keeps its data on a small disk; none where there can be no such disk.</summary>
public sealed class DiskShop : IAsyncLifetime
{
    private const int Megabytes = 160;

    private TestPostgres? _postgres;

    public Tmpfs? Disk { get; private set; }

    public OutageShop? Shop { get; private set; }

    public async ValueTask InitializeAsync()
    {
        Disk = await Tmpfs.MountAsync(Megabytes);
        if (Disk is not null)
        {
            _postgres = await TestPostgres.StartAsync(data: Path.Combine(Disk.Path, "data"));
            Shop = await OutageShop.OpenAsync(postgres: _postgres);
        }
    }

    // Also of what was begun and did not come to its end, since a disk that is in use stays.
    public async ValueTask DisposeAsync()
    {
        foreach (var begun in new IAsyncDisposable?[] { Shop ?? (IAsyncDisposable?)_postgres, Disk })
        {
            await (begun?.DisposeAsync() ?? ValueTask.CompletedTask);
        }
    }
}
