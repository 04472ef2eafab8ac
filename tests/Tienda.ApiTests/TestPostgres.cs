using System.Diagnostics;
using Npgsql;
using Tienda.ApiTests.Data;
using Tienda.Hosting;

namespace Tienda.ApiTests;

/// <summary>A throw-away PostgreSQL in a folder of its own, reached only through a unix socket in it. It keeps nothing safe on disk.</summary>
public sealed class TestPostgres : IAsyncDisposable
{
    private static readonly bool IsRoot = Environment.UserName == "root";

    private readonly string _folder = Directory.CreateTempSubdirectory("tienda-test-").FullName;
    private string? _configuration;

    private readonly int _maxConnections;

    private TestPostgres(int maxConnections) => _maxConnections = maxConnections;

    public PostgresServer Server(string database) => new(_folder, 5432, database, "tienda", null);

    /// <param name="configuration">Another file in the place of its own postgresql.conf.</param>
    /// <param name="maxConnections">How many it takes at the same time, if that file does not say.</param>
    public static async Task<TestPostgres> StartAsync(string? configuration = null, int maxConnections = 300)
    {
        var postgres = new TestPostgres(maxConnections);
        if (configuration is not null)
        {
            // Where the server's user can read it.
            File.Copy(configuration, postgres._configuration = Path.Combine(postgres._folder, "postgresql.conf"));
        }

        if (IsRoot)
        {
            await RunAsync("chown", "postgres", postgres._folder);
        }

        var data = Path.Combine(postgres._folder, "data");
        await AsPostgresAsync("initdb", "-D", data, "-U", "tienda", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync");
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
            $"SELECT pid FROM pg_stat_activity WHERE split_part(application_name, '/', 1) = '{program}' ORDER BY state_change DESC LIMIT 1",
            connection);
        await TiendaProgram.SignalAsync("KILL", (int)(await command.ExecuteScalarAsync())!);
    }

    /// <summary>Begins a copy of this server that follows it, as a stand-by.</summary>
    public async Task<TestPostgres> CopyAsync()
    {
        var copy = new TestPostgres(_maxConnections);
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

    /// <summary>Copies one database into another, new one, by way of a dump.</summary>
    public async Task<PostgresServer> RestoreAsync(string from, string name)
    {
        var dump = Path.Combine(_folder, name + ".dump");
        await AsPostgresAsync("pg_dump", "-h", _folder, "-U", "tienda", "-Fc", "-f", dump, from);
        var server = await CreateDatabaseAsync(name);
        await AsPostgresAsync("pg_restore", "-h", _folder, "-U", "tienda", "-d", name, dump);
        return server;
    }

    /// <summary>Makes a superuser who has to tell a password; whom a test begins with does not.</summary>
    public async Task CreateUserAsync(string name, string password)
    {
        var rules = Path.Combine(_folder, "data", "pg_hba.conf");
        await File.WriteAllTextAsync(rules, $"local all {name} scram-sha-256\n{await File.ReadAllTextAsync(rules)}");
        await ExecuteAsync($"CREATE ROLE {name} SUPERUSER LOGIN PASSWORD '{password}'", "SELECT pg_reload_conf()");
    }

    /// <summary>Makes an empty database.</summary>
    /// <param name="created">What stands behind CREATE DATABASE, if it is more than the name.</param>
    public async Task<PostgresServer> CreateDatabaseAsync(string created, string? name = null)
    {
        await ExecuteAsync($"CREATE DATABASE {created}");
        return Server(name ?? created);
    }

    private async Task ExecuteAsync(params string[] statements)
    {
        await using var connection = new NpgsqlConnection($"Host={_folder};Username=tienda;Database=postgres;Pooling=false");
        await connection.OpenAsync();
        foreach (var statement in statements)
        {
            await using var command = new NpgsqlCommand(statement, connection);
            await command.ExecuteNonQueryAsync();
        }
    }

    /// <summary>Starts it again after <see cref="StopAsync"/>.</summary>
    public Task OpenAsync() => StartServerAsync();

    private Task StartServerAsync() => AsPostgresAsync(
        "pg_ctl", "start", "-w", "-D", Path.Combine(_folder, "data"), "-l", Path.Combine(_folder, "log"), "-o",
        $"-k {_folder} -c listen_addresses='' -c fsync=off "
        + (_configuration is null ? $"-c max_connections={_maxConnections}" : $"-c config_file={_configuration}"));

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
