using Npgsql;
using Tienda.Hosting;

namespace Tienda.Data;

/// <summary>Makes the connection pools from the settings.</summary>
public static class Database
{
    /// <summary>Connections that each process has beside its pool: for orders, for the health check, for the log of changes.</summary>
    public const int ConnectionsBesideThePool = 3;

    /// <summary>The pool that requests use.</summary>
    public static NpgsqlDataSource CreatePool(Settings settings, ILoggerFactory? logs = null) =>
        CreatePool(settings, settings.PoolName, "tienda", settings.PoolSize + settings.PoolMaxOverflow, "5s", logs);

    /// <summary>The one connection that places orders, so that they do not wait behind reads that have filled the other pool.</summary>
    public static NpgsqlDataSource CreateOrderLane(Settings settings, ILoggerFactory logs) =>
        // Orders wait for no client, address or product; what is left (the series of bills, somebody with the same key) is short.
        CreatePool(settings, "tienda-orders", "tienda-orders", 1, "1s", logs);

    /// <summary>One connection that never waits behind requests, for the health check.</summary>
    public static NpgsqlDataSource CreateProbe(Settings settings)
    {
        var text = ConnectionString(settings, settings.Postgres!);
        text.ApplicationName = "tienda-probe";
        text.MaxPoolSize = 1;
        text.Timeout = 2;
        text.CommandTimeout = 5;
        return Build(text, "tienda-probe", null);
    }

    /// <summary>One connection for the log of changes. A look that takes longer than a second is worth nothing.</summary>
    public static NpgsqlDataSource CreateCacheLog(Settings settings)
    {
        var text = ConnectionString(settings, settings.Postgres!);
        text.ApplicationName = "tienda-cache";
        text.MaxPoolSize = 1;
        text.Timeout = 1;
        text.CommandTimeout = 5;
        // After that nobody waits for the server to say that it has given up.
        text.CancellationTimeout = -1;
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
        text.ApplicationName = "tienda-unhurried";
        text.CommandTimeout = 0;
        return Build(text, "tienda-unhurried", null);
    }

    private static NpgsqlDataSource CreatePool(
        Settings settings, string name, string application, int size, string lockTimeout, ILoggerFactory? logs)
    {
        var text = ConnectionString(settings, settings.Postgres!);
        text.ApplicationName = application;
        text.MaxPoolSize = size;
        // What is open beyond it closes when it has been idle for a while.
        text.MinPoolSize = Math.Min(size, settings.PoolSize);
        text.ConnectionIdleLifetime = settings.PoolIdleSeconds;
        text.ConnectionPruningInterval = Math.Max(1, settings.PoolIdleSeconds / 6);
        text.ConnectionLifetime = settings.PoolRecycleSeconds;
        // Data/Deadline.cs is sooner: a command that finds out by itself that it takes too long holds up a thread.
        text.CommandTimeout = 60;
        // A statement that outlives its client's patience, or a lock that nobody gives back, must not hold a connection.
        text.Options = $"-c statement_timeout=15s -c lock_timeout={lockTimeout} -c idle_in_transaction_session_timeout=15s -c jit=off";
        return Build(text, name, logs);
    }

    private static NpgsqlConnectionStringBuilder ConnectionString(Settings settings, PostgresServer server) => new()
    {
        Host = server.Host,
        Port = server.Port,
        Database = server.Database,
        Username = server.User,
        Password = server.Password,
        Timeout = settings.PoolTimeoutSeconds,
        CommandTimeout = 20,
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
