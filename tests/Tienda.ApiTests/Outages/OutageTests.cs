using Tienda.ApiTests.Data;

namespace Tienda.ApiTests.Outages;

/// <summary>
/// What the guide's users notice when something around the shop fails in the midst of their traffic. <c>OUTAGE_SECONDS</c> makes each
/// outage longer.
/// </summary>
[Long]
[CollectionDefinition(nameof(OutageTests), DisableParallelization = true)]
[Collection(nameof(OutageTests))]
public sealed class OutageTests(SharedOutageShop shared) : IClassFixture<SharedOutageShop>
{
    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(3);

    private readonly OutageShop _shop = shared.Shop;

    [Fact]
    public async Task Redis_killed_and_started_again_is_not_noticed()
    {
        var outage = await Outage.RunAsync(_shop, "Redis killed", _shop.Redis.KillAsync, OutageShop.Length, _shop.Redis.OpenAsync);

        Assert.Empty(outage.Errors);
        Assert.InRange(outage.Longest, TimeSpan.Zero, Moment);
    }

    [Fact]
    public async Task Redis_that_takes_what_is_said_and_answers_nothing_is_not_noticed()
    {
        var outage = await Outage.RunAsync(_shop, "Redis cut off", Do(_shop.RedisWire.Cut), OutageShop.Length, Do(_shop.RedisWire.Restore));

        Assert.Empty(outage.Errors);
        Assert.InRange(outage.Longest, TimeSpan.Zero, Moment);
    }

    [Fact]
    public async Task A_restart_of_PostgreSQL_costs_readers_nothing()
    {
        var outage = await Outage.RunAsync(
            _shop, "PostgreSQL restarted", _shop.Postgres.RestartAsync, TimeSpan.Zero, () => Task.CompletedTask);

        Assert.All(outage.Errors, error => Assert.True(error.IsOrder, $"{error}"));
        Assert.InRange(outage.ToLastError, TimeSpan.Zero, Moment);
    }

    [Fact]
    public async Task PostgreSQL_killed_and_started_again()
    {
        var outage = await Outage.RunAsync(
            _shop, "PostgreSQL killed", _shop.Postgres.StopAsync, OutageShop.Length, _shop.Postgres.OpenAsync);

        ReadsGoOn(outage);
        Assert.InRange(outage.ToFirstOrder, TimeSpan.Zero, Moment);
        Assert.InRange(outage.ToLastError, TimeSpan.Zero, Moment);
    }

    [Fact]
    public async Task A_backend_of_PostgreSQL_killed()
    {
        var outage = await Outage.RunAsync(
            _shop, "Backend killed", () => _shop.Postgres.KillBackendAsync("tienda"), TimeSpan.Zero, () => Task.CompletedTask);

        Assert.InRange(outage.ToLastError, TimeSpan.Zero, TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task The_network_to_PostgreSQL_cut_without_a_word_and_restored()
    {
        var outage = await Outage.RunAsync(
            _shop, "PostgreSQL cut off", Do(_shop.PostgresWire.Cut), OutageShop.Length, Do(_shop.PostgresWire.Restore));

        ReadsGoOn(outage);
        Assert.InRange(outage.ToFirstOrder, TimeSpan.Zero, Moment);
        Assert.InRange(outage.ToLastError, TimeSpan.Zero, Moment);
    }

    [Fact]
    public async Task The_network_to_PostgreSQL_cut_without_a_word_and_its_connections_forgotten()
    {
        var outage = await Outage.RunAsync(
            _shop, "PostgreSQL cut off, connections forgotten", Do(_shop.PostgresWire.Cut), OutageShop.Length,
            Do(_shop.PostgresWire.RestoreForNewConnections), clerks: false);

        // What a clerk asks on such a connection is given up after 21 s; Hosting/HealthTests.cs has a shop with less patience for that.
        ReadsGoOn(outage);
        Assert.InRange(outage.ToFirstOrder, TimeSpan.Zero, Moment);
        Assert.InRange(outage.ToLastError, TimeSpan.Zero, Moment);
    }

    [Fact]
    public async Task A_worker_killed()
    {
        var workers = _shop.Shop.Workers;
        var worker = workers.Values.First();
        var outage = await Outage.RunAsync(
            _shop, "Worker killed", () => TiendaProgram.SignalAsync("KILL", worker), TimeSpan.Zero,
            () => _shop.Shop.ReplacedAsync(workers.Count, worker));

        Assert.InRange(outage.Errors.Count(), 0, GuideTraffic.Users + GuideTraffic.Clerks);
        Assert.All(outage.Errors, error => Assert.Equal(GuideTraffic.Broken, error.Status));
        Assert.InRange(outage.ToLastError, TimeSpan.Zero, TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task A_worker_stopped_for_a_while()
    {
        var worker = _shop.Shop.Workers.Values.First();
        var outage = await Outage.RunAsync(
            _shop, "Worker stopped", () => TiendaProgram.SignalAsync("STOP", worker), OutageShop.Length,
            () => TiendaProgram.SignalAsync("CONT", worker));

        // An order that has waited in it for longer than DB_POOL_TIMEOUT is put off when it wakes.
        Assert.All(outage.Errors, error => Assert.True(error is { IsOrder: true, Status: 503 }, $"{error}"));
        Assert.InRange(outage.Longest, TimeSpan.Zero, OutageShop.Length + Moment);
    }

    /// <summary>What is in the cache is given as before, and marked once it is known that nobody can say whether it is true.</summary>
    private static void ReadsGoOn(Outage outage)
    {
        Assert.All(outage.Errors, error => Assert.False(error.IsCached, $"{error}"));
        Assert.All(outage.ReadsDuring(after: Moment), read => Assert.True(read.IsStale));
        // Who had to ask the database in the very moment in which it fell silent waits for as long as anybody does.
        var waited = outage.Exchanges.Where(e => e.IsCached && e.Took > Moment).ToList();
        Assert.InRange(waited.Count, 0, 2);
        Assert.All(waited, e => Assert.InRange(e.Took, TimeSpan.Zero, TimeSpan.FromSeconds(OutageShop.PoolTimeout + 1)));
    }

    private static Func<Task> Do(Action act) => () =>
    {
        act();
        return Task.CompletedTask;
    };
}
