using System.Text.Json.Nodes;
using Npgsql;
using Tienda.ApiTests.Data;
using Tienda.Data;
using Tienda.Hosting;

namespace Tienda.ApiTests.Inspection;

/// <summary>A migrated database without a shop, and the program that looks at it.</summary>
public sealed class OperatedDatabase : IAsyncLifetime
{
    private readonly ShopApp _shop;
    private readonly ShopFolder _folder = new();

    public OperatedDatabase(ShopApp shop) => _shop = shop;

    public PostgresServer Server { get; private set; } = null!;

    public NpgsqlDataSource Database { get; private set; } = null!;

    public string Folder => _folder.Path;

    public Dictionary<string, string> Settings => new()
    {
        ["POSTGRES_HOST"] = Server.Host,
        ["POSTGRES_DB"] = Server.Database,
        ["POSTGRES_USER"] = Server.User,
    };

    public async ValueTask InitializeAsync()
    {
        Server = await _shop.Postgres.CreateDatabaseAsync($"own_{Guid.NewGuid():N}");
        Database = Tienda.Data.Database.CreateUnhurried(new Settings { Postgres = Server });
        await new Migrator(Database, Migration.All).MigrateAsync(CancellationToken.None);
    }

    /// <summary>Runs <c>tienda</c> and answers its exit code and what it printed.</summary>
    public async Task<(int Code, string Output)> RunAsync(params string[] arguments)
    {
        await using var program = TiendaProgram.Start(_folder.Path, arguments, Settings);
        return (await program.ExitCodeAsync(), program.Output);
    }

    /// <summary>The JSON that a command prints, which has to succeed.</summary>
    public async Task<JsonNode> ReportAsync(params string[] arguments)
    {
        var (code, output) = await RunAsync([.. arguments, "--json"]);
        Assert.True(code == 0, output);
        return JsonNode.Parse(output)!;
    }

    /// <summary>A connection that says of itself what it is.</summary>
    public async Task<NpgsqlConnection> ConnectAsync(string application)
    {
        var connection = new NpgsqlConnection(
            $"{Database.ConnectionString};Application Name={application};Pooling=false");
        await connection.OpenAsync();
        return connection;
    }

    public async Task ExecuteAsync(params string[] statements)
    {
        foreach (var statement in statements)
        {
            await using var command = Database.CreateCommand(statement);
            await command.ExecuteNonQueryAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
        await _folder.DisposeAsync();
    }
}
