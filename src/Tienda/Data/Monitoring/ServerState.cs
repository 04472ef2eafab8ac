using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace Tienda.Data.Monitoring;

/// <summary>A stand-by that follows the server.</summary>
/// <param name="BehindSeconds">Until what was committed here is seen there; null if nothing was to be done lately.</param>
public sealed record FollowingServer(string Name, string State, long BehindBytes, double? BehindSeconds);

/// <summary>What a PostgreSQL server says of itself that matters before customers come.</summary>
public sealed record ServerState
{
    public required string Version { get; init; }

    public required int VersionNumber { get; init; }

    /// <summary>Of a question and its answer on an open connection: the middle one of five.</summary>
    public required double LatencyMs { get; init; }

    /// <summary>By how much its clock is ahead of this machine's, and how exactly that is known.</summary>
    public required double AheadSeconds { get; init; }

    public required bool IsStandBy { get; init; }

    /// <summary>Open to clients now.</summary>
    public required long Connections { get; init; }

    /// <summary>Of the client whose transaction has been open for the longest time; 0 if there is none.</summary>
    public required double OldestTransactionSeconds { get; init; }

    /// <summary>Of transaction ids, the oldest that some table still needs; at two thousand million PostgreSQL stops.</summary>
    public required long OldestIdAge { get; init; }

    public required DateTime? LastArchived { get; init; }

    public required IReadOnlyList<FollowingServer> Followers { get; init; }

    /// <summary>Names of the wanted indexes that are not there, or not valid.</summary>
    public required IReadOnlyList<string> LackingIndexes { get; init; }

    /// <summary>By name, as pg_settings has them; some are told to superusers only.</summary>
    public required IReadOnlyDictionary<string, (string Value, string? Unit)> Settings { get; init; }

    private static readonly string[] Wanted =
    [
        "max_connections", "superuser_reserved_connections", "shared_buffers", "fsync", "full_page_writes", "synchronous_commit",
        "autovacuum",
        "track_counts", "data_directory", "archive_mode",
    ];

    public string? Setting(string name) => Settings.TryGetValue(name, out var setting) ? setting.Value : null;

    public int Number(string name) => int.Parse(Setting(name)!, CultureInfo.InvariantCulture);

    /// <param name="indexes">Names of the indexes that should be there.</param>
    public static async Task<ServerState> ReadAsync(
        NpgsqlDataSource database, IReadOnlyList<string> indexes, TimeProvider time, CancellationToken ct)
    {
        await using var connection = await database.BorrowAsync(ct);
        var (latency, ahead) = await MeasureAsync(connection, time, ct);
        await using var batch = connection.Batch();
        batch.Then(
            """
            SELECT current_setting('server_version'), current_setting('server_version_num')::integer, pg_is_in_recovery(),
                (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
                (SELECT coalesce(extract(epoch FROM clock_timestamp() - min(xact_start)), 0)::double precision FROM pg_stat_activity
                    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()),
                (SELECT max(age(datfrozenxid))::bigint FROM pg_database),
                (SELECT last_archived_time FROM pg_stat_archiver)
            """);
        batch.Then("SELECT name, setting, unit FROM pg_settings WHERE name = ANY ($1)").With(Wanted);
        batch.Then(
            """
            SELECT coalesce(nullif(application_name, ''), host(client_addr), 'stand-by'), coalesce(state, 'unknown'),
                coalesce(pg_wal_lsn_diff(sent_lsn, replay_lsn), 0)::bigint, extract(epoch FROM replay_lag)::double precision
            FROM pg_stat_replication
            WHERE state <> 'backup'
            """);
        batch.Then(
            """
            SELECT wanted FROM unnest($1) AS wanted
            WHERE NOT EXISTS (SELECT FROM pg_index i WHERE i.indexrelid = to_regclass(wanted) AND i.indisvalid)
            """).With(indexes.ToArray());
        await using var reader = await batch.ReadAsync(ct);
        await reader.ReadAsync(ct);
        var state = new ServerState
        {
            Version = reader.GetString(0),
            VersionNumber = reader.GetInt32(1),
            LatencyMs = latency,
            AheadSeconds = ahead,
            IsStandBy = reader.GetBoolean(2),
            Connections = reader.GetInt64(3),
            OldestTransactionSeconds = reader.GetDouble(4),
            OldestIdAge = reader.GetInt64(5),
            LastArchived = reader.IsDBNull(6) ? null : reader.GetDateTime(6),
            Followers = [],
            LackingIndexes = [],
            Settings = new Dictionary<string, (string, string?)>(),
        };
        await reader.NextResultAsync(ct);
        var settings = await reader.ListAsync(row => (row.GetString(0), row.GetString(1), row.NullableString(2)), ct);
        await reader.NextResultAsync(ct);
        var followers = await reader.ListAsync(ReadFollower, ct);
        await reader.NextResultAsync(ct);
        return state with
        {
            Settings = settings.ToDictionary(setting => setting.Item1, setting => (setting.Item2, setting.Item3)),
            Followers = followers,
            LackingIndexes = await reader.ListAsync(row => row.GetString(0), ct),
        };
    }

    private static FollowingServer ReadFollower(NpgsqlDataReader row) =>
        new(row.GetString(0), row.GetString(1), row.GetInt64(2), row.IsDBNull(3) ? null : row.GetDouble(3));

    // The fastest answer is the one that tells the server's clock best: it was asked for in the middle of the way there and back.
    private static async Task<(double LatencyMs, double AheadSeconds)> MeasureAsync(
        NpgsqlConnection connection, TimeProvider time, CancellationToken ct)
    {
        await using var command = connection.Statement("SELECT clock_timestamp()");
        await command.ValueAsync<DateTime>(ct);
        var looks = new List<(double Ms, double Ahead)>();
        for (var i = 0; i < 5; i++)
        {
            var (asked, started) = (time.GetUtcNow(), Stopwatch.GetTimestamp());
            var there = await command.ValueAsync<DateTime>(ct);
            var took = Stopwatch.GetElapsedTime(started);
            looks.Add((took.TotalMilliseconds, (there - (asked + (took / 2)).UtcDateTime).TotalSeconds));
        }

        looks.Sort();
        return (Math.Round(looks[2].Ms, 2), looks[0].Ahead);
    }
}
