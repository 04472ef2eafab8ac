using Tienda.Data;

namespace Tienda.Hosting;

/// <summary>What an operator should hear before the first customer notices it. None of it keeps the shop closed.</summary>
public sealed partial class StartWarnings(Settings settings, ILogger<StartWarnings> logger)
{
    /// <summary>Says what is wrong with the settings alone.</summary>
    public void LookAtSettings()
    {
        if (!settings.AuthEnabled)
        {
            Log.Open(logger, SafeStart.OpenWarning);
        }

        if (settings.HasReadHosts)
        {
            Log.ReadHosts(logger);
        }
    }

    /// <summary>
    /// Says what is wrong with a database that somebody else runs. Nobody's database is changed unasked, and a server that is away for a
    /// moment is no reason to stop.
    /// </summary>
    /// <exception cref="MigrationException">The database is newer than the program.</exception>
    public async Task LookAtDatabaseAsync(CancellationToken ct)
    {
        try
        {
            await using var database = Database.CreateProbe(settings);
            await LookAtConnectionsAsync(ct);
            var pending = await new Migrator(database, Migration.All).PendingAsync(ct);
            if (pending.Count > 0)
            {
                Log.Pending(logger, pending.Count);
            }
        }
        catch (Exception away) when (DatabaseFailure.Read(away) is { } failure)
        {
            Log.Away(logger, failure.Message);
        }
    }

    // Nobody notices until the busiest day of the year, when the server refuses.
    private async Task LookAtConnectionsAsync(CancellationToken ct)
    {
        var most = await Database.MostConnectionsAsync(settings, ct);
        var each = settings.PoolSize + settings.PoolMaxOverflow + Database.ConnectionsBesideThePool;
        var all = settings.Workers * each;
        if (all > most)
        {
            var possible = Math.Max(1, (most / settings.Workers) - Database.ConnectionsBesideThePool);
            Log.TooManyConnections(
                logger, settings.Workers, all, settings.PoolSize, settings.PoolMaxOverflow, Database.ConnectionsBesideThePool, most,
                all + 10, possible);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "{Warning}")]
        public static partial void Open(ILogger logger, string warning);

        [LoggerMessage(
            LogLevel.Warning, "POSTGRES_READ_HOSTS is set, but this version does not ask replicas: POSTGRES_HOST answers every read.")]
        public static partial void ReadHosts(ILogger logger);

        [LoggerMessage(
            LogLevel.Warning,
            "the database lacks {Count} migrations of this program: run tienda migrate. Until then the shop is not ready.")]
        public static partial void Pending(ILogger logger, int count);

        [LoggerMessage(LogLevel.Warning, "the database does not answer: {Reason}")]
        public static partial void Away(ILogger logger, string reason);

        [LoggerMessage(
            LogLevel.Warning,
            "{Workers} workers may open {All} connections (each DB_POOL_SIZE {PoolSize} + DB_MAX_OVERFLOW {Overflow} + {Beside}), and the "
            + "database server takes {Most}. Set its max_connections to {Needed} or more, or let DB_POOL_SIZE + DB_MAX_OVERFLOW be "
            + "{Possible} or less.")]
        public static partial void TooManyConnections(
            ILogger logger, int workers, int all, int poolSize, int overflow, int beside, int most, int needed, int possible);
    }
}
