using Npgsql;
using Tienda.Hosting;

namespace Tienda.Data;

/// <summary>Makes the connection pools from the settings.</summary>
public static class Database
{
    /// <summary>Name of the pool that requests use, in metrics.</summary>
    public const string RequestPool = "tienda";

    // After a timeout nobody waits for the server to say that it has given up.
    private const int NoWait = -1;

    /// <summary>Connections that each process has beside its pool: for orders, for the health check, for the log of changes.</summary>
    public const int ConnectionsBesideThePool = 3;

    /// <summary>The pool that requests use.</summary>
    public static NpgsqlDataSource CreatePool(Settings settings, ILoggerFactory? logs = null)
    {
        var text = ConnectionString(settings, settings.Postgres!);
        text.MaxPoolSize = settings.PoolSize + settings.PoolMaxOverflow;
        // What is open beyond it closes when it has been idle for a minute.
        text.MinPoolSize = settings.PoolSize;
        text.ConnectionIdleLifetime = 60;
        text.ConnectionLifetime = settings.PoolRecycleSeconds;
        Limit(text, statementSeconds: 15, lockSeconds: 5);
        return Build(text, RequestPool, logs);
    }

    /// <summary>The one connection that places orders, so that they do not wait behind reads that have filled the other pool.</summary>
    public static NpgsqlDataSource CreateOrderLane(Settings settings, ILoggerFactory logs)
    {
        var text = ConnectionString(settings, settings.Postgres!);
        text.MaxPoolSize = 1;
        text.MinPoolSize = 1;
        text.ConnectionLifetime = settings.PoolRecycleSeconds;
        // All orders of the process wait for this connection: if it leads nowhere, that has to be noticed soon.
        text.Timeout = Math.Min(settings.PoolTimeoutSeconds, 2);
        text.CancellationTimeout = NoWait;
        // Orders wait for no client, address or product; what is left (the series of bills, somebody with the same key) is short.
        Limit(text, statementSeconds: 5, lockSeconds: 1);
        return Build(text, "tienda-orders", logs);
    }

    /// <summary>One connection that never waits behind requests, for the health check.</summary>
    public static NpgsqlDataSource CreateProbe(Settings settings)
    {
        var text = ConnectionString(settings, settings.Postgres!);
        text.MaxPoolSize = 1;
        text.Timeout = 2;
        text.CommandTimeout = 2;
        text.CancellationTimeout = NoWait;
        return Build(text, "tienda-probe", null);
    }

    /// <summary>One connection for the log of changes. A look that takes longer than a second is worth nothing.</summary>
    public static NpgsqlDataSource CreateCacheLog(Settings settings)
    {
        var text = ConnectionString(settings, settings.Postgres!);
        text.ApplicationName = "tienda-cache";
        // The second is for the look that follows one from which nothing is heard.
        text.MaxPoolSize = 2;
        text.Timeout = 1;
        text.CommandTimeout = 1;
        text.CancellationTimeout = NoWait;
        // The log is short when the plan is made, and long later.
        text.Options = "-c enable_seqscan=off -c jit=off";
        return Build(text, "tienda-cache", null);
    }

    /// <summary>How many connections the server takes from others than its superusers.</summary>
    public static async Task<int> MostConnectionsAsync(Settings settings, CancellationToken ct)
    {
        await using var probe = CreateProbe(settings);
        await using var command = probe.CreateCommand(
            "SELECT current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer");
        return (int)(await command.ExecuteScalarAsync(ct))!;
    }

    /// <summary>For migrations and bulk loads, which may take as long as they need.</summary>
    public static NpgsqlDataSource CreateUnhurried(Settings settings)
    {
        var text = ConnectionString(settings, settings.Postgres!);
        text.CommandTimeout = 0;
        return Build(text, "tienda-unhurried", null);
    }

    // A statement that outlives its client's patience, or a lock that nobody gives back, must not hold a connection. If the server has not
    // ended it by then, it cannot be heard.
    private static void Limit(NpgsqlConnectionStringBuilder text, int statementSeconds, int lockSeconds)
    {
        text.CommandTimeout = statementSeconds + 1;
        text.Options =
            $"-c statement_timeout={statementSeconds}s -c lock_timeout={lockSeconds}s -c idle_in_transaction_session_timeout=15s -c jit=off";
    }

    private static NpgsqlConnectionStringBuilder ConnectionString(Settings settings, PostgresServer server)
    {
        var text = new NpgsqlConnectionStringBuilder
        {
            Host = server.Host,
            Port = server.Port,
            Database = server.Database,
            Username = server.User,
            Password = server.Password,
            ApplicationName = "tienda",
            Timeout = settings.PoolTimeoutSeconds,
            MaxAutoPrepare = 100,
            AutoPrepareMinUsages = 2,
            // Halves the client's cost of a small query. In return nothing here may leave state on a connection: no SET without LOCAL,
            // no temporary table, no session lock that is not given back.
            NoResetOnClose = true,
            Enlist = false,
            GssEncryptionMode = GssEncryptionMode.Disable,
        };
        if (!Path.IsPathRooted(server.Host))
        {
            // Firewalls forget connections on which nothing is said, and tell nobody.
            (text.TcpKeepAlive, text.TcpKeepAliveTime, text.TcpKeepAliveInterval) = (true, 30, 5);
        }

        return text;
    }

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
