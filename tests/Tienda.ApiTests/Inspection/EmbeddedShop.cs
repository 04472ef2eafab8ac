using System.Text.Json.Nodes;
using Npgsql;
using Tienda.ApiTests.Data;
using Tienda.Hosting;

namespace Tienda.ApiTests.Inspection;

/// <summary>A shop as <c>./run.sh</c> starts it, with its private PostgreSQL, and the programs that look at it from there.</summary>
public sealed class EmbeddedShop : IAsyncLifetime
{
    private readonly ShopFolder _folder = new();
    private TiendaProgram _program = null!;

    public HttpClient Http { get; private set; } = null!;

    public string Url => Http.BaseAddress!.ToString();

    public NpgsqlDataSource Database { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        _program = Start(["--port", "0"], new() { ["RATE_LIMIT_ENABLED"] = "false", ["ACCESS_LOG"] = "false" });
        Http = await _program.OpenAsync();
        var key = File.ReadLines(Path.Combine(_folder.Path, "data", "secrets.env"))
            .Single(line => line.StartsWith("ADMIN_API_KEY=", StringComparison.Ordinal));
        Http.DefaultRequestHeaders.Remove("X-API-Key");
        Http.DefaultRequestHeaders.Add("X-API-Key", key.Split('=')[1]);
        var socket = File.ReadLines(Path.Combine(_folder.Cluster, "postmaster.pid")).ElementAt(4);
        var server = new PostgresServer(socket, 5432, "tienda", "tienda", null);
        Database = Tienda.Data.Database.CreateUnhurried(new Settings { Postgres = server });
    }

    /// <summary>Starts <c>tienda</c> with the secrets that the shop has made for itself.</summary>
    public TiendaProgram Start(string[] arguments, Dictionary<string, string>? settings = null) => TiendaProgram.Start(
        _folder.Path, arguments, new(settings ?? []) { ["JWT_SECRET"] = "", ["ADMIN_API_KEY"] = "" });

    public async Task<(int Code, string Output)> RunAsync(string[] arguments, Dictionary<string, string>? settings = null)
    {
        await using var program = Start(arguments, settings);
        return (await program.ExitCodeAsync(), program.Output);
    }

    public async Task<JsonNode> ReportAsync(params string[] arguments)
    {
        var (code, output) = await RunAsync([.. arguments, "--json"]);
        Assert.True(code == 0, output);
        return JsonNode.Parse(output)!;
    }

    public async ValueTask DisposeAsync()
    {
        Http?.Dispose();
        await (Database?.DisposeAsync() ?? default);
        if (_program is not null)
        {
            await _program.SignalAsync("INT");
            await _program.ExitCodeAsync();
            await _program.DisposeAsync();
        }

        await _folder.DisposeAsync();
    }
}
