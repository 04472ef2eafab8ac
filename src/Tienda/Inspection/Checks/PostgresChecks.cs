using Tienda.Data;
using Tienda.Data.Monitoring;
using Tienda.Hosting;

namespace Tienda.Inspection.Checks;

/// <summary>The database that the settings lead to.</summary>
public static class PostgresChecks
{
    // The guide's "índices críticos", under its names.
    private static readonly string[] GuideIndexes =
    [
        "idx_products_category", "idx_products_stock", "idx_clients_email", "idx_orders_client", "idx_orders_date",
        "idx_order_details_order",
        "idx_order_details_product", "idx_reviews_product",
    ];

    private const long OldIds = 1_000_000_000;
    private const long DangerousIds = 1_500_000_000;
    private const int EnoughCallsToJudge = 10;

    public static async Task AddAsync(CheckList list, Settings settings, CancellationToken ct)
    {
        var checks = list.Of("postgresql");
        try
        {
            await using var database = Database.CreateInspector(settings);
            var state = await ServerState.ReadAsync(database, GuideIndexes, TimeProvider.System, ct);
            AddReach(checks, settings, state);
            if (await AddMigrationsAsync(checks, settings, ct))
            {
                AddIndexes(checks, state, await IndexFindings.ReadAsync(database, ct));
            }

            AddConnections(checks, settings, state);
            PostgresSafety.Add(checks, settings, state);
            AddUpkeep(checks, state);
            await AddSlowStatementsAsync(checks, settings, ct);
        }
        catch (Exception away) when (DatabaseFailure.Read(away) is { } failure)
        {
            checks.Add(
                "reachable", "PostgreSQL reachable", Verdict.Fail, "no", "yes",
                $"{settings.Postgres}: {failure.Message}. Look at POSTGRES_HOST and its siblings, and whether the server runs.");
        }
    }

    private static void AddReach(CheckList.Section checks, Settings settings, ServerState state)
    {
        checks.Add("reachable", "PostgreSQL reachable", Verdict.Pass, "yes", "yes", "");
        var major = state.VersionNumber / 10_000;
        checks.Add(
            "version", "PostgreSQL version", major < PostgresBinaries.OldestMajor ? Verdict.Fail : Verdict.Pass, state.Version,
            $"{PostgresBinaries.OldestMajor} or newer", "Older ones lack what the shop's statements use. Upgrade the server.");
        checks.Add(
            "latency", GuideTargets.Latency, state.LatencyMs,
            "The server is far away or busy: put it next to the shop; `tienda db top` shows what costs.");
        checks.Add(
            "primary", "Takes changes", state.IsStandBy ? Verdict.Fail : Verdict.Pass, state.IsStandBy ? "no, a stand-by" : "yes", "yes",
            "A shop on a stand-by sells nothing. Let POSTGRES_HOST be the primary, or promote this one.");
        var ahead = Math.Abs(state.AheadSeconds);
        if (!SettingsChecks.IsThisMachine(settings.Postgres!.Host))
        {
            checks.Add(
                "clock", "Its clock against this one", ahead < 1 ? Verdict.Pass : ahead < 30 ? Verdict.Warn : Verdict.Fail,
                Screen.Age(ahead), "< 1 s", "Rows carry the server's time, tokens this machine's: have a time service keep both right.");
        }
    }

    /// <returns>Whether the database has this program's tables.</returns>
    private static async Task<bool> AddMigrationsAsync(CheckList.Section checks, Settings settings, CancellationToken ct)
    {
        const string Advice = "Run `tienda migrate`. Until then the shop is not ready.";
        try
        {
            await using var database = Database.CreateInspector(settings);
            var pending = (await new Migrator(database, Migration.All).PendingAsync(ct)).Count;
            checks.Add(
                "migrations", "Migrations", pending == 0 ? Verdict.Pass : Verdict.Fail,
                pending == 0 ? $"all {Migration.All.Count} applied" : $"{pending} of {Migration.All.Count} pending", "all applied", Advice);
            return pending == 0;
        }
        catch (MigrationException other)
        {
            checks.Add("migrations", "Migrations", Verdict.Fail, "of another version", "all applied", other.Message);
            return false;
        }
    }

    private static void AddIndexes(CheckList.Section checks, ServerState state, IndexFindings findings)
    {
        var lacking = state.LackingIndexes;
        checks.Add(
            "guide_indexes", "Indexes of the guide", lacking.Count == 0 ? Verdict.Pass : Verdict.Fail,
            lacking.Count == 0 ? $"all {GuideIndexes.Length}" : $"without {string.Join(", ", lacking)}", $"all {GuideIndexes.Length}",
            "Somebody has dropped them. The migrations in src/Tienda/Data/Migrations have their statements.");
        Count("foreign_keys", "Foreign keys without index", findings.Missing, Verdict.Fail);
        Count("invalid_indexes", "Invalid indexes", findings.Invalid, Verdict.Warn);
        Count("bloated_indexes", "Bloated indexes (estimate)", findings.Bloated, Verdict.Warn);

        void Count(string id, string title, IReadOnlyList<IndexFinding> found, Verdict otherwise) => checks.Add(
            id, title, found.Count == 0 ? Verdict.Pass : otherwise,
            found.Count == 0 ? "none" : $"{found.Count}: {string.Join(", ", found.Take(3).Select(finding => finding.Name))}", "none",
            $"{(found.Count > 0 ? found[0].Remedy : "")}{(found.Count > 1 ? "; the others: `tienda db indexes`" : "")}");
    }

    private static void AddConnections(CheckList.Section checks, Settings settings, ServerState state)
    {
        var needed = settings.Workers * (settings.PoolSize + settings.PoolMaxOverflow + Database.ConnectionsBesideThePool);
        var most = state.Number("max_connections") - state.Number("superuser_reserved_connections");
        var possible = Math.Max(1, (most / settings.Workers) - Database.ConnectionsBesideThePool);
        checks.Add(
            "max_connections", "max_connections", needed > most ? Verdict.Fail : Verdict.Pass,
            $"{Screen.Whole(most)} for the shop and others",
            $"{Screen.Whole(needed)} with WORKERS={settings.Workers}",
            $"On the busiest day the server refuses. Set its max_connections to {needed + 10} or more, "
            + $"or let DB_POOL_SIZE + DB_MAX_OVERFLOW be {possible} or less.");
        checks.Add(
            "connections", GuideTargets.Pool with { Name = "Connections in use" }, 100.0 * state.Connections / most,
            "`tienda db connections` shows who has them.", $", {state.Connections} of {most}");
    }

    private static void AddUpkeep(CheckList.Section checks, ServerState state)
    {
        var age = state.OldestTransactionSeconds;
        checks.Add(
            "oldest_transaction", "Oldest transaction", age < 60 ? Verdict.Pass : age < 3600 ? Verdict.Warn : Verdict.Fail,
            Screen.Age(age), "< 1 min",
            "It keeps its locks, and autovacuum from taking old rows away: `tienda db connections` shows whose it is.");
        var vacuums = state.Setting("autovacuum") == "on" && state.Setting("track_counts") == "on";
        checks.Add(
            "autovacuum", "autovacuum", vacuums ? Verdict.Pass : Verdict.Fail, vacuums ? "on" : "off", "on",
            "Tables grow without end, and one day PostgreSQL stops. Set autovacuum and track_counts on.");
        checks.Add(
            "transaction_ids", "Age of transaction ids",
            state.OldestIdAge < OldIds ? Verdict.Pass : state.OldestIdAge < DangerousIds ? Verdict.Warn : Verdict.Fail,
            $"{Screen.Number(state.OldestIdAge / 1e6, 0)} million", "< 1,000 million",
            "At 2,000 million PostgreSQL takes no more changes. Something keeps autovacuum from its work: an old transaction, or a slot.");
    }

    private static async Task AddSlowStatementsAsync(CheckList.Section checks, Settings settings, CancellationToken ct)
    {
        await using var database = Database.CreateInspector(settings);
        var target = $"none above {GuideTargets.SlowStatementMs} ms";
        if (!await StatementStatistics.AreKeptAsync(database, ct))
        {
            checks.Add(
                "slow_statements", "Slow statements", Verdict.Warn, "not counted", target,
                "Switch pg_stat_statements on: `tienda db top` says how.");
            return;
        }

        var top = await StatementStatistics.ReadAsync(database, "mean", limit: 50, during: null, mayCreate: false, ct);
        // What ran once or twice was a migration or somebody's look.
        var slow = top.Statements.Where(cost => cost.MeanMs > GuideTargets.SlowStatementMs && cost.Calls >= EnoughCallsToJudge).ToList();
        checks.Add(
            "slow_statements", "Slow statements", slow.Count == 0 ? Verdict.Pass : Verdict.Warn,
            slow.Count == 0 ? "none" : $"{slow.Count}, up to {Screen.Age(slow[0].MeanMs / 1000)}: {Short(slow[0].Name ?? slow[0].Text)}",
            target,
            "`tienda db top --sort mean` shows them; EXPLAIN tells why, and most often an index is missing.");
    }

    private static string Short(string text) => text.Length > 40 ? text[..39] + "…" : text;
}
