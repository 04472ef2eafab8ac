using System.Globalization;
using Npgsql;
using Tienda.Hosting;

namespace Tienda.Data;

/// <summary>Makes the connection pools from the settings.</summary>
public static class Database
{
    // After a timeout nobody waits for the server to say that it has given up.
    private const int NoWait = -1;

    /// <summary>Connections that each process has beside its pool: for orders, for the health check, for the log of changes.</summary>
    public const int ConnectionsBesideThePool = 3;

    /// <summary>The pool that requests use.</summary>
    public static NpgsqlDataSource CreatePool(Settings settings, ILoggerFactory? logs = null)
    {
        var text = ConnectionString(settings, settings.Postgres!);
        text.ApplicationName = NameOf(settings, "tienda");
        text.MaxPoolSize = settings.PoolSize + settings.PoolMaxOverflow;
        // What is open beyond it closes when it has been idle for a while.
        text.MinPoolSize = settings.PoolSize;
        text.ConnectionIdleLifetime = settings.PoolIdleSeconds;
        text.ConnectionPruningInterval = Math.Max(1, settings.PoolIdleSeconds / 6);
        text.ConnectionLifetime = settings.PoolRecycleSeconds;
        // Data/Deadline.cs is sooner: a command that finds out by itself that it takes too long holds up a thread.
        text.CommandTimeout = 60;
        Limit(text, statementSeconds: 15, lockSeconds: 5);
        return Build(text, settings.PoolName, logs);
    }

    /// <summary>The one connection that places orders, so that they do not wait behind reads that have filled the other pool.</summary>
    public static NpgsqlDataSource CreateOrderLane(Settings settings, ILoggerFactory logs)
    {
        var text = ConnectionString(settings, settings.Postgres!);
        text.ApplicationName = NameOf(settings, "tienda-orders");
        text.MaxPoolSize = 1;
        text.MinPoolSize = 1;
        text.ConnectionLifetime = settings.PoolRecycleSeconds;
        // All orders of the process wait for this connection: if it leads nowhere, that has to be noticed soon.
        text.Timeout = Math.Min(settings.PoolTimeoutSeconds, 2);
        text.CancellationTimeout = NoWait;
        // Orders wait for no client, address or product; what is left (the series of bills, somebody with the same key) is short.
        text.CommandTimeout = 6;
        Limit(text, statementSeconds: 5, lockSeconds: 1);
        return Build(text, "tienda-orders", logs);
    }

    /// <summary>One connection that never waits behind requests, for the health check.</summary>
    public static NpgsqlDataSource CreateProbe(Settings settings)
    {
        var text = ConnectionString(settings, settings.Postgres!);
        text.ApplicationName = NameOf(settings, "tienda-probe");
        text.MaxPoolSize = 1;
        text.Timeout = 2;
        text.CommandTimeout = 5;
        text.CancellationTimeout = NoWait;
        return Build(text, "tienda-probe", null);
    }

    /// <summary>One connection for the log of changes. A look that takes longer than a second is worth nothing.</summary>
    public static NpgsqlDataSource CreateCacheLog(Settings settings)
    {
        var text = ConnectionString(settings, settings.Postgres!);
        text.ApplicationName = NameOf(settings, "tienda-cache");
        text.MaxPoolSize = 1;
        text.Timeout = 1;
        text.CommandTimeout = 5;
        text.CancellationTimeout = NoWait;
        // The log is short when the plan is made, and long later.
        text.Options = "-c enable_seqscan=off -c jit=off";
        return Build(text, "tienda-cache", null);
    }

    /// <summary>How many connections the server takes from others than its superusers.</summary>
    public static async Task<int> MostConnectionsAsync(Settings settings, CancellationToken ct)
    {
        await using var probe = CreateProbe(settings);
        await using var command = probe.Statement(
            "SELECT current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer");
        return await command.ValueAsync<int>(ct);
    }

    /// <summary>For migrations and bulk loads, which may take as long as they need.</summary>
    public static NpgsqlDataSource CreateUnhurried(Settings settings)
    {
        var text = ConnectionString(settings, settings.Postgres!);
        text.ApplicationName = NameOf(settings, "tienda-unhurried");
        text.CommandTimeout = 0;
        return Build(text, "tienda-unhurried", null);
    }

    /// <summary>One connection to look at the server with. It takes little, and waits neither for locks nor for long.</summary>
    public static NpgsqlDataSource CreateInspector(Settings settings)
    {
        var text = ConnectionString(settings, settings.Postgres!);
        text.ApplicationName = "tienda-inspector";
        text.MaxPoolSize = 1;
        text.Timeout = 5;
        text.CommandTimeout = 30;
        text.MaxAutoPrepare = 0;
        Limit(text, statementSeconds: 25, lockSeconds: 2);
        return Build(text, "tienda-inspector", null);
    }

    /// <summary>What a connection says of itself, taken apart: the program and, in a shop of several, the worker.</summary>
    public static (string Program, int? Worker) ReadApplication(string name) =>
        name.StartsWith("tienda", StringComparison.Ordinal)
        && name.Split('/') is [var program, var worker]
        && int.TryParse(worker, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? (program, number)
            : (name, null);

    private static string NameOf(Settings settings, string program) =>
        settings.Place is { Number: var worker } ? string.Create(CultureInfo.InvariantCulture, $"{program}/{worker}") : program;

    // A statement that outlives its client's patience, or a lock that nobody gives back, must not hold a connection.
    private static void Limit(NpgsqlConnectionStringBuilder text, int statementSeconds, int lockSeconds) => text.Options =
        $"-c statement_timeout={statementSeconds}s -c lock_timeout={lockSeconds}s -c idle_in_transaction_session_timeout=15s "
        // A request gets one core at most; and workers take longer to start than most statements take.
        + "-c max_parallel_workers_per_gather=0 -c jit=off";

    private static NpgsqlConnectionStringBuilder ConnectionString(Settings settings, PostgresServer server) => new()
    {
        Host = server.Host,
        Port = server.Port,
        Database = server.Database,
        Username = server.User,
        Password = server.Password,
        Timeout = settings.PoolTimeoutSeconds,
        // Firewalls forget connections on which nothing is said, and tell nobody. A unix socket has none and refuses the question.
        TcpKeepAlive = !Path.IsPathRooted(server.Host),
        TcpKeepAliveTime = Path.IsPathRooted(server.Host) ? 0 : 30,
        TcpKeepAliveInterval = Path.IsPathRooted(server.Host) ? 0 : 5,
        MaxAutoPrepare = 100,
        AutoPrepareMinUsages = 2,
        // Halves the client's cost of a small query. In return nothing here may leave state on a connection: no SET without LOCAL,
        // no temporary table, no session lock that is not given back.
        NoResetOnClose = true,
        Enlist = false,
        GssEncryptionMode = GssEncryptionMode.Disable,
    };

    private static NpgsqlDataSource Build(NpgsqlConnectionStringBuilder text, string name, ILoggerFactory? logs)
    {
        var builder = new NpgsqlSlimDataSourceBuilder(text.ConnectionString) { Name = name };
        builder.EnableArrays();
        if (logs is not null)
        {
            builder.UseLoggerFactory(logs);
        }

        return builder.Build();
    }
}
