using System.Diagnostics;
using Npgsql;
using Tienda.ApiTests.Data;
using Tienda.Hosting;

namespace Tienda.ApiTests;

/// <summary>A throw-away PostgreSQL in a folder of its own, reached only through a unix socket in it. It keeps nothing safe on disk.</summary>
public sealed class TestPostgres : IAsyncDisposable
{
    private static readonly bool IsRoot = Environment.UserName == "root";

    private readonly string _folder;

    private TestPostgres(string? parent = null)
    {
        _folder = parent is null ? Directory.CreateTempSubdirectory("tienda-test-").FullName : Path.Combine(parent, "server");
        Directory.CreateDirectory(_folder);
    }

    /// <summary>What the server has to say.</summary>
    public string Log => File.ReadAllText(LogFile);

    private string LogFile => Path.Combine(_folder, "log");

    private string Options => $"-k {_folder} -c listen_addresses='' -c fsync=off -c max_connections=300";

    public PostgresServer Server(string database) => new(_folder, 5432, database, "tienda", null);

    /// <param name="parent">Where to make its folder, if not among temporary files.</param>
    /// <param name="logMegabytes">Size of the files of its log; when one is full, room is needed for the next.</param>
    public static async Task<TestPostgres> StartAsync(string? parent = null, int logMegabytes = 16)
    {
        var postgres = new TestPostgres(parent);
        if (IsRoot)
        {
            await RunAsync("chown", "postgres", postgres._folder);
        }

        var data = Path.Combine(postgres._folder, "data");
        await AsPostgresAsync("initdb", "-D", data, "-U", "tienda", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync",
            $"--wal-segsize={logMegabytes}");
        await postgres.OpenAsync();
        return postgres;
    }

    /// <summary>Ends the server in the midst of whatever it does, and starts it again, which recovers what was committed.</summary>
    public async Task CrashAsync()
    {
        await StopAsync();
        await OpenAsync();
    }

    /// <summary>Ends the process behind one connection of a program; the server throws everybody out then and recovers by itself.</summary>
    public async Task KillBackendAsync(string program)
    {
        await using var connection = new NpgsqlConnection($"Host={_folder};Username=tienda;Database=postgres;Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(
            $"SELECT pid FROM pg_stat_activity WHERE application_name = '{program}' ORDER BY state_change DESC LIMIT 1", connection);
        await TiendaProgram.SignalAsync("KILL", (int)(await command.ExecuteScalarAsync())!);
    }

    /// <summary>Begins a copy of this server that follows it, as a stand-by.</summary>
    public async Task<TestPostgres> CopyAsync()
    {
        var copy = new TestPostgres();
        if (IsRoot)
        {
            await RunAsync("chown", "postgres", copy._folder);
        }

        await AsPostgresAsync(
            "pg_basebackup", "-h", _folder, "-U", "tienda", "-D", Path.Combine(copy._folder, "data"), "-R", "-X", "stream", "--no-sync",
            "--checkpoint=fast");
        await copy.OpenAsync();
        return copy;
    }

    /// <summary>Restarts it as an operator does; whoever is connected is thrown out.</summary>
    public Task RestartAsync() => AsPostgresAsync("pg_ctl", "restart", "-w", "-m", "fast", "-D", Path.Combine(_folder, "data"));

    /// <summary>Makes a stand-by the server.</summary>
    public Task PromoteAsync() => AsPostgresAsync("pg_ctl", "promote", "-w", "-D", Path.Combine(_folder, "data"));

    /// <summary>Ends the server at once.</summary>
    public Task StopAsync() => AsPostgresAsync("pg_ctl", "stop", "-m", "immediate", "-D", Path.Combine(_folder, "data"));

    /// <summary>Starts it if it has ended by itself.</summary>
    public async Task OpenUnlessOpenAsync()
    {
        try
        {
            await using var connection = new NpgsqlConnection($"Host={_folder};Username=tienda;Database=postgres;Pooling=false");
            await connection.OpenAsync();
        }
        catch (NpgsqlException)
        {
            await AsPostgresAsync("pg_ctl", "restart", "-w", "-m", "immediate", "-D", Path.Combine(_folder, "data"), "-l", LogFile, "-o", Options);
        }
    }

    /// <summary>Copies one database into another, new one, by way of a dump.</summary>
    public async Task<PostgresServer> RestoreAsync(string from, string name)
    {
        var dump = Path.Combine(_folder, name + ".dump");
        await AsPostgresAsync("pg_dump", "-h", _folder, "-U", "tienda", "-Fc", "-f", dump, from);
        var server = await CreateDatabaseAsync(name);
        await AsPostgresAsync("pg_restore", "-h", _folder, "-U", "tienda", "-d", name, dump);
        return server;
    }

    /// <summary>Makes an empty database.</summary>
    public async Task<PostgresServer> CreateDatabaseAsync(string name)
    {
        await using var connection = new NpgsqlConnection($"Host={_folder};Username=tienda;Database=postgres;Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand($"CREATE DATABASE {name}", connection);
        await command.ExecuteNonQueryAsync();
        return Server(name);
    }

    /// <summary>Starts it again after <see cref="StopAsync"/>.</summary>
    public Task OpenAsync() => AsPostgresAsync(
        "pg_ctl", "start", "-w", "-D", Path.Combine(_folder, "data"), "-l", LogFile, "-o", Options);

    public async ValueTask DisposeAsync()
    {
        if (File.Exists(Path.Combine(_folder, "data", "postmaster.pid")))
        {
            await StopAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }

    private static Task AsPostgresAsync(string program, params string[] arguments)
    {
        var path = Directory.GetDirectories("/usr/lib/postgresql").Order().Select(v => Path.Combine(v, "bin", program)).Last(File.Exists);
        return IsRoot
            ? RunAsync("runuser", ["-u", "postgres", "--", path, .. arguments])
            : RunAsync(path, arguments);
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        // pg_ctl leaves the server behind with its standard output, so that output must not be a pipe that somebody waits for.
        var start = new ProcessStartInfo("/bin/sh", ["-c", "exec \"$@\" >/dev/null 2>&1", "sh", program, .. arguments]) { WorkingDirectory = "/" };
        using var process = Process.Start(start)!;
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}.");
        }
    }
}
