using Tienda.Data.Monitoring;

namespace Tienda.Inspection;

/// <summary>The reports of <c>tienda db</c> as tables.</summary>
public static class DatabaseReports
{
    private const double OldTransactionSeconds = 60;
    private const double ManyDeadPercent = 20;
    private const long ManyDeadRows = 1000;

    public static async Task WriteAsync(TopStatements top)
    {
        var table = new TextTable(
            new("share %", true), new("total s", true), new("calls", true), new("mean ms", true), new("rows/call", true),
            new("hit %", true),
            new("statement"));
        foreach (var cost in top.Statements)
        {
            table.Add(
                Screen.Number(cost.SharePercent, 1),
                Screen.Number(cost.TotalMs / 1000, 2),
                Screen.Whole(cost.Calls),
                new Cell(Screen.Number(cost.MeanMs, 2), cost.MeanMs > GuideTargets.SlowStatementMs ? Tone.Doubtful : Tone.Plain),
                Screen.Number(cost.RowsPerCall, 1),
                cost.CacheHitPercent is { } hit ? Screen.Number(hit, 1) : "-",
                cost.Name is { } name ? $"{name}: {cost.Text}" : cost.Text);
        }

        await Screen.WriteAsync(table);
        await Console.Out.WriteLineAsync(
            $"\nAll statements of the database took {Screen.Number(top.TotalMs / 1000, 1)} s; counting began {Screen.Ago(top.Since)}. "
            + $"hit %: pages that were in PostgreSQL's own memory. Values are not shown.\n{Slow(top)}");
    }

    private static string Slow(TopStatements top)
    {
        var slow = top.Statements.Count(cost => cost.MeanMs > GuideTargets.SlowStatementMs);
        return slow == 0
            ? "None of these takes more than the guide's 100 ms on average."
            : $"Slower on average than the guide's 100 ms, and to be made faster: {slow} of these.";
    }

    public static async Task WriteAsync(ConnectionCensus census)
    {
        await Console.Out.WriteLineAsync(
            $"{census.Open} of {census.Maximum - census.Reserved} connections are open ({Screen.Percent(census.UsedPercent)}); "
            + $"max_connections is {census.Maximum}, of which {census.Reserved} are for superusers.\n");
        var table = new TextTable(
            new("database"), new("application"), new("worker", true), new("client"), new("count", true), new("longest", true),
            new("state"));
        foreach (var group in census.Groups)
        {
            table.Add(
                group.Database,
                group.Application.Length == 0 ? "-" : group.Application,
                Worker(group.Worker),
                group.Client ?? "socket",
                Screen.Whole(group.Count),
                Screen.Age(group.LongestSeconds),
                new Cell(State(group.State, group.WaitsFor), ToneOf(group.State, group.WaitsFor)));
        }

        await Screen.WriteAsync(table);
        if (census.Transactions.Count == 0)
        {
            await Console.Out.WriteLineAsync("\nNo transaction is older than a second.");
            return;
        }

        await Console.Out.WriteLineAsync(
            "\nTransactions older than a second. One that idles keeps its locks, and autovacuum from its work.\n");
        var open = new TextTable(
            new("pid", true), new("application"), new("worker", true), new("age", true), new("state"), new("so for", true),
            new("statement"));
        foreach (var transaction in census.Transactions)
        {
            open.Add(
                Plain(transaction.Pid),
                transaction.Application,
                Worker(transaction.Worker),
                new Cell(Screen.Age(transaction.Seconds), transaction.Seconds > OldTransactionSeconds ? Tone.Bad : Tone.Plain),
                new Cell(State(transaction.State, transaction.WaitsFor), ToneOf(transaction.State, transaction.WaitsFor)),
                Screen.Age(transaction.StateSeconds),
                transaction.Statement);
        }

        await Screen.WriteAsync(open);
    }

    public static async Task WriteAsync(TableSizes sizes)
    {
        await Console.Out.WriteLineAsync($"The database {sizes.Database} takes {Screen.Bytes(sizes.DatabaseBytes)}.\n");
        var table = new TextTable(
            new("table"), new("rows", true), new("total", true), new("table", true), new("indexes", true), new("toast", true),
            new("dead rows", true), new("dead", true), new("autovacuum"), new("analyzed"));
        foreach (var size in sizes.Tables)
        {
            var isNeglected = size is { DeadPercent: > ManyDeadPercent, DeadRows: > ManyDeadRows };
            table.Add(
                size.Table,
                Screen.Whole(size.Rows),
                Screen.Bytes(size.TotalBytes),
                Screen.Bytes(size.TableBytes),
                Screen.Bytes(size.IndexBytes),
                Screen.Bytes(size.ToastBytes),
                Screen.Whole(size.DeadRows),
                new Cell(Screen.Percent(size.DeadPercent), isNeglected ? Tone.Doubtful : Tone.Plain),
                Screen.Ago(size.LastAutovacuum),
                Screen.Ago(size.LastAnalyze));
        }

        await Screen.WriteAsync(table);
        await Console.Out.WriteLineAsync(
            "\nRows are PostgreSQL's estimate. toast: long values, kept beside the table. dead: old versions that autovacuum takes away.");
    }

    public static async Task WriteAsync(IndexFindings findings)
    {
        var since = findings.CountedSince is { } moment
            ? $"counted since {Screen.Ago(moment)}"
            : "counted since the server was made, or since its last crash";
        await WriteAsync(
            $"Used by no query, needed by no constraint or foreign key ({since}). Drop one only if it was counted for weeks: "
            + "a small table is read as a whole, and a stand-by counts for itself.",
            findings.Unused);
        await WriteAsync("Foreign keys without an index. Deleting what they refer to reads the whole table.", findings.Missing);
        await WriteAsync(
            $"Bloated, by an estimate: {Screen.Bytes(IndexFindings.WorthwhileBytes)} and 30 % or more of the index are empty.",
            findings.Bloated);
        await WriteAsync("Invalid: left by a CREATE INDEX CONCURRENTLY that failed.", findings.Invalid);
    }

    public static async Task WriteAsync(LockWaits locks)
    {
        if (locks.Waits.Count == 0)
        {
            await Console.Out.WriteLineAsync("Nobody waits for a lock.");
            return;
        }

        var table = new TextTable(new("waits", true), new("pid", true), new("application"), new("wants"), new("statement"));
        foreach (var wait in locks.Waits)
        {
            var holder = wait.Holder;
            table.Add(
                new Cell(Screen.Age(wait.WaitsSeconds), Tone.Bad),
                Plain(wait.Pid),
                Named(wait.Application, wait.Worker),
                wait.Wants,
                wait.Statement);
            table.AddNote(
                $"  because of pid {holder.Pid} ({Named(holder.Application, holder.Worker)}), {holder.State}"
                + (holder.TransactionSeconds is { } age ? $", transaction open for {Screen.Age(age)}" : "")
                + (holder.Waits ? ", which waits itself" : ""));
            table.AddNote($"    {holder.Statement}", Tone.Faint);
        }

        await Screen.WriteAsync(table);
        await Console.Out.WriteLineAsync(
            "\nThe statement of whoever is waited for is its last one, not always the one that took the lock."
            + "\nTo end a transaction that somebody has forgotten: SELECT pg_terminate_backend(PID)");
    }

    private static async Task WriteAsync(string title, IReadOnlyList<IndexFinding> findings)
    {
        await Console.Out.WriteLineAsync(title);
        if (findings.Count == 0)
        {
            await Console.Out.WriteLineAsync("  none\n");
            return;
        }

        var hasWaste = findings.Any(finding => finding.WastedBytes is not null);
        Column[] wasted = hasWaste ? [new("wasted", true)] : [];
        var table = new TextTable([new("size", true), .. wasted, new("table"), new("what to do")]);
        foreach (var finding in findings)
        {
            var remedy = finding.Remark is { } remark ? $"{finding.Remedy}   -- {remark}" : finding.Remedy;
            Cell[] waste = hasWaste ? [Screen.Bytes(finding.WastedBytes ?? 0)] : [];
            table.Add([Screen.Bytes(finding.Bytes), .. waste, finding.Table, remedy]);
        }

        await Screen.WriteAsync(table);
        await Console.Out.WriteLineAsync();
    }

    private static string State(string state, string? waitsFor) => waitsFor is null ? state : $"{state}, waits for {waitsFor}";

    private static Tone ToneOf(string state, string? waitsFor) =>
        state.StartsWith("idle in transaction", StringComparison.Ordinal) ? Tone.Doubtful
        : waitsFor?.StartsWith("Lock ", StringComparison.Ordinal) == true ? Tone.Bad
        : Tone.Plain;

    private static string Worker(int? worker) => worker is { } number ? Plain(number) : "-";

    private static string Named(string application, int? worker) => worker is { } number ? $"{application}/{number}" : application;

    private static string Plain(int number) => number.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
