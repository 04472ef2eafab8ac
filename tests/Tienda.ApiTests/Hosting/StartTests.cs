using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Tienda.ApiTests.Data;
using Tienda.Hosting;

namespace Tienda.ApiTests.Hosting;

/// <summary>The program beside a PostgreSQL that somebody else runs.</summary>
public sealed class StartTests(ShopApp shop)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_external_database_is_migrated_only_when_asked_and_the_shop_is_not_ready_before()
    {
        await using var folder = new ShopFolder();
        var settings = External(await shop.Postgres.CreateDatabaseAsync($"start_{Guid.NewGuid():N}"));
        await using var program = TiendaProgram.Start(folder.Path, ["--port", "0"], settings);
        using var http = await program.OpenAsync();

        var body = await http.GetAsync("/health/ready", Ct).ShouldBeAsync(503);
        Assert.Equal("migration pending", (string)body["status"]!);
        Assert.Contains("run tienda migrate", program.Output);

        await using var migrate = TiendaProgram.Start(folder.Path, ["migrate"], settings);
        Assert.Equal(0, await migrate.ExitCodeAsync());
        var waited = Stopwatch.StartNew();
        while (!await IsReadyAsync(http))
        {
            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(10));
            await Task.Delay(50, Ct);
        }

        await program.SignalAsync("TERM");
        Assert.Equal(0, await program.ExitCodeAsync());
        Assert.False(Directory.Exists(folder.Cluster));
    }

    [Fact]
    public async Task A_database_newer_than_the_program_is_refused_with_one_line()
    {
        await using var folder = new ShopFolder();
        var server = await shop.Postgres.CreateDatabaseAsync($"newer_{Guid.NewGuid():N}");
        await using (var migrate = TiendaProgram.Start(folder.Path, ["migrate"], External(server)))
        {
            Assert.Equal(0, await migrate.ExitCodeAsync());
        }

        await using (var database = Tienda.Data.Database.CreateUnhurried(new Settings { Postgres = server }))
        {
            await using var newer = database.CreateCommand(
                "INSERT INTO schema_migrations (version, name, checksum) VALUES (9999, 'x', 'x')");
            await newer.ExecuteNonQueryAsync(Ct);
        }

        await using var program = TiendaProgram.Start(folder.Path, ["--port", "0"], External(server));

        Assert.Equal(1, await program.ExitCodeAsync());
        Assert.Contains("version 9999", program.Output);
        Assert.DoesNotContain("   at ", program.Output);
    }

    [Fact]
    public async Task A_database_server_that_is_away_does_not_stop_the_start()
    {
        await using var folder = new ShopFolder();
        var nowhere = new PostgresServer(folder.Path, 5432, "nothing", "nobody", null);
        await using var program = TiendaProgram.Start(folder.Path, ["--port", "0"], External(nowhere));
        using var http = await program.OpenAsync();

        Assert.Contains("does not answer", program.Output);
        await http.GetAsync("/products", Ct).ShouldBeAsync(503);
        Assert.True(await IsReadyAsync(http));
        await program.SignalAsync("TERM");
        Assert.Equal(0, await program.ExitCodeAsync());
    }

    [Fact]
    public async Task A_port_that_is_taken_is_one_clear_message()
    {
        await using var folder = new ShopFolder();
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;

        // A Redis that does not answer either, so that the shop is taken down while it still connects.
        var settings = External(shop.Postgres.Server("shop"));
        (settings["REDIS_HOST"], settings["REDIS_PORT"]) = ("127.0.0.1", $"{port}");
        await using var program = TiendaProgram.Start(folder.Path, ["--port", $"{port}"], settings);

        Assert.Equal(1, await program.ExitCodeAsync());
        Assert.Contains($"Port {port} of 127.0.0.1 is in use", program.Output);
        Assert.DoesNotContain("ERROR", program.Output);
        Assert.DoesNotContain("   at ", program.Output);
    }

    [Fact]
    public async Task Every_wrong_setting_is_named_in_one_start()
    {
        await using var folder = new ShopFolder();
        await using var program = TiendaProgram.Start(
            folder.Path, ["--port", "eighty"], new Dictionary<string, string> { ["DB_POOL_SIZE"] = "0", ["LOG_FORMAT"] = "xml" });

        Assert.Equal(1, await program.ExitCodeAsync());
        Assert.All(["PORT=eighty", "DB_POOL_SIZE=0", "LOG_FORMAT=xml"], mistake => Assert.Contains(mistake, program.Output));
    }

    private static Dictionary<string, string> External(PostgresServer server) => new()
    {
        ["POSTGRES_HOST"] = server.Host,
        ["POSTGRES_DB"] = server.Database,
        ["POSTGRES_USER"] = server.User,
    };

    private static async Task<bool> IsReadyAsync(HttpClient http)
    {
        using var response = await http.GetAsync("/health/ready", Ct);
        return response.IsSuccessStatusCode;
    }
}
