using Npgsql;
using Tienda.Hosting;

namespace Tienda.Data.Monitoring;

/// <summary>What one kind of statement has cost.</summary>
public sealed record StatementCost
{
    /// <summary>What a comment in front of it calls it.</summary>
    public string? Name { get; init; }

    public required string Text { get; init; }

    public required long Calls { get; init; }

    /// <summary>Milliseconds of running, all calls together; planning and the way there and back are not in it.</summary>
    public required double TotalMs { get; init; }

    public required double MeanMs { get; init; }

    /// <summary>Of the time that all statements of the database took.</summary>
    public required double SharePercent { get; init; }

    /// <summary>Read or changed, on average.</summary>
    public required double RowsPerCall { get; init; }

    /// <summary>Pages found in PostgreSQL's own memory, of all that were asked for; null if it was none.</summary>
    public required double? CacheHitPercent { get; init; }
}

/// <summary>Which statements cost most.</summary>
public sealed record TopStatements
{
    /// <summary>Since when it is counted; PostgreSQL counts until somebody sets it back.</summary>
    public required DateTime? Since { get; init; }

    public required double TotalMs { get; init; }

    public required IReadOnlyList<StatementCost> Statements { get; init; }
}

/// <summary>Asks pg_stat_statements, wherever in the database the extension is.</summary>
public static class StatementStatistics
{
    private const string Extension = "pg_stat_statements";

    /// <summary>By what statements can be ordered.</summary>
    public static Dictionary<string, Func<StatementCost, double>> Orders { get; } = new()
    {
        ["total"] = statement => statement.TotalMs,
        ["mean"] = statement => statement.MeanMs,
        ["calls"] = statement => statement.Calls,
        ["rows"] = statement => statement.Calls * statement.RowsPerCall,
    };

    /// <param name="order">A key of <see cref="Orders"/>.</param>
    /// <param name="during">For how long to look, or null for everything since the figures were last set back.</param>
    /// <param name="mayCreate">Whether the extension may be made where it is missing.</param>
    /// <exception cref="CommandException">Nothing is counted; the message says how that is changed.</exception>
    public static async Task<TopStatements> ReadAsync(
        NpgsqlDataSource database, string order, int limit, TimeSpan? during, bool mayCreate, CancellationToken ct)
    {
        var schema = await FindAsync(database, mayCreate, ct);
        Dictionary<long, Reading> before = [];
        DateTime? since;
        if (during is { } time)
        {
            before = await ReadAsync(database, schema, ct);
            since = await NowAsync(database, ct);
            await Task.Delay(time, ct);
        }
        else
        {
            await using var asked = database.Statement($"SELECT stats_reset FROM {schema}.pg_stat_statements_info");
            since = await asked.ValueAsync<DateTime?>(ct);
        }

        var costs = (await ReadAsync(database, schema, ct)).Values
            .Select(now => now.Since(before.GetValueOrDefault(now.Id)))
            .Where(reading => reading.Calls > 0)
            .ToList();
        var total = costs.Sum(reading => reading.Ms);
        return new TopStatements
        {
            Since = since,
            TotalMs = total,
            Statements = [.. costs.Select(reading => reading.Cost(total)).OrderByDescending(Orders[order]).Take(limit)],
        };
    }

    /// <summary>Whether there is anything to read.</summary>
    public static async Task<bool> AreKeptAsync(NpgsqlDataSource database, CancellationToken ct) =>
        await LookAsync(database, ct) is { IsLoaded: true, Schema: not null };

    private static async Task<string> FindAsync(NpgsqlDataSource database, bool mayCreate, CancellationToken ct)
    {
        var (loaded, schema, name) = await LookAsync(database, ct);
        if (!loaded)
        {
            throw new CommandException(
                $"""
                PostgreSQL does not count what statements cost: {Extension} is not loaded.
                  1. in its postgresql.conf, beside what stands there: shared_preload_libraries = '{Extension}'
                     (the file of the extension is in PostgreSQL's contrib package)
                  2. restart it
                  3. as a superuser: psql -d {name} -c 'CREATE EXTENSION {Extension}'
                """);
        }

        if (schema is null && mayCreate)
        {
            await using var create = database.Statement($"CREATE EXTENSION IF NOT EXISTS {Extension}");
            await create.ChangeAsync(ct);
            schema = (await LookAsync(database, ct)).Schema;
        }

        return schema ?? throw new CommandException(
            $"PostgreSQL counts what statements cost, but the database {name} has no view of it. "
            + $"As a superuser: psql -d {name} -c 'CREATE EXTENSION {Extension}'");
    }

    // Its settings are there if and only if it is loaded; which libraries are is told to superusers only.
    private static async Task<(bool IsLoaded, string? Schema, string Database)> LookAsync(NpgsqlDataSource database, CancellationToken ct)
    {
        await using var command = database.Statement(
            """
            SELECT EXISTS (SELECT FROM pg_settings WHERE name = 'pg_stat_statements.max'),
                (SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = $1),
                current_database()::text
            """)
            .With(Extension);
        await using var row = await command.ReadAsync(ct);
        await row.ReadAsync(ct);
        return (row.GetBoolean(0), row.NullableString(1), row.GetString(2));
    }

    private static async Task<DateTime> NowAsync(NpgsqlDataSource database, CancellationToken ct)
    {
        await using var command = database.Statement("SELECT clock_timestamp()");
        return await command.ValueAsync<DateTime>(ct);
    }

    // One statement may be in several lines: of several users, and called by functions.
    private static async Task<Dictionary<long, Reading>> ReadAsync(NpgsqlDataSource database, string schema, CancellationToken ct)
    {
        await using var command = database.Statement(
            $"""
            SELECT coalesce(queryid, 0), min(query), sum(calls)::bigint, sum(total_exec_time), sum(rows)::bigint,
                sum(shared_blks_hit)::bigint, sum(shared_blks_read)::bigint
            FROM {schema}.pg_stat_statements
            WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
            GROUP BY 1
            """);
        await using var rows = await command.ReadAsync(ct);
        var readings = await rows.ListAsync(
            row => new Reading(
                row.GetInt64(0), row.NullableString(1) ?? "", row.GetInt64(2), row.GetDouble(3), row.GetInt64(4), row.GetInt64(5),
                row.GetInt64(6)),
            ct);
        return readings.ToDictionary(reading => reading.Id);
    }

    private sealed record Reading(long Id, string Sql, long Calls, double Ms, long Rows, long PagesHit, long PagesRead)
    {
        public Reading Since(Reading? before) => before is null || before.Calls > Calls ? this : this with
        {
            Calls = Calls - before.Calls,
            Ms = Ms - before.Ms,
            Rows = Rows - before.Rows,
            PagesHit = PagesHit - before.PagesHit,
            PagesRead = PagesRead - before.PagesRead,
        };

        public StatementCost Cost(double totalMs)
        {
            var sql = SqlText.Read(Sql);
            var pages = PagesHit + PagesRead;
            return new StatementCost
            {
                Name = sql.Name,
                Text = sql.Text,
                Calls = Calls,
                TotalMs = Math.Round(Ms, 3),
                MeanMs = Math.Round(Ms / Calls, 3),
                SharePercent = totalMs > 0 ? Math.Round(100 * Ms / totalMs, 1) : 0,
                RowsPerCall = Math.Round((double)Rows / Calls, 1),
                CacheHitPercent = pages == 0 ? null : Math.Round(100.0 * PagesHit / pages, 1),
            };
        }
    }
}
