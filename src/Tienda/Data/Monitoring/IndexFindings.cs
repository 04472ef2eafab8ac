using Npgsql;

namespace Tienda.Data.Monitoring;

/// <summary>What is wrong with an index, or with the lack of one.</summary>
public sealed record IndexFinding
{
    /// <summary>With its schema, unless that is on the search path.</summary>
    public required string Table { get; init; }

    /// <summary>The index, or the foreign key that lacks one.</summary>
    public required string Name { get; init; }

    /// <summary>Of the index; of the table, if there is none.</summary>
    public required long Bytes { get; init; }

    /// <summary>Of these, the ones that a fresh index would not need.</summary>
    public long? WastedBytes { get; init; }

    public string? Remark { get; init; }

    /// <summary>The statement that puts it right, if it is meant to be. Each of them lets the shop go on.</summary>
    public required string Remedy { get; init; }
}

/// <summary>The indexes of the database that somebody should look at.</summary>
public sealed record IndexFindings
{
    /// <summary>Who wastes less than this, or a smaller share than the next one, need not be built anew.</summary>
    public const long WorthwhileBytes = 1024 * 1024;

    private const double WorthwhileShare = 0.3;

    /// <summary>Since when it is counted who uses an index; null if since the server was made, or since a crash.</summary>
    public required DateTime? CountedSince { get; init; }

    /// <summary>Used by no query, and needed by no constraint and no foreign key.</summary>
    public required IReadOnlyList<IndexFinding> Unused { get; init; }

    /// <summary>Foreign keys for which PostgreSQL has to read the whole table when what they refer to is deleted.</summary>
    public required IReadOnlyList<IndexFinding> Missing { get; init; }

    /// <summary>Much larger than their entries, by an estimate.</summary>
    public required IReadOnlyList<IndexFinding> Bloated { get; init; }

    /// <summary>Left by a CREATE INDEX CONCURRENTLY that failed: kept up to date by every write, and used by nobody.</summary>
    public required IReadOnlyList<IndexFinding> Invalid { get; init; }

    public static async Task<IndexFindings> ReadAsync(NpgsqlDataSource database, CancellationToken ct)
    {
        await using var batch = database.Batch();
        batch.Then("SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()");
        batch.Then(Unneeded);
        batch.Then(Lacking);
        batch.Then(Bloat).With((double)WorthwhileBytes).With(WorthwhileShare);
        batch.Then(Broken);
        await using var reader = await batch.ReadAsync(ct);
        await reader.ReadAsync(ct);
        DateTime? since = reader.IsDBNull(0) ? null : reader.GetDateTime(0);
        return new IndexFindings
        {
            CountedSince = since,
            Unused = await NextAsync(reader, ct),
            Missing = await NextAsync(reader, ct),
            Bloated = await NextAsync(reader, ct),
            Invalid = await NextAsync(reader, ct),
        };
    }

    private static async Task<List<IndexFinding>> NextAsync(NpgsqlDataReader reader, CancellationToken ct)
    {
        await reader.NextResultAsync(ct);
        return await reader.ListAsync(
            row => new IndexFinding
            {
                Table = row.GetString(0),
                Name = row.GetString(1),
                Bytes = row.GetInt64(2),
                WastedBytes = row.NullableInt64(3),
                Remark = row.NullableString(4),
                Remedy = row.GetString(5),
            },
            ct);
    }

    private const string Unneeded =
        """
        SELECT s.relid::regclass::text, s.indexrelid::regclass::text, pg_relation_size(s.indexrelid), NULL::bigint,
            NULL::text, 'DROP INDEX CONCURRENTLY ' || s.indexrelid::regclass
        FROM pg_stat_user_indexes s JOIN pg_index i USING (indexrelid)
        WHERE s.idx_scan = 0 AND i.indisvalid
            AND NOT (i.indisunique OR i.indisprimary OR i.indisexclusion OR i.indisreplident OR i.indisclustered)
            AND NOT EXISTS (
                SELECT FROM pg_constraint k WHERE k.contype = 'f' AND k.conrelid = i.indrelid AND i.indkey[0] = ANY (k.conkey))
        ORDER BY 3 DESC, 2
        """;

    // An index helps if its first column is one of the key's. A partial one is for some of the rows only.
    private const string Lacking =
        """
        SELECT k.conrelid::regclass::text, k.conname::text, pg_table_size(k.conrelid), NULL::bigint,
            'refers to ' || k.confrelid::regclass,
            format('CREATE INDEX CONCURRENTLY ON %s (%s)', k.conrelid::regclass, (
                SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY c.place)
                FROM unnest(k.conkey) WITH ORDINALITY AS c (attnum, place)
                    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = c.attnum))
        FROM pg_constraint k
        WHERE k.contype = 'f' AND k.conparentid = 0 AND NOT EXISTS (
            SELECT FROM pg_index i
            WHERE i.indrelid = k.conrelid AND i.indisvalid AND i.indpred IS NULL AND i.indkey[0] = ANY (k.conkey))
        ORDER BY 3 DESC, 2
        """;

    // What a fresh b-tree would need, by the formula of https://github.com/ioguix/pgsql-bloat-estimation: its rows, each with a pointer of
    // 4 bytes, a header of 8 (16 if there are nulls) and the average width of its values as ANALYZE has seen it, padded to 8 bytes, in
    // pages with 40 bytes of their own that are filled to the fillfactor. Since PostgreSQL 13 equal values take less, so that it says too
    // little there. Other kinds of index, and those of which nothing is known, are left out.
    private const string Bloat =
        """
        WITH part AS (
            SELECT i.indexrelid, i.indrelid, c.reltuples, c.relpages,
                coalesce((SELECT option_value::numeric FROM pg_options_to_table(c.reloptions) WHERE option_name = 'fillfactor'), 90) / 100
                    AS fill,
                s.null_frac, s.avg_width
            FROM pg_index i
                JOIN pg_class c ON c.oid = i.indexrelid
                JOIN pg_am m ON m.oid = c.relam AND m.amname = 'btree'
                JOIN pg_class t ON t.oid = i.indrelid
                JOIN pg_namespace n ON n.oid = t.relnamespace AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
                CROSS JOIN LATERAL generate_series(1, i.indnatts) AS place
                LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = nullif(i.indkey[place - 1], 0)
                LEFT JOIN pg_attribute e ON i.indkey[place - 1] = 0 AND e.attrelid = i.indexrelid AND e.attnum = place
                LEFT JOIN pg_stats s ON s.schemaname = n.nspname
                    AND s.tablename = CASE WHEN a.attname IS NULL THEN c.relname ELSE t.relname END
                    AND s.attname = coalesce(a.attname, e.attname)
            WHERE i.indisvalid AND c.relpages > 1),
        entry AS (
            SELECT indexrelid, indrelid, reltuples, relpages, fill,
                CASE WHEN max(null_frac) > 0 THEN 16 ELSE 8 END + ceil(sum((1 - null_frac) * avg_width)::numeric / 8) * 8 AS bytes
            FROM part
            GROUP BY 1, 2, 3, 4, 5
            HAVING bool_and(avg_width IS NOT NULL)),
        estimate AS (
            SELECT *, current_setting('block_size')::bigint AS block,
                1 + ceil(greatest(reltuples, 0) / greatest(1, floor((current_setting('block_size')::numeric - 40) * fill / (4 + bytes))))
                    AS needed
            FROM entry)
        SELECT indrelid::regclass::text, indexrelid::regclass::text, relpages * block, ((relpages - needed) * block)::bigint,
            round((100 * (1 - needed / relpages))::numeric) || ' % of it by the estimate',
            'REINDEX INDEX CONCURRENTLY ' || indexrelid::regclass
        FROM estimate
        WHERE (relpages - needed) * block >= $1 AND 1 - needed / relpages >= $2
        ORDER BY 4 DESC, 2
        """;

    private const string Broken =
        """
        SELECT i.indrelid::regclass::text, i.indexrelid::regclass::text, pg_relation_size(i.indexrelid), NULL::bigint,
            CASE WHEN i.indisready THEN 'kept up to date by every write' END,
            'DROP INDEX CONCURRENTLY ' || i.indexrelid::regclass
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE NOT i.indisvalid AND c.relkind = 'i'
            AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)
        ORDER BY 3 DESC, 2
        """;
}
