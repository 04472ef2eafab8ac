using System.Text.RegularExpressions;
using Npgsql;
using Tienda.ApiTests.Data;
using Tienda.Data;
using Tienda.Hosting;

namespace Tienda.ApiTests.Hosting;

/// <summary>Backups of the composed shop's database, whose server has more in it than the shop.</summary>
public sealed partial class ComposedBackupTests(ComposedShop stack) : IClassFixture<ComposedShop>, IAsyncLifetime
{
    private readonly ShopFolder _folder = new();
    private TestPostgres _postgres = null!;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() =>
        _postgres = await TestPostgres.StartAsync(stack.Mounted("postgres", "/etc/postgresql/postgresql.conf"));

    public async ValueTask DisposeAsync()
    {
        await _postgres.DisposeAsync();
        await _folder.DisposeAsync();
    }

    [Fact]
    public async Task What_belongs_to_the_server_is_not_in_a_backup_and_stays_when_one_is_restored()
    {
        var from = await ComposedDatabaseAsync("there");
        var file = Path.Combine(_folder.Path, "shop.dump");
        await TiendaAsync(from, "migrate");
        await TiendaAsync(from, "backup", file);
        var to = await _postgres.CreateDatabaseAsync("here");
        await TiendaAsync(to, "restore", file);

        await using var restored = Database.CreateUnhurried(new Settings { Postgres = to });
        Assert.True(await restored.ValueAsync<bool>(
            """
            SELECT to_regclass('products') IS NOT NULL AND to_regclass('pg_stat_statements') IS NULL AND to_regnamespace('statements') IS NULL
            """));
        Assert.Equal(
            "fuzzystrmatch, pg_trgm, plpgsql, unaccent",
            await restored.ValueAsync<string>("SELECT string_agg(extname, ', ' ORDER BY extname) FROM pg_extension"));

        await TiendaAsync(from, "restore", "--replace", file);
        await using var replaced = Database.CreateUnhurried(new Settings { Postgres = from });
        Assert.True(await replaced.ValueAsync<long>("SELECT count(*) FROM pg_stat_statements WHERE mean_time > 0") > 0);
    }

    [Theory]
    [InlineData("docs/operations.md")]
    [InlineData("docs/operaciones.es.md")]
    public async Task The_commands_of_the_documentation_bring_the_shop_back(string page)
    {
        var (dump, restore) = CommandsOf(page);
        var shop = await ComposedDatabaseAsync("ecommerce_prod");
        await using var database = Database.CreateUnhurried(new Settings { Postgres = shop });
        await RunAsync(database, "CREATE ROLE postgres SUPERUSER LOGIN");
        await TiendaAsync(shop, "migrate");
        await TiendaAsync(shop, "seed", "--products", "20", "--clients", "5", "--orders", "10");
        const string contents =
            """
            SELECT (SELECT sum(stock) FROM products) || ' ' || (SELECT string_agg(id_key || ':' || total, ' ' ORDER BY id_key) FROM orders)
            """;
        var before = await database.ValueAsync<string>(contents);

        await ShellAsync(dump);
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Directory.GetFiles(_folder.Path, "*.dump").Single()));
        await RunAsync(database, "UPDATE products SET stock = 0");
        await ShellAsync(restore);

        Assert.Equal(before, await database.ValueAsync<string>(contents));

        // On a server that has only been set up.
        var fresh = await ComposedDatabaseAsync("fresh");
        await ShellAsync(restore.Replace("-d ecommerce_prod", "-d fresh", StringComparison.Ordinal));
        await using var moved = Database.CreateUnhurried(new Settings { Postgres = fresh });
        Assert.Equal(before, await moved.ValueAsync<string>(contents));
    }

    // Without the container around them.
    private static (string Dump, string Restore) CommandsOf(string page)
    {
        var lines = File.ReadAllText(Repository.PathOf(page)).Replace("\\\n", "", StringComparison.Ordinal).Split('\n');
        return (Command("pg_dump"), Command("pg_restore"));

        string Command(string program) => InContainer().Replace(lines.Single(line => InContainer().IsMatch(line)
            && line.Contains($"_prod {program} ", StringComparison.Ordinal)), "");
    }

    [GeneratedRegex("docker exec (-i )?ecommerce_postgres_prod ")]
    private static partial Regex InContainer();

    private async Task<PostgresServer> ComposedDatabaseAsync(string name)
    {
        var server = await _postgres.CreateDatabaseAsync(name);
        await using var database = Database.CreateUnhurried(new Settings { Postgres = server });
        await RunAsync(database, await File.ReadAllTextAsync(stack.Mounted("postgres", "/docker-entrypoint-initdb.d/statements.sql"), Ct));
        return server;
    }

    private Task<string> ShellAsync(string command) => Shell.RunAsync(
        _folder.Path,
        $"export PATH=\"$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1):$PATH\" PGHOST={_postgres.Server("").Host}; {command}");

    private static async Task RunAsync(NpgsqlDataSource database, string sql)
    {
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Ct);
    }

    private async Task TiendaAsync(PostgresServer server, params string[] arguments)
    {
        await using var program = TiendaProgram.Start(
            _folder.Path,
            arguments,
            new() { ["POSTGRES_HOST"] = server.Host, ["POSTGRES_DB"] = server.Database, ["POSTGRES_USER"] = server.User });
        Assert.True(await program.ExitCodeAsync() == 0, program.Output);
    }
}
