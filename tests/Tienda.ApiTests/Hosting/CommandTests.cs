using Tienda.ApiTests.Data;

namespace Tienda.ApiTests.Hosting;

/// <summary>The commands with which an operator looks at a shop.</summary>
public sealed class CommandTests(ShopApp shop)
{
    private static readonly string[] Secrets = ["POSTGRES_PASSWORD", "REDIS_PASSWORD", "JWT_SECRET", "ADMIN_API_KEY", "ADMIN_PASSWORD"];

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
        Assert.Contains("HOST=127.0.0.1 # default", lines);
        Assert.Contains("TRUSTED_PROXIES=127.0.0.0/8,::1/128 # default", lines);
        Assert.Contains("POSTGRES_PASSWORD=… # .env.production", lines);
        Assert.Contains("JWT_SECRET=… # environment", lines);
        Assert.Equal(lines.Where(line => line.Length > 0).Select(line => line.Split('=')[0]).Distinct().Count(), lines.Count(line => line.Length > 0));
        Assert.DoesNotContain("not-for-anybody", command.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(ShopApp.AdminApiKey, command.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("file")]
    [InlineData("environment")]
    [InlineData("secrets")]
    public async Task Config_shows_that_secrets_are_set_and_none_of_them_wherever_they_come_from(string source)
    {
        await using var folder = new ShopFolder();
        var secrets = Secrets.ToDictionary(name => name, name => $"hush-{name.ToLowerInvariant()}-{Guid.NewGuid():N}");
        var text = string.Concat(secrets.Select(secret => $"{secret.Key}={secret.Value}\n"));
        Directory.CreateDirectory(Path.Combine(folder.Path, "data"));
        await File.WriteAllTextAsync(
            Path.Combine(folder.Path, source == "secrets" ? "data/secrets.env" : ".env"),
            (source == "environment" ? "" : text) + "POSTGRES_HOST=db\nREDIS_HOST=redis\nADMIN_EMAIL=boss@example.com\n",
            TestContext.Current.CancellationToken);
        var unset = new Dictionary<string, string> { ["JWT_SECRET"] = "", ["ADMIN_API_KEY"] = "" };

        await using var command = TiendaProgram.Start(folder.Path, ["config"], source == "environment" ? secrets : unset);
        Assert.Equal(0, await command.ExitCodeAsync());

        var from = source switch { "file" => ".env", "environment" => "environment", _ => "data/secrets.env" };
        Assert.All(secrets.Keys, name => Assert.Matches($"(?m)^{name}=… +# {from}\r?$", command.Output));
        Assert.DoesNotContain("hush", command.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Replicas_that_nobody_asks_are_warned_of()
    {
        await using var folder = new ShopFolder();
        var server = shop.Postgres.Server("shop");
        await using var program = TiendaProgram.Start(folder.Path, ["--port", "0"], new()
        {
            ["POSTGRES_HOST"] = server.Host,
            ["POSTGRES_DB"] = server.Database,
            ["POSTGRES_USER"] = server.User,
            ["POSTGRES_READ_HOSTS"] = "replica-1,replica-2",
        });
        using var http = await program.OpenAsync();

        await Eventually.HoldsAsync(() => program.Output.Contains("WARNING - POSTGRES_READ_HOSTS is set, but", StringComparison.Ordinal));
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
    public async Task The_guides_connections_are_warned_of_where_the_server_takes_fewer()
    {
        await using var folder = new ShopFolder();
        var server = await shop.Postgres.CreateDatabaseAsync($"own_{Guid.NewGuid():N}");
        await using var program = TiendaProgram.Start(folder.Path, ["--port", "0"], new()
        {
            ["POSTGRES_HOST"] = server.Host,
            ["POSTGRES_DB"] = server.Database,
            ["POSTGRES_USER"] = server.User,
            ["DB_POOL_SIZE"] = "50",
            ["DB_MAX_OVERFLOW"] = "100",
            ["WORKERS"] = "4",
        });
        using var http = await program.OpenAsync();

        await Eventually.HoldsAsync(() => program.Output.Contains(
            "WARNING - 4 workers may open 612 connections (each DB_POOL_SIZE 50 + DB_MAX_OVERFLOW 100 + 3), and the database server takes 297. "
            + "Set its max_connections to 622 or more, or let DB_POOL_SIZE + DB_MAX_OVERFLOW be 71 or less.",
            StringComparison.Ordinal));
    }

    private static async Task<string> RunAsync(ShopFolder folder, Dictionary<string, string> settings, string command)
    {
        await using var program = TiendaProgram.Start(folder.Path, [command], settings);
        Assert.Equal(0, await program.ExitCodeAsync());
        return program.Output;
    }
}
