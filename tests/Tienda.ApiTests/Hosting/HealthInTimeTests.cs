using System.Diagnostics;
using System.Globalization;
using Tienda.ApiTests.Data;

namespace Tienda.ApiTests.Hosting;

/// <summary>That the health routes answer in time, whatever hangs. Alone, since only the shop shall be what is waited for.</summary>
[CollectionDefinition(nameof(HealthInTimeTests), DisableParallelization = true)]
[Collection(nameof(HealthInTimeTests))]
public sealed class HealthInTimeTests(ShopApp shop)
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(2);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task With_everything_hung_and_requests_piling_up_the_health_routes_answer_within_two_seconds()
    {
        await using var redis = await TestRedis.StartAsync();
        var server = await shop.Postgres.CreateDatabaseAsync($"own_{Guid.NewGuid():N}");
        await using var wire = new PostgresWire(server.Host);
        var (app, opened) = await ShopApp.OpenShopAsync(server);
        await app.DisposeAsync();
        opened.Dispose();
        await using var folder = new ShopFolder();
        await using var program = TiendaProgram.Start(folder.Path, ["--port", "0"], new(redis.Settings)
        {
            ["POSTGRES_HOST"] = wire.Host,
            ["POSTGRES_DB"] = server.Database,
            ["POSTGRES_USER"] = server.User,
            ["ACCESS_LOG"] = "false",
        });
        using var http = await program.OpenAsync();
        await HealthTests.ComesToAsync(http, "healthy");
        // Connections that are in use when it happens, and not only such as are opened into nothing.
        await Task.WhenAll(Enumerable.Range(0, 60).Select(_ => http.GottenAsync("/orders?limit=1").ShouldBeAsync(200)));

        wire.Block();
        await redis.PauseAsync();
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        var stuck = Enumerable.Range(0, 60).Select(_ => http.GetAsync("/orders?limit=1", gone.Token)).ToList();
        await HealthTests.ComesToAsync(http, "critical");
        var slowest = TimeSpan.Zero;
        for (var round = 0; round < 8; round++)
        {
            foreach (var (path, status) in new[] { ("/health_check", 503), ("/health/live", 200), ("/health/ready", 200) })
            {
                var asked = Stopwatch.StartNew();
                await http.GottenAsync(path).ShouldBeAsync(status);
                slowest = asked.Elapsed > slowest ? asked.Elapsed : slowest;
            }

            if (round == 3)
            {
                // Sixty impatient people hang up, and the driver tells a server that does not listen.
                await gone.CancelAsync();
            }
        }

        TestReport.Tell(string.Create(
            CultureInfo.InvariantCulture, $"with PostgreSQL and Redis hung the slowest health answer takes {slowest.TotalMilliseconds:F0} ms"));
        Assert.True(slowest < Bound, $"The slowest answer took {slowest.TotalSeconds:F2} s.");
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.WhenAll(stuck));
        wire.Unblock();
        await redis.ResumeAsync();
        await HealthTests.ComesToAsync(http, "healthy");
        await http.GottenAsync("/orders?limit=1").ShouldBeAsync(200);
    }
}
