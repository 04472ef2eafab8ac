using Tienda.ApiTests.Data;

namespace Tienda.ApiTests.Outages;

/// <summary>
/// What the guide's users notice when something around the shop fails in the midst of their traffic. <c>OUTAGE_SECONDS</c> makes each
/// outage longer.
/// </summary>
[CollectionDefinition(nameof(OutageTests), DisableParallelization = true)]
[Collection(nameof(OutageTests))]
public sealed class OutageTests
{
    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(3);

    [Fact]
    public async Task Redis_killed_and_started_again_is_not_noticed()
    {
        await using var shop = await OutageShop.OpenAsync();
        var outage = await Outage.RunAsync(shop, "Redis killed", shop.Redis.KillAsync, OutageShop.Length, shop.Redis.OpenAsync);

        Assert.Empty(outage.Errors);
        Assert.InRange(outage.Longest, TimeSpan.Zero, Moment);
    }

    [Fact]
    public async Task Redis_that_takes_what_is_said_and_answers_nothing_is_not_noticed()
    {
        await using var shop = await OutageShop.OpenAsync(wired: true);
        var outage = await Outage.RunAsync(shop, "Redis cut off", Do(shop.RedisWire.Cut), OutageShop.Length, Do(shop.RedisWire.Restore));

        Assert.Empty(outage.Errors);
        Assert.InRange(outage.Longest, TimeSpan.Zero, Moment);
    }

    [Fact]
    public async Task A_restart_of_PostgreSQL_costs_readers_nothing()
    {
        await using var shop = await OutageShop.OpenAsync();
        var outage = await Outage.RunAsync(
            shop, "PostgreSQL restarted", shop.Postgres.RestartAsync, TimeSpan.Zero, () => Task.CompletedTask);

        Assert.DoesNotContain(outage.Errors, error => !error.IsOrder);
        Assert.InRange(outage.ToLastError, TimeSpan.Zero, Moment);
    }

    [Fact]
    public async Task PostgreSQL_killed_and_started_again()
    {
        await using var shop = await OutageShop.OpenAsync();
        var outage = await Outage.RunAsync(
            shop, "PostgreSQL killed", shop.Postgres.StopAsync, OutageShop.Length, shop.Postgres.OpenAsync);

        ReadsGoOn(outage);
        Assert.InRange(outage.ToFirstOrder, TimeSpan.Zero, Moment);
        Assert.InRange(outage.ToLastError, TimeSpan.Zero, Moment);
    }

    [Fact]
    public async Task A_backend_of_PostgreSQL_killed()
    {
        await using var shop = await OutageShop.OpenAsync();
        var outage = await Outage.RunAsync(
            shop, "Backend killed", () => shop.Postgres.KillBackendAsync("tienda"), TimeSpan.Zero, () => Task.CompletedTask);

        Assert.InRange(outage.ToLastError, TimeSpan.Zero, TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task The_network_to_PostgreSQL_cut_without_a_word_and_restored()
    {
        await using var shop = await OutageShop.OpenAsync(wired: true);
        var outage = await Outage.RunAsync(
            shop, "PostgreSQL cut off", Do(shop.PostgresWire.Cut), OutageShop.Length, Do(shop.PostgresWire.Restore));

        ReadsGoOn(outage);
        Assert.InRange(outage.ToFirstOrder, TimeSpan.Zero, Moment);
        Assert.InRange(outage.ToLastError, TimeSpan.Zero, Moment);
    }

    [Fact]
    public async Task The_network_to_PostgreSQL_cut_without_a_word_and_its_connections_forgotten()
    {
        await using var shop = await OutageShop.OpenAsync(wired: true);
        var outage = await Outage.RunAsync(
            shop, "PostgreSQL cut off for good", Do(shop.PostgresWire.Cut), OutageShop.Length, Do(shop.PostgresWire.RestoreForNewConnections));

        ReadsGoOn(outage);
        Assert.InRange(outage.ToFirstOrder, TimeSpan.Zero, Moment);
        Assert.InRange(outage.ToLastError, TimeSpan.Zero, Moment);
    }

    [Fact]
    public async Task A_worker_killed()
    {
        await using var shop = await OutageShop.OpenAsync();
        var outage = await Outage.RunAsync(
            shop, "Worker killed", () => TiendaProgram.SignalAsync("KILL", shop.Shop.Workers[1]), TimeSpan.Zero, () => Task.CompletedTask);

        Assert.InRange(outage.Errors.Count(), 0, GuideTraffic.Users);
        Assert.All(outage.Errors, error => Assert.Equal(GuideTraffic.Broken, error.Status));
        Assert.InRange(outage.ToLastError, TimeSpan.Zero, TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task A_worker_stopped_for_a_while()
    {
        await using var shop = await OutageShop.OpenAsync();
        var worker = shop.Shop.Workers[1];
        var outage = await Outage.RunAsync(
            shop, "Worker stopped", () => TiendaProgram.SignalAsync("STOP", worker), OutageShop.Length,
            () => TiendaProgram.SignalAsync("CONT", worker));

        // An order that has waited in it for longer than DB_POOL_TIMEOUT is put off when it wakes.
        Assert.All(outage.Errors, error => Assert.True(error is { IsOrder: true, Status: 503 }, $"{error}"));
        Assert.InRange(outage.Longest, TimeSpan.Zero, OutageShop.Length + Moment);
    }

    /// <summary>What is in the cache is given as before, and marked once it is known that nobody can say whether it is true.</summary>
    private static void ReadsGoOn(Outage outage)
    {
        Assert.DoesNotContain(outage.Errors, error => !error.IsOrder);
        Assert.All(outage.ReadsDuring(after: Moment), read => Assert.True(read.IsStale));
        Assert.InRange(outage.Exchanges.Where(e => !e.IsOrder).Max(e => e.Took), TimeSpan.Zero, Moment);
    }

    private static Func<Task> Do(Action act) => () =>
    {
        act();
        return Task.CompletedTask;
    };
}
