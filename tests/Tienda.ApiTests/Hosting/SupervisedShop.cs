using System.Globalization;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Npgsql;
using Tienda.ApiTests.Data;

namespace Tienda.ApiTests.Hosting;

/// <summary>A shop of several workers on a database of its own; one of one worker has no supervisor unless a setting needs it.</summary>
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

    /// <summary>Process numbers by the numbers of the workers that take requests.</summary>
    public Dictionary<int, int> Workers => ReadyLine().Matches(Program.Output)
        .GroupBy(line => Number(line.Groups[1]), line => Number(line.Groups[2]))
        .ToDictionary(lines => lines.Key, lines => lines.Last())
        .Where(worker => IsAlive(worker.Value))
        .ToDictionary();

    /// <summary>The process that waits for one of them to end, as soon as there is one.</summary>
    public async Task<int> SpareAsync(int? other = null)
    {
        await Eventually.HoldsAsync(() => Spare is { } spare && spare != other, Patience);
        return Spare!.Value;
    }

    /// <summary>The process that waits for one of them to end, if there is one at the moment.</summary>
    public int? Spare => WaitingLine().Matches(Program.Output)
        .Select(line => Number(line.Groups[1]))
        .Where(process => IsAlive(process) && !Workers.ContainsValue(process))
        .Select(process => (int?)process)
        .LastOrDefault();

    public static Task<SupervisedShop> OpenAsync(ShopApp shop, int workers, Dictionary<string, string>? settings = null) =>
        OpenAsync(shop.Postgres, workers, settings);

    /// <param name="settings">Beside those that lead to the database, or instead of them.</param>
    public static async Task<SupervisedShop> OpenAsync(TestPostgres postgres, int workers, Dictionary<string, string>? settings = null)
    {
        var folder = new ShopFolder();
        var server = await postgres.CreateDatabaseAsync($"own_{Guid.NewGuid():N}");
        var database = Tienda.Data.Database.CreateUnhurried(new Tienda.Hosting.Settings { Postgres = server });
        await new Tienda.Data.Migrator(database, Tienda.Data.Migration.All).MigrateAsync(CancellationToken.None);
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
        try
        {
            var http = await program.OpenAsync();
            var isSupervised = workers > 1 || settings?.ContainsKey("LIMIT_MAX_REQUESTS") == true;
            var own = new SupervisedShop(program, http, database, folder);
            await Eventually.HoldsAsync(() => !isSupervised || (own.Workers.Count == workers), Patience);
            return own;
        }
        catch
        {
            // Nobody else would end it.
            await program.DisposeAsync();
            throw;
        }
    }

    public Task SaysAsync(string line, TimeSpan? within = null) =>
        Eventually.HoldsAsync(() => Program.Output.Contains(line, StringComparison.Ordinal), within ?? Patience);

    /// <summary>Ends when there are as many workers as there shall be, and none of these processes among them.</summary>
    public Task ReplacedAsync(int workers, params IEnumerable<int> gone) =>
        Eventually.HoldsAsync(() => Workers.Values is var living && living.Count == workers && !living.Intersect(gone).Any(), Patience);

    /// <summary>Holds a product's row until it is disposed of.</summary>
    public async Task<HeldRow> HoldAsync(long productId)
    {
        var connection = await Database.OpenConnectionAsync();
        var transaction = await connection.BeginTransactionAsync();
        await using var command = new NpgsqlCommand($"SELECT FROM products WHERE id_key = {productId} FOR UPDATE", connection);
        await command.ExecuteNonQueryAsync();
        return new HeldRow(connection, transaction);
    }

    public Task LockIsWaitedForAsync() => Eventually.HoldsAsync(async () => await Database.ValueAsync<long>(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()") > 0);

    /// <summary>The processes that the supervisor has started and that live.</summary>
    public int Children => Directory.GetDirectories("/proc").Count(folder => IsChild(Path.GetFileName(folder)));

    /// <summary>Whether a new connection is taken.</summary>
    public bool Accepts
    {
        get
        {
            try
            {
                using var connection = new TcpClient(Url.Host, Url.Port);
                return true;
            }
            catch (SocketException)
            {
                return false;
            }
        }
    }

    public static bool IsAlive(int process) => Directory.Exists($"/proc/{process.ToString(CultureInfo.InvariantCulture)}/fd")
        && !File.ReadAllText($"/proc/{process.ToString(CultureInfo.InvariantCulture)}/stat").Contains(") Z ", StringComparison.Ordinal);

    private bool IsChild(string process)
    {
        try
        {
            return char.IsAsciiDigit(process[0])
                && File.ReadAllText($"/proc/{process}/stat").Split(") ")[1].Split(' ') is [not "Z", var parent, ..]
                && parent == Program.Id.ToString(CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            // It has ended meanwhile.
            return false;
        }
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await Program.DisposeAsync();
        await Database.DisposeAsync();
        await Folder.DisposeAsync();
    }

    private static int Number(Group digits) => int.Parse(digits.ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"worker \d+ \(process (\d+)\) waits")]
    private static partial Regex WaitingLine();

    [GeneratedRegex(@"worker (\d+) \(process (\d+)\) takes requests")]
    private static partial Regex ReadyLine();
}
