using System.Globalization;
using System.Text.RegularExpressions;
using Npgsql;
using Tienda.Hosting;
using Database = Tienda.Data.Database;

namespace Tienda.ApiTests.Hosting;

/// <summary>What the compose file gives the servers around the shop, read by these servers themselves.</summary>
public sealed partial class ComposeServiceTests(ComposedShop stack) : IClassFixture<ComposedShop>
{
    // The first that looks up the servers of an upstream again while it runs (`resolve`).
    private static readonly Version ResolvingNginx = new(1, 27, 3);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private string FirstStatements => File.ReadAllText(stack.Mounted("postgres", "/docker-entrypoint-initdb.d/statements.sql"));

    [Fact]
    public async Task PostgreSQL_takes_the_guides_600_connections_and_its_questions()
    {
        await using var postgres = await TestPostgres.StartAsync(stack.Mounted("postgres", "/etc/postgresql/postgresql.conf"));
        var server = await postgres.CreateDatabaseAsync("ecommerce_prod");
        await using var database = Database.CreateUnhurried(new Settings { Postgres = server });
        await RunAsync(database, FirstStatements);

        var shop = Settings.Read(new SettingsReader([new SettingsSource("environment", stack.EnvironmentOf("api"))]));
        var wanted = shop.Workers * (shop.PoolSize + shop.PoolMaxOverflow + Database.ConnectionsBesideThePool);
        Assert.InRange(await Database.MostConnectionsAsync(new Settings { Postgres = server }, Ct), wanted, 1000);
        // An order that was answered is on disk. (That this server listens to nobody is the tests' own wish.)
        Assert.Equal("", await database.ValueAsync<string>(
            """
            SELECT coalesce(string_agg(name || ' ' || coalesce(error, ''), ', '), '') FROM pg_file_settings
            WHERE error IS NOT NULL AND name <> 'listen_addresses' OR name IN ('fsync', 'full_page_writes', 'synchronous_commit')
            """));
        // The guide's, with names that PostgreSQL gave up in version 13.
        await RunAsync(database, "SELECT query, calls, total_time, mean_time FROM pg_stat_statements ORDER BY mean_time DESC LIMIT 10");
        Assert.True(await database.ValueAsync<long>("SELECT count(*) FROM pg_stat_statements WHERE mean_time > 0") > 0);
    }

    [Fact]
    public async Task Redis_forgets_what_is_asked_for_least_and_keeps_nothing_on_disk()
    {
        var command = stack.WordsOf("redis", "command").ToArray();
        Assert.Equal("redis-server", command[0]);
        await using var redis = await TestRedis.StartAsync(more: command[1..]);
        await using var connection = await redis.ConnectAsync();
        var server = connection.GetServers().Single();

        Assert.Equal("allkeys-lfu", await ConfiguredAsync("maxmemory-policy"));
        Assert.Equal((256 * 1024 * 1024).ToString(CultureInfo.InvariantCulture), await ConfiguredAsync("maxmemory"));
        Assert.Equal(("", "no"), (await ConfiguredAsync("save"), await ConfiguredAsync("appendonly")));

        async Task<string> ConfiguredAsync(string name) => (await server.ConfigGetAsync(name)).Single().Value;
    }

    [Fact]
    public async Task Nginx_accepts_its_configuration()
    {
        var folder = Directory.CreateDirectory(Path.Combine(stack.Root, "nginx")).FullName;
        var version = Version.Parse(NginxVersion().Match((await Shell.TryAsync("/", "/usr/sbin/nginx -v")).Errors).Groups[1].Value);
        var text = await File.ReadAllTextAsync(stack.Mounted("nginx", "/etc/nginx/nginx.conf"), Ct);
        // Names that exist among containers only, and what an older nginx cannot do.
        text = Replaced(text, "server api:8000 resolve", version >= ResolvingNginx ? "server api:8000 resolve" : "server 127.0.0.1:8000");
        text = Replaced(text, "/tmp/", folder + "/");
        text = Replaced(text, "/etc/nginx/tienda.conf", Path.Combine(folder, "tienda.conf"));
        await File.WriteAllTextAsync(Path.Combine(folder, "nginx.conf"), text, Ct);
        await File.WriteAllTextAsync(
            Path.Combine(folder, "tienda.conf"),
            Replaced(await File.ReadAllTextAsync(stack.Mounted("nginx", "/etc/nginx/tienda.conf"), Ct), "/var/log/nginx/", folder + "/"),
            Ct);

        await Shell.RunAsync(folder, $"/usr/sbin/nginx -t -q -p '{folder}' -c nginx.conf");
    }

    [Fact]
    public async Task Prometheus_accepts_its_configuration_and_finds_the_key()
    {
        var folder = stack.Mounted("prometheus", "/etc/prometheus");
        var text = await File.ReadAllTextAsync(Path.Combine(folder, "prometheus.yml"), Ct);
        var key = Path.Combine(folder, "admin-api-key");
        await File.WriteAllTextAsync(key, "a key", Ct);
        await File.WriteAllTextAsync(Path.Combine(folder, "here.yml"), Replaced(text, "/run/tienda/admin-api-key", key), Ct);
        Assert.Contains("SUCCESS", await Shell.RunAsync(folder, "/usr/bin/promtool check config here.yml"), StringComparison.Ordinal);

        // The file is where the one who writes it and the one who reads it agree that it is.
        Assert.Contains("keys:/run/tienda:ro", stack.WordsOf("prometheus", "volumes"));
        Assert.Contains("keys:/shop/keys:rw", stack.WordsOf("secrets", "volumes"));
        Assert.Equal(["secrets", "--key-file", "/shop/keys/admin-api-key"], stack.WordsOf("secrets", "command"));
        Assert.Contains("names: [api]", text, StringComparison.Ordinal);
        Assert.Contains("watch", stack.NetworksOf("api").Intersect(stack.NetworksOf("prometheus")));
    }

    [Fact]
    public void Grafana_finds_Prometheus_and_a_place_for_dashboards()
    {
        var folder = stack.Mounted("grafana", "/etc/grafana/provisioning");
        var source = ComposedShop.Yaml(File.ReadAllText(Path.Combine(folder, "datasources/prometheus.yaml")))["datasources"]![0]!;
        Assert.Equal("prometheus", (string?)source["type"]);
        var host = new Uri((string)source["url"]!).Host;
        Assert.Equal(["watch"], stack.NetworksOf(host).Intersect(stack.NetworksOf("grafana")));

        var provider = ComposedShop.Yaml(File.ReadAllText(Path.Combine(folder, "dashboards/tienda.yaml")))["providers"]![0]!;
        Assert.True(Directory.Exists(stack.Mounted("grafana", (string)provider["options"]!["path"]!)));
    }

    [Fact]
    public async Task Systemd_accepts_the_units_and_finds_them_confined()
    {
        var folder = Directory.CreateDirectory(Path.Combine(stack.Root, "systemd")).FullName;
        foreach (var unit in new[] { "tienda.service", "tienda.socket" })
        {
            // It asks whether the program is there, which is so only where it is installed.
            var text = await File.ReadAllTextAsync(Repository.PathOf($"deploy/systemd/{unit}"), Ct);
            text = text.Replace("/usr/bin/dotnet", "/bin/true", StringComparison.Ordinal);
            await File.WriteAllTextAsync(Path.Combine(folder, unit), text, Ct);
        }

        var (code, output, errors) = await Shell.TryAsync(folder, "systemd-analyze verify --man=no ./tienda.service ./tienda.socket");
        // Of these units; the machine's own are none of ours.
        Assert.DoesNotContain("tienda", output + errors, StringComparison.Ordinal);
        Assert.Equal(0, code);
        // Of ten, of which an ordinary service has nine and more.
        await Shell.RunAsync(folder, "systemd-analyze security --offline=true --threshold=20 --no-pager ./tienda.service");
    }

    private static async Task RunAsync(NpgsqlDataSource database, string sql)
    {
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Ct);
    }

    private static string Replaced(string text, string there, string here)
    {
        Assert.Contains(there, text, StringComparison.Ordinal);
        return text.Replace(there, here, StringComparison.Ordinal);
    }

    [GeneratedRegex(@"nginx/(\d+\.\d+\.\d+)")]
    private static partial Regex NginxVersion();
}
