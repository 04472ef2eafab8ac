using Npgsql;

namespace Tienda.Data.Monitoring;

/// <summary>What a table takes on disk, and how well it is kept.</summary>
public sealed record TableSize
{
    /// <summary>With its schema, unless that is <c>public</c>.</summary>
    public required string Table { get; init; }

    /// <summary>As PostgreSQL estimates them.</summary>
    public required long Rows { get; init; }

    /// <summary>With what belongs to it: indexes and TOAST.</summary>
    public required long TotalBytes { get; init; }

    public required long TableBytes { get; init; }

    public required long IndexBytes { get; init; }

    /// <summary>Long values, which are kept beside the table.</summary>
    public required long ToastBytes { get; init; }

    /// <summary>Old versions of rows that autovacuum has not taken away yet.</summary>
    public required long DeadRows { get; init; }

    public required double DeadPercent { get; init; }

    public required DateTime? LastVacuum { get; init; }

    public required DateTime? LastAutovacuum { get; init; }

    public required DateTime? LastAnalyze { get; init; }
}

/// <summary>The tables of the database, the largest first.</summary>
public sealed record TableSizes
{
    public required string Database { get; init; }

    /// <summary>Of the whole database, PostgreSQL's own tables included.</summary>
    public required long DatabaseBytes { get; init; }

    public required IReadOnlyList<TableSize> Tables { get; init; }

    public static async Task<TableSizes> ReadAsync(NpgsqlDataSource database, CancellationToken ct)
    {
        await using var batch = database.Batch();
        batch.Then("SELECT current_database()::text, pg_database_size(current_database())");
        batch.Then(
            """
            SELECT CASE WHEN s.schemaname = 'public' THEN s.relname ELSE s.schemaname || '.' || s.relname END::text,
                s.n_live_tup, pg_total_relation_size(s.relid), pg_indexes_size(s.relid),
                CASE WHEN c.reltoastrelid = 0 THEN 0 ELSE pg_total_relation_size(c.reltoastrelid) END,
                s.n_dead_tup, s.last_vacuum, s.last_autovacuum, greatest(s.last_analyze, s.last_autoanalyze)
            FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
            ORDER BY 3 DESC, 1
            """);
        await using var reader = await batch.ReadAsync(ct);
        await reader.ReadAsync(ct);
        var (name, bytes) = (reader.GetString(0), reader.GetInt64(1));
        await reader.NextResultAsync(ct);
        return new TableSizes { Database = name, DatabaseBytes = bytes, Tables = await reader.ListAsync(ReadTable, ct) };
    }

    private static TableSize ReadTable(NpgsqlDataReader row)
    {
        var (live, total, indexes, toast, dead) =
            (row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.GetInt64(4), row.GetInt64(5));
        return new TableSize
        {
            Table = row.GetString(0),
            Rows = live,
            TotalBytes = total,
            TableBytes = total - indexes - toast,
            IndexBytes = indexes,
            ToastBytes = toast,
            DeadRows = dead,
            DeadPercent = live + dead == 0 ? 0 : Math.Round(100.0 * dead / (live + dead), 1),
            LastVacuum = Moment(row, 6),
            LastAutovacuum = Moment(row, 7),
            LastAnalyze = Moment(row, 8),
        };
    }

    private static DateTime? Moment(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetDateTime(column);
}
