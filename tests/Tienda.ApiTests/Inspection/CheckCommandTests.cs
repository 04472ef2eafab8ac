using System.Text.Json.Nodes;
using Tienda.ApiTests.Data;

namespace Tienda.ApiTests.Inspection;

/// <summary><c>tienda check</c> where something is wrong.</summary>
public sealed class CheckCommandTests(OperatedDatabase operated, ShopApp shop) : IClassFixture<OperatedDatabase>
{
    private static readonly string[] Neighbours = ["PostgreSQL", "Redis", "Shop", "Proxy"];

    // The tests' PostgreSQL keeps nothing safe on disk.
    private static readonly Dictionary<string, string[]> Expected = new()
    {
        ["fail"] =
        [
            "settings.auth", "settings.jwt_secret", "settings.admin_api_key", "settings.rate_limiting", "settings.trusted_proxies",
            "postgresql.max_connections", "postgresql.fsync", "postgresql.foreign_keys", "postgresql.guide_indexes",
        ],
        ["warn"] = ["settings.cors", "settings.concurrent_users", "settings.logs", "redis.policy", "postgresql.slow_statements"],
        ["pass"] =
        [
            "settings.database_of_its_own", "settings.workers", "settings.redis", "redis.reachable", "redis.maxmemory",
            "postgresql.reachable", "postgresql.version", "postgresql.migrations", "postgresql.autovacuum", "postgresql.synchronous_commit",
        ],
    };

    [Fact]
    public async Task Bad_settings_and_a_neglected_database_fail_line_by_line()
    {
        await operated.ExecuteAsync(
            "CREATE TABLE parents (id bigint PRIMARY KEY)",
            "CREATE TABLE children (parent_id bigint REFERENCES parents)",
            "DROP INDEX idx_products_category, idx_categories_parent");
        await using var redis = await TestRedis.StartAsync(more: ["--maxmemory", "64mb", "--maxmemory-policy", "noeviction"]);
        var settings = operated.Settings;
        foreach (var (name, value) in redis.Settings)
        {
            settings[name] = value;
        }

        var (code, output) = await RunAsync(["check", "--json"], new(settings)
        {
            ["AUTH_ENABLED"] = "false",
            ["JWT_SECRET"] = "changeme-changeme-changeme-changeme",
            ["ADMIN_API_KEY"] = "aaaaaaaaaaaaaaaaaaaaaaaa",
            ["RATE_LIMIT_ENABLED"] = "false",
            ["TRUSTED_PROXIES"] = "0.0.0.0/0",
            ["CORS_ORIGINS"] = "*",
            ["LIMIT_CONCURRENCY"] = "50",
            ["WORKERS"] = "4",
            ["LOG_LEVEL"] = "debug",
            ["LOG_FORMAT"] = "json",
        });

        Assert.Equal(1, code);
        var report = JsonNode.Parse(output)!;
        var found = report["checks"]!.AsArray()
            .ToDictionary(check => $"{check!["section"]}.{check["id"]}", check => (string)check!["status"]!);
        foreach (var (status, ids) in Expected)
        {
            Assert.All(ids, id => Assert.True(found[id] == status, $"{id} is {found[id]}: {output}"));
        }

        Assert.Equal(found.Values.Count(status => status == "fail"), (int)report["failed"]!);
        Assert.Equal(found.Values.Count(status => status == "warn"), (int)report["warnings"]!);
        Assert.Contains("2: categories_parent_exists, children_parent_id_fkey", output, StringComparison.Ordinal);
        Assert.Contains("CREATE INDEX CONCURRENTLY ON categories (parent_id); the others: `tienda db indexes`", output, StringComparison.Ordinal);
        Assert.Contains("Set its max_connections to 622 or more", output, StringComparison.Ordinal);
        Assert.DoesNotContain("changeme-", output, StringComparison.Ordinal);
        Assert.DoesNotContain("aaaaaaaa", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Settings_that_are_not_accepted_are_lines_of_the_list()
    {
        var (code, output) = await RunAsync(["check", "--json"], new() { ["PORT"] = "abc", ["DB_POOL_SIZE"] = "0" });

        Assert.Equal(1, code);
        var checks = JsonNode.Parse(output)!["checks"]!.AsArray();
        Assert.Equal(["PORT=abc", "DB_POOL_SIZE=0"], checks.Select(check => ((string)check!["advice"]!).Split(' ')[0]));
    }

    [Fact]
    public async Task What_cannot_be_reached_fails_and_the_rest_is_looked_at_all_the_same()
    {
        var (code, output) = await RunAsync(
            ["check", "http://127.0.0.1:1", "--proxy", "http://127.0.0.1:1"],
            new() { ["POSTGRES_HOST"] = "127.0.0.1", ["POSTGRES_PORT"] = "1", ["REDIS_HOST"] = "127.0.0.1", ["REDIS_PORT"] = "1" });

        Assert.Equal(1, code);
        Assert.All(
            Neighbours,
            what => Assert.Matches($@"(?m)^  FAIL +{what} reachable +yes +no\r?$", output));
        Assert.Matches(@"(?m)^  pass +Rate limiting ", output);
        Assert.Contains("→ tienda at 127.0.0.1:1: Failed to connect", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pending_migration_fails_and_warnings_alone_fail_only_if_they_are_meant_to()
    {
        var server = await shop.Postgres.CreateDatabaseAsync($"own_{Guid.NewGuid():N}");
        var (_, pending) = await RunAsync(
            ["check"],
            new() { ["POSTGRES_HOST"] = server.Host, ["POSTGRES_DB"] = server.Database, ["POSTGRES_USER"] = server.User });
        Assert.Matches(@"(?m)^  FAIL +Migrations +all applied +\d+ of \d+ pending\r?$", pending);

        // Where no shop was ever started: nothing fails, and what is missing is warned of.
        var strong = new Dictionary<string, string> { ["ADMIN_API_KEY"] = "", ["JWT_SECRET"] = "" };
        Assert.Equal(0, (await RunAsync(["check"], strong)).Code);
        Assert.Equal(1, (await RunAsync(["check", "--strict"], strong)).Code);
    }

    [Fact]
    public async Task The_private_PostgreSQL_takes_the_connections_of_all_workers()
    {
        await using var folder = new ShopFolder();
        var workers = new Dictionary<string, string> { ["WORKERS"] = "4" };
        await using var migrate = TiendaProgram.Start(folder.Path, ["migrate"], workers);
        Assert.Equal(0, await migrate.ExitCodeAsync());
        await using var check = TiendaProgram.Start(folder.Path, ["check"], workers);
        await check.ExitCodeAsync();

        Assert.Matches(@"(?m)^  pass +max_connections +612 with WORKERS=4 +\d+ for the shop and others\r?$", check.Output);
    }

    private static async Task<(int Code, string Output)> RunAsync(string[] arguments, Dictionary<string, string> settings)
    {
        await using var folder = new ShopFolder();
        await using var program = TiendaProgram.Start(folder.Path, arguments, settings);
        var result = (await program.ExitCodeAsync(), program.Output);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.Path));
        return result;
    }
}
