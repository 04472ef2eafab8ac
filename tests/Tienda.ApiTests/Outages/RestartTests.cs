namespace Tienda.ApiTests.Outages;

/// <summary>PostgreSQL goes and comes back, and those who read do not notice.</summary>
public sealed class RestartTests
{
    [Fact]
    public async Task After_a_restart_of_postgresql_no_read_fails()
    {
        await using var postgres = await TestPostgres.StartAsync();
        var server = await postgres.CreateDatabaseAsync("shop");
        var (app, http) = await ShopApp.OpenShopAsync(server);
        await using var _ = app;
        using var __ = http;
        var product = (await new Given(http).ProductAsync()).Id();
        for (var round = 0; round < 3; round++)
        {
            // Administrators are always answered by the database. So many at once that the pool is full of connections.
            await ReadAsync(http, product, 40);
            await postgres.RestartAsync();
            await ReadAsync(http, product, 40);
        }
    }

    [Fact]
    public async Task Reads_while_it_restarts_wait_for_it()
    {
        await using var postgres = await TestPostgres.StartAsync();
        var (app, http) = await ShopApp.OpenShopAsync(await postgres.CreateDatabaseAsync("shop"));
        await using var _ = app;
        using var __ = http;
        var product = (await new Given(http).ProductAsync()).Id();
        await ReadAsync(http, product, 10);

        var restarting = postgres.RestartAsync();
        var reads = 0;
        while (!restarting.IsCompleted)
        {
            await ReadAsync(http, product, 5);
            reads += 5;
        }

        await restarting;
        Assert.True(reads > 0);
    }

    private static Task ReadAsync(HttpClient http, long product, int times) => Task.WhenAll(Enumerable.Range(0, times).Select(i =>
        http.GottenAsync(i % 2 == 0 ? $"/products/{product}" : "/products?limit=3&sort=price").ShouldBeAsync(200)));
}
