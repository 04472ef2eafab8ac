using Npgsql;
using Tienda.Data;
using Tienda.Telemetry;

namespace Tienda.Orders;

/// <summary>Forgets idempotency keys older than 24 hours, a portion at a time, every ten minutes. Several workers may.</summary>
public sealed partial class KeyPurge(NpgsqlDataSource database, QueryFigures queries, TimeProvider time, ILogger<KeyPurge> logger)
    : BackgroundService
{
    private const int Portion = 5_000;

    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(10);

    /// <summary>Deletes what has served its time, and answers how many rows.</summary>
    public async Task<int> PurgeAsync(CancellationToken ct)
    {
        var purged = 0;
        for (var last = Portion; last == Portion; purged += last)
        {
            // Skipped rows are being purged by somebody else, or forgotten by a request that uses the key again.
            await using var command = database.Statement(
                """
                DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
                    SELECT ctid FROM idempotency_keys WHERE created_at <= now() - interval '24 hours'
                    ORDER BY created_at LIMIT $1 FOR UPDATE SKIP LOCKED))
                """).With(Portion);
            last = await command.ChangeAsync(ct);
        }

        return purged;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        DatabaseUse.Begin(queries);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(Interval, time, stoppingToken);
                await PurgeAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception away) when (DatabaseFailure.Read(away) is { } failure)
            {
                Log.Failed(logger, failure.Message);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "Old idempotency keys could not be purged; the next attempt follows in ten minutes: {Reason}")]
        public static partial void Failed(ILogger logger, string reason);
    }
}
