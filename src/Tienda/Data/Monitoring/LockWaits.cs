using Npgsql;

namespace Tienda.Data.Monitoring;

/// <summary>One session that waits for another one.</summary>
public sealed record LockWait
{
    public required int Pid { get; init; }

    public required string Application { get; init; }

    public int? Worker { get; init; }

    public required double WaitsSeconds { get; init; }

    /// <summary>What kind of lock it wants, on what; the table, if PostgreSQL tells.</summary>
    public required string Wants { get; init; }

    public required string Statement { get; init; }

    public required LockHolder Holder { get; init; }
}

/// <summary>Who makes others wait.</summary>
public sealed record LockHolder
{
    /// <summary>0 for a prepared transaction, which belongs to nobody.</summary>
    public required int Pid { get; init; }

    public required string Application { get; init; }

    public int? Worker { get; init; }

    public required string State { get; init; }

    /// <summary>Since its transaction began.</summary>
    public double? TransactionSeconds { get; init; }

    /// <summary>The statement that runs, or that ran last: not always the one that took the lock.</summary>
    public required string Statement { get; init; }

    /// <summary>Whether it waits itself, so that somebody else is to blame.</summary>
    public required bool Waits { get; init; }
}

/// <summary>Who waits for whom, whoever waits longest first.</summary>
public sealed record LockWaits
{
    public required IReadOnlyList<LockWait> Waits { get; init; }

    // A row lock is a wait for the transaction that changed the row. Of those who wait for it the first one holds the row's own lock, which
    // is how the table is known. pg_blocking_pids looks at the whole table of locks and stops it meanwhile: only who waits is asked about.
    public static async Task<LockWaits> ReadAsync(NpgsqlDataSource database, CancellationToken ct)
    {
        await using var command = database.Statement(
            """
            WITH waiting AS MATERIALIZED (
                SELECT a.pid, a.application_name, a.query, a.query_start, pg_blocking_pids(a.pid) AS holders
                FROM pg_stat_activity a
                WHERE a.wait_event_type = 'Lock' AND a.datname = current_database())
            SELECT w.pid, w.application_name,
            extract(epoch FROM clock_timestamp() - coalesce(l.waitstart, w.query_start))::double precision,
                concat_ws(' on ', l.mode || ' (' || l.locktype || ')', coalesce(
                    l.relation::regclass::text,
                    (SELECT t.relation::regclass::text FROM pg_locks t
                    WHERE t.pid = w.pid AND t.locktype = 'tuple' AND t.granted LIMIT 1))),
                w.query, holder, coalesce(b.application_name, ''), coalesce(b.state, 'prepared'),
                extract(epoch FROM clock_timestamp() - b.xact_start)::double precision, coalesce(b.query, ''),
                coalesce(b.wait_event_type = 'Lock', false)
            FROM waiting w
                CROSS JOIN LATERAL unnest(w.holders) AS holder
                LEFT JOIN pg_stat_activity b ON b.pid = holder
                LEFT JOIN pg_locks l ON l.pid = w.pid AND NOT l.granted
            ORDER BY 3 DESC, 1, 6
            """);
        await using var rows = await command.ReadAsync(ct);
        return new LockWaits { Waits = await rows.ListAsync(Read, ct) };
    }

    private static LockWait Read(NpgsqlDataReader row)
    {
        var (application, worker) = Database.ReadApplication(row.GetString(1));
        var (holder, holderWorker) = Database.ReadApplication(row.GetString(6));
        return new LockWait
        {
            Pid = row.GetInt32(0),
            Application = application,
            Worker = worker,
            WaitsSeconds = Math.Round(row.GetDouble(2), 1),
            Wants = row.GetString(3),
            Statement = SqlText.Read(row.GetString(4)).ToString(),
            Holder = new LockHolder
            {
                Pid = row.GetInt32(5),
                Application = holder,
                Worker = holderWorker,
                State = row.GetString(7),
                TransactionSeconds = row.IsDBNull(8) ? null : Math.Round(row.GetDouble(8), 1),
                Statement = SqlText.Read(row.GetString(9)).ToString(),
                Waits = row.GetBoolean(10),
            },
        };
    }
}
