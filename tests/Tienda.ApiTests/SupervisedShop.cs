using System.Globalization;
using System.Text.RegularExpressions;
using Npgsql;
using Tienda.ApiTests.Data;
using Tienda.Data;
using Tienda.Hosting;

namespace Tienda.ApiTests;

/// <summary>A shop of several workers under their supervisor, on a database of its own.</summary>
public sealed partial class SupervisedShop : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    private SupervisedShop(TiendaProgram program, HttpClient http, NpgsqlDataSource database, ShopFolder folder) =>
        (Program, Http, Database, Folder) = (program, http, database, folder);

    public TiendaProgram Program { get; }

    public HttpClient Http { get; }

    public NpgsqlDataSource Database { get; }

    public ShopFolder Folder { get; }

    public Uri Url => Http.BaseAddress!;

    /// <summary>Process numbers by the numbers of the workers, the latest of each.</summary>
    public Dictionary<int, int> Workers => ReadyLine().Matches(Program.Output)
        .GroupBy(line => int.Parse(line.Groups[1].Value, CultureInfo.InvariantCulture))
        .ToDictionary(lines => lines.Key, lines => int.Parse(lines.Last().Groups[2].Value, CultureInfo.InvariantCulture));

    /// <param name="settings">Beside those that lead to the database, or instead of them.</param>
    public static async Task<SupervisedShop> OpenAsync(TestPostgres postgres, int workers, Dictionary<string, string>? settings = null)
    {
        var folder = new ShopFolder();
        var server = await postgres.CreateDatabaseAsync($"own_{Guid.NewGuid():N}");
        var database = Tienda.Data.Database.CreateUnhurried(new Settings { Postgres = server });
        await new Migrator(database, Migration.All).MigrateAsync(TestContext.Current.CancellationToken);
        var all = new Dictionary<string, string>
        {
            ["POSTGRES_HOST"] = server.Host,
            ["POSTGRES_DB"] = server.Database,
            ["POSTGRES_USER"] = server.User,
            ["RATE_LIMIT_ENABLED"] = "false",
            ["ACCESS_LOG"] = "false",
        };
        foreach (var (name, value) in settings ?? [])
        {
            all[name] = value;
        }

        var program = TiendaProgram.Start(folder.Path, ["--port", "0", "--workers", $"{workers}"], all);
        var http = await program.OpenAsync();
        await Eventually.HoldsAsync(() => ReadyLine().Count(program.Output) == workers, Patience);
        return new SupervisedShop(program, http, database, folder);
    }

    public Task SaysAsync(string line, TimeSpan? within = null) =>
        Eventually.HoldsAsync(() => Program.Output.Contains(line, StringComparison.Ordinal), within ?? Patience);

    public static bool IsAlive(int process) => Directory.Exists($"/proc/{process.ToString(CultureInfo.InvariantCulture)}/fd")
        && !File.ReadAllText($"/proc/{process.ToString(CultureInfo.InvariantCulture)}/stat").Contains(") Z ", StringComparison.Ordinal);

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await Program.DisposeAsync();
        await Database.DisposeAsync();
        await Folder.DisposeAsync();
    }

    [GeneratedRegex(@"worker (\d+) \(process (\d+)\) takes requests")]
    private static partial Regex ReadyLine();
}
