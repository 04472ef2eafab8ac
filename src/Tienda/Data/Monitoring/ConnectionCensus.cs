using Npgsql;

namespace Tienda.Data.Monitoring;

/// <summary>Connections that are alike.</summary>
public sealed record ConnectionGroup
{
    public required string Database { get; init; }

    public required string Application { get; init; }

    /// <summary>The worker of the shop whose they are; null for a shop of one process, and for others.</summary>
    public int? Worker { get; init; }

    /// <summary>The address that they come from; null for a unix socket.</summary>
    public string? Client { get; init; }

    /// <summary>As pg_stat_activity calls it: active, idle, idle in transaction.</summary>
    public required string State { get; init; }

    /// <summary>What they wait for while they are active.</summary>
    public string? WaitsFor { get; init; }

    public required long Count { get; init; }

    /// <summary>How long the one that has been so for the longest time has been so, in seconds.</summary>
    public required double LongestSeconds { get; init; }
}

/// <summary>A transaction that is open now.</summary>
public sealed record OpenTransaction
{
    public required int Pid { get; init; }

    public required string Application { get; init; }

    public int? Worker { get; init; }

    public required string State { get; init; }

    public string? WaitsFor { get; init; }

    /// <summary>Since it began.</summary>
    public required double Seconds { get; init; }

    /// <summary>Since it is in its state.</summary>
    public required double StateSeconds { get; init; }

    /// <summary>The statement that runs, or that ran last.</summary>
    public required string Statement { get; init; }
}

/// <summary>Who is connected to the server, and who has been at it for long.</summary>
public sealed record ConnectionCensus
{
    /// <summary>The server's max_connections.</summary>
    public required int Maximum { get; init; }

    /// <summary>Of these, the ones that only superusers get.</summary>
    public required int Reserved { get; init; }

    public required long Open { get; init; }

    public required double UsedPercent { get; init; }

    public required IReadOnlyList<ConnectionGroup> Groups { get; init; }

    /// <summary>Open for more than a second, the oldest first.</summary>
    public required IReadOnlyList<OpenTransaction> Transactions { get; init; }

    /// <summary>All connections of the server, also to other databases, since they share its maximum; without this one.</summary>
    public static async Task<ConnectionCensus> TakeAsync(NpgsqlDataSource database, CancellationToken ct)
    {
        await using var batch = database.Batch();
        batch.Then("SELECT current_setting('max_connections')::integer, current_setting('superuser_reserved_connections')::integer");
        batch.Then(
            """
            SELECT coalesce(datname, '-'), application_name, host(client_addr), coalesce(state, 'unknown'),
                CASE WHEN state = 'active' AND wait_event_type <> 'Client' THEN wait_event_type || ' ' || wait_event END,
                count(*), coalesce(max(extract(epoch FROM clock_timestamp() - state_change)), 0)::double precision
            FROM pg_stat_activity
            WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
            GROUP BY 1, 2, 3, 4, 5
            ORDER BY 1, 2, 6 DESC, 4, 5
            """);
        batch.Then(
            """
            SELECT pid, application_name, coalesce(state, 'unknown'),
                CASE WHEN state = 'active' AND wait_event_type <> 'Client' THEN wait_event_type || ' ' || wait_event END,
                extract(epoch FROM clock_timestamp() - xact_start)::double precision,
                extract(epoch FROM clock_timestamp() - state_change)::double precision,
                query
            FROM pg_stat_activity
            WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND xact_start < clock_timestamp() - interval '1 second'
            ORDER BY xact_start
            LIMIT 20
            """);
        await using var reader = await batch.ReadAsync(ct);
        await reader.ReadAsync(ct);
        var (maximum, reserved) = (reader.GetInt32(0), reader.GetInt32(1));
        await reader.NextResultAsync(ct);
        var groups = await reader.ListAsync(ReadGroup, ct);
        await reader.NextResultAsync(ct);
        var open = groups.Sum(group => group.Count);
        return new ConnectionCensus
        {
            Maximum = maximum,
            Reserved = reserved,
            Open = open,
            UsedPercent = Math.Round(100.0 * open / (maximum - reserved), 1),
            Groups = groups,
            Transactions = await reader.ListAsync(ReadTransaction, ct),
        };
    }

    private static ConnectionGroup ReadGroup(NpgsqlDataReader row)
    {
        var (application, worker) = Database.ReadApplication(row.GetString(1));
        return new ConnectionGroup
        {
            Database = row.GetString(0),
            Application = application,
            Worker = worker,
            Client = row.NullableString(2),
            State = row.GetString(3),
            WaitsFor = row.NullableString(4),
            Count = row.GetInt64(5),
            LongestSeconds = Math.Round(row.GetDouble(6), 1),
        };
    }

    private static OpenTransaction ReadTransaction(NpgsqlDataReader row)
    {
        var (application, worker) = Database.ReadApplication(row.GetString(1));
        return new OpenTransaction
        {
            Pid = row.GetInt32(0),
            Application = application,
            Worker = worker,
            State = row.GetString(2),
            WaitsFor = row.NullableString(3),
            Seconds = Math.Round(row.GetDouble(4), 1),
            StateSeconds = Math.Round(row.GetDouble(5), 1),
            Statement = SqlText.Read(row.GetString(6)).ToString(),
        };
    }
}
