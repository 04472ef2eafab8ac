using System.Diagnostics;
using System.Globalization;
using Npgsql;
using Tienda.Hosting;

namespace Tienda.Data;

/// <summary>The private PostgreSQL cannot run; the message says why and what to do.</summary>
public sealed class LocalPostgresException(string message) : Exception(message);

/// <summary>
/// The private PostgreSQL of the embedded default: reached only through a socket in a closed folder, started again if it dies,
/// stopped with the program. A locked file, which the system frees even if the program is killed, tells who runs it.
/// </summary>
public sealed class LocalPostgres : IAsyncDisposable
{
    private const string DatabaseName = "tienda";

    // Beside those of the workers: migrations, a seed or a psql, PostgreSQL's own three.
    private const int ConnectionsBesidePool = 50;

    private static readonly TimeSpan JoinPoll = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    private readonly LocalCluster _cluster;
    private readonly Settings _settings;
    private readonly FileStream? _lock;
    private readonly CancellationTokenSource _stopping = new();
    private Process? _process;
    private Task _watch = Task.CompletedTask;

    private LocalPostgres(LocalCluster cluster, Settings settings, FileStream? @lock)
    {
        _cluster = cluster;
        _settings = settings;
        _lock = @lock;
    }

    /// <summary>How to reach the database.</summary>
    public PostgresServer Server => new(_cluster.SocketFolder!, 5432, DatabaseName, "tienda", null);

    /// <summary>Where the data really are.</summary>
    public string DataFolder => _cluster.Folder;

    /// <summary>Whether a start has made one in the settings' data folder.</summary>
    public static bool Exists(Settings settings) => Directory.Exists(Path.Combine(settings.DataFolder, "postgres"));

    /// <summary>Starts the server of the settings' data folder.</summary>
    /// <exception cref="LocalPostgresException">It cannot run, or another program runs it already.</exception>
    public static Task<LocalPostgres> StartAsync(Settings settings, CancellationToken ct) => OpenAsync(settings, mayJoin: false, ct);

    /// <summary>Starts the server, or uses the one that another program, such as the open shop, runs on this data folder.</summary>
    public static Task<LocalPostgres> StartOrJoinAsync(Settings settings, CancellationToken ct) => OpenAsync(settings, mayJoin: true, ct);

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _watch;
        if (_process is not null)
        {
            await _cluster.StopAsync(_settings.SearchPath, CancellationToken.None);
            await _process.WaitForExitAsync(CancellationToken.None);
            _process.Dispose();
        }

        _stopping.Dispose();
        if (_lock is not null)
        {
            await _lock.DisposeAsync();
        }
    }

    private static async Task<LocalPostgres> OpenAsync(Settings settings, bool mayJoin, CancellationToken ct)
    {
        try
        {
            Directory.CreateDirectory(settings.DataFolder);
            var cluster = await LocalCluster.LocateAsync(settings.DataFolder, ct);
            while (true)
            {
                if (TryLock(cluster) is { } taken)
                {
                    return await StartAsync(new LocalPostgres(cluster, settings, taken), ct);
                }

                if (!mayJoin)
                {
                    throw new LocalPostgresException(
                        $"Tienda is already running here (process {await File.ReadAllTextAsync(OwnerFile(cluster), ct)}, "
                        + $"data in {cluster.Folder}). Stop it first, or start one with a data folder of its own.");
                }

                if (cluster.IsReady)
                {
                    var joined = new LocalPostgres(cluster, settings, null);
                    await joined.EnsureDatabaseAsync(ct);
                    return joined;
                }

                await Task.Delay(JoinPoll, ct);
            }
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw new LocalPostgresException($"The data folder {settings.DataFolder} cannot be used: {refused.Message}");
        }
    }

    private static async Task<LocalPostgres> StartAsync(LocalPostgres postgres, CancellationToken ct)
    {
        try
        {
            await postgres.StartServerAsync(ct);
            await postgres.EnsureDatabaseAsync(ct);
            postgres._watch = postgres.KeepRunningAsync(postgres._stopping.Token);
            return postgres;
        }
        catch
        {
            await postgres.DisposeAsync();
            throw;
        }
    }

    private async Task StartServerAsync(CancellationToken ct)
    {
        var each = _settings.PoolSize + _settings.PoolMaxOverflow + Database.ConnectionsBesideThePool;
        var connections = Math.Max(200, (_settings.Workers * each) + ConnectionsBesidePool);
        _process = await _cluster.StartAsync(connections, _settings.SearchPath, ct);
    }

    private async Task KeepRunningAsync(CancellationToken ct)
    {
        var pause = TimeSpan.FromMilliseconds(100);
        try
        {
            while (true)
            {
                await _process!.WaitForExitAsync(ct);
                await Console.Error.WriteLineAsync("WARNING - the private PostgreSQL has died; it is started again.");
                try
                {
                    await StartServerAsync(ct);
                    await Console.Error.WriteLineAsync("WARNING - the private PostgreSQL runs again.");
                    pause = TimeSpan.FromMilliseconds(100);
                }
                catch (Exception failure) when (failure is LocalPostgresException or IOException or UnauthorizedAccessException)
                {
                    await Console.Error.WriteLineAsync($"ERROR - {failure.Message}");
                    await Task.Delay(pause, ct);
                    pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
                }
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // The program stops.
        }
    }

    private async Task EnsureDatabaseAsync(CancellationToken ct)
    {
        await using var connection = new NpgsqlConnection(
            $"Host={_cluster.SocketFolder};Username=tienda;Database=postgres;Pooling=false;Gss Encryption Mode=Disable");
        await connection.OpenAsync(ct);
        await using var exists = connection.Statement("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
            .With(DatabaseName);
        if (await exists.ValueAsync<bool>(ct))
        {
            return;
        }

        try
        {
            await using var create = connection.Statement($"CREATE DATABASE {DatabaseName}");
            await create.ChangeAsync(ct);
        }
        catch (PostgresException made) when (made.SqlState is PostgresErrorCodes.DuplicateDatabase or PostgresErrorCodes.UniqueViolation)
        {
            // By the program that was joined, in this moment.
        }
    }

    private static FileStream? TryLock(LocalCluster cluster)
    {
        try
        {
            var file = new FileStream(cluster.Folder + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            File.WriteAllText(OwnerFile(cluster), Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
            return file;
        }
        catch (IOException held) when (held.HResult is 11 or 35) // EWOULDBLOCK on Linux and on macOS
        {
            return null;
        }
    }

    // .NET locks what it reads too, so that the number cannot be in the locked file.
    private static string OwnerFile(LocalCluster cluster) => cluster.Folder + ".pid";
}
