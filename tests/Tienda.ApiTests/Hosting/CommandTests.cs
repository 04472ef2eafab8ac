using Tienda.ApiTests.Data;

namespace Tienda.ApiTests.Hosting;

/// <summary>The commands with which an operator looks at a shop.</summary>
public sealed class CommandTests(ShopApp shop)
{
    [Fact]
    public async Task Config_prints_every_setting_with_its_source_and_no_secret()
    {
        await using var folder = new ShopFolder();
        await File.WriteAllTextAsync(
            Path.Combine(folder.Path, ".env.production"),
            """
            POSTGRES_HOST=db.internal
            POSTGRES_PASSWORD=not-for-anybody
            DB_POOL_SIZE=20   # fewer
            UVICORN_WORKERS=4
            RATE_LIMIT_CALLS=500
            """,
            TestContext.Current.CancellationToken);

        await using var command = TiendaProgram.Start(folder.Path, ["config", "--port", "9000"], new() { ["RATE_LIMIT_CALLS"] = "700" });
        Assert.Equal(0, await command.ExitCodeAsync());
        var lines = command.Output.Split('\n').Select(line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries))).ToList();

        Assert.Contains("PORT=9000 # command line", lines);
        Assert.Contains("RATE_LIMIT_CALLS=700 # environment", lines);
        Assert.Contains("DB_POOL_SIZE=20 # .env.production", lines);
        Assert.Contains("UVICORN_WORKERS=4 # .env.production", lines);
        Assert.Contains("DB_MAX_OVERFLOW=100 # default", lines);
        Assert.Contains("LOG_FORMAT=text # default", lines);
        Assert.Contains("POSTGRES_PASSWORD=… # .env.production", lines);
        Assert.Contains("JWT_SECRET=… # environment", lines);
        Assert.Equal(lines.Where(line => line.Length > 0).Select(line => line.Split('=')[0]).Distinct().Count(), lines.Count(line => line.Length > 0));
        Assert.DoesNotContain("not-for-anybody", command.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(ShopApp.AdminApiKey, command.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Secrets_are_made_once_and_found_by_a_shop_in_production()
    {
        await using var folder = new ShopFolder();
        var file = Path.Combine(folder.Path, "data", "secrets.env");
        var server = await shop.Postgres.CreateDatabaseAsync($"own_{Guid.NewGuid():N}");
        var settings = new Dictionary<string, string>
        {
            ["JWT_SECRET"] = "",
            ["ADMIN_API_KEY"] = "",
            ["POSTGRES_HOST"] = server.Host,
            ["POSTGRES_DB"] = server.Database,
            ["POSTGRES_USER"] = server.User,
        };
        await RunAsync(folder, settings, "secrets");
        var made = await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));

        Assert.Contains("is there already", await RunAsync(folder, settings, "secrets"), StringComparison.Ordinal);
        Assert.Equal(made, await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken));

        await using var program = TiendaProgram.Start(folder.Path, ["--port", "0"], settings);
        using var http = await program.OpenAsync();
        await using var asker = TiendaProgram.Start(folder.Path, ["health", "--port", $"{http.BaseAddress!.Port}"], settings);
        Assert.Equal(1, await asker.ExitCodeAsync());
        Assert.Contains("migration pending", asker.Output, StringComparison.Ordinal);

        await RunAsync(folder, settings, "migrate");
        await Eventually.HoldsAsync(async () =>
        {
            await using var again = TiendaProgram.Start(folder.Path, ["health", "--port", $"{http.BaseAddress!.Port}"], settings);
            return await again.ExitCodeAsync() == 0;
        });
    }

    [Fact]
    public async Task More_connections_than_the_server_takes_are_warned_of()
    {
        await using var folder = new ShopFolder();
        var server = await shop.Postgres.CreateDatabaseAsync($"own_{Guid.NewGuid():N}");
        await using var program = TiendaProgram.Start(folder.Path, ["--port", "0"], new()
        {
            ["POSTGRES_HOST"] = server.Host,
            ["POSTGRES_DB"] = server.Database,
            ["POSTGRES_USER"] = server.User,
            ["DB_POOL_SIZE"] = "5000",
        });
        using var http = await program.OpenAsync();

        Assert.Contains(
            "WARNING - 1 workers may open 5103 connections (each DB_POOL_SIZE 5000 + DB_MAX_OVERFLOW 100 + 3)", program.Output,
            StringComparison.Ordinal);
        Assert.Contains("Set its max_connections to 5113 or more, or let DB_POOL_SIZE + DB_MAX_OVERFLOW be", program.Output, StringComparison.Ordinal);
    }

    private static async Task<string> RunAsync(ShopFolder folder, Dictionary<string, string> settings, string command)
    {
        await using var program = TiendaProgram.Start(folder.Path, [command], settings);
        Assert.Equal(0, await program.ExitCodeAsync());
        return program.Output;
    }
}
