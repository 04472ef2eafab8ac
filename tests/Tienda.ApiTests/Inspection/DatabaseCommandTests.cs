using System.Text.Json.Nodes;
using Npgsql;
using Tienda.ApiTests.Data;

namespace Tienda.ApiTests.Inspection;

/// <summary><c>tienda db …</c> against states of a real server that were made for it.</summary>
public sealed class DatabaseCommandTests(OperatedDatabase operated) : IClassFixture<OperatedDatabase>
{
    private static readonly string[] Remediable = ["missing", "bloated", "invalid"];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Indexes_that_are_unused_missing_bloated_or_invalid_are_found_and_the_remedies_are_ones()
    {
        await operated.ExecuteAsync(
            "CREATE TABLE owners (id bigint PRIMARY KEY, tax_id bigint)",
            "CREATE TABLE things (id bigint PRIMARY KEY, owner_id bigint REFERENCES owners, name text, size bigint)",
            "INSERT INTO owners SELECT g, 1 FROM generate_series(1, 3) AS g",
            "INSERT INTO things SELECT g, 1 + g % 3, 'thing ' || g, g FROM generate_series(1, 120000) AS g",
            "CREATE INDEX things_name ON things (name)",
            "CREATE INDEX things_size ON things (size)",
            "DELETE FROM things WHERE id % 10 > 0",
            "VACUUM ANALYZE things");
        // One that is used, so that only the other one is not.
        await using (var connection = await operated.ConnectAsync("reader"))
        {
            await using var read = new NpgsqlCommand("SET enable_seqscan = off; SELECT count(*) FROM things WHERE size = 10", connection);
            await read.ExecuteScalarAsync(Ct);
        }

        var refused = await Assert.ThrowsAsync<PostgresException>(
            () => operated.ExecuteAsync("CREATE UNIQUE INDEX CONCURRENTLY owners_tax ON owners (tax_id)"));
        Assert.Equal(PostgresErrorCodes.UniqueViolation, refused.SqlState);

        await HoldsAsync("SELECT idx_scan > 0 FROM pg_stat_user_indexes WHERE indexrelname = 'things_size'");
        var found = await operated.ReportAsync("db", "indexes");
        Assert.DoesNotContain("things_size", Names(found, "unused"));
        Assert.Contains("things_name", Names(found, "unused"));
        Assert.DoesNotContain("things_pkey", Names(found, "unused"));
        Assert.DoesNotContain("idx_orders_address", Names(found, "unused"));
        Assert.Equal(["things_owner_id_fkey"], Names(found, "missing"));
        Assert.Equal(["owners_tax"], Names(found, "invalid"));
        Assert.Equal(["things_name", "things_pkey", "things_size"], Names(found, "bloated").Order());
        Assert.All(
            found["bloated"]!.AsArray(),
            index => Assert.InRange((double)index!["wasted_bytes"]! / (double)index["bytes"]!, 0.85, 0.95));
        var (_, text) = await operated.RunAsync("db", "indexes");
        Assert.Contains("CREATE INDEX CONCURRENTLY ON things (owner_id)   -- refers to owners", text, StringComparison.Ordinal);

        foreach (var kind in Remediable)
        {
            await operated.ExecuteAsync([.. found[kind]!.AsArray().Select(finding => (string)finding!["remedy"]!)]);
        }

        await operated.ExecuteAsync("DROP INDEX CONCURRENTLY things_name");
        var after = await operated.ReportAsync("db", "indexes");
        Assert.All(Remediable, kind => Assert.Empty(Names(after, kind)));
        Assert.DoesNotContain("things_name", Names(after, "unused"));
    }

    [Fact]
    public async Task Who_waits_for_whom_is_shown_by_name_and_without_values()
    {
        await operated.ExecuteAsync("CREATE TABLE shelves (id bigint PRIMARY KEY, note text)", "INSERT INTO shelves VALUES (4711, '')");
        Assert.Contains("Nobody waits for a lock.", (await operated.RunAsync("db", "locks")).Output, StringComparison.Ordinal);
        await using var holder = await operated.ConnectAsync("somebody");
        await using var forgotten = await holder.BeginTransactionAsync(Ct);
        await ExecuteAsync(holder, "UPDATE shelves SET note = 'ana@example.com' WHERE id = 4711");
        await using var first = await operated.ConnectAsync("tienda-orders/2");
        var taking = ExecuteAsync(first, "/* stock.take */ UPDATE shelves SET note = 'mine' WHERE id = 4711");
        await AwaitWaitingAsync(1);
        await using var second = await operated.ConnectAsync("tienda/1");
        var reading = ExecuteAsync(second, "/* stock.read */ SELECT FROM shelves WHERE id = 4711 FOR UPDATE");
        await AwaitWaitingAsync(2);

        var waits = (await operated.ReportAsync("db", "locks"))["waits"]!.AsArray();
        var (_, text) = await operated.RunAsync("db", "locks");
        await forgotten.CommitAsync(Ct);
        await Task.WhenAll(taking, reading);

        var oldest = waits[0]!;
        Assert.Equal(
            (first.ProcessID, "tienda-orders", 2, "stock.take"),
            ((int)oldest["pid"]!, (string)oldest["application"]!, (int)oldest["worker"]!, (string)oldest["statement"]!));
        Assert.Contains("on shelves", (string)oldest["wants"]!, StringComparison.Ordinal);
        var blamed = oldest["holder"]!;
        Assert.Equal(
            (holder.ProcessID, "somebody", "idle in transaction", "UPDATE shelves SET note = ? WHERE id = ?", false),
            ((int)blamed["pid"]!, (string)blamed["application"]!, (string)blamed["state"]!, (string)blamed["statement"]!,
                (bool)blamed["waits"]!));
        // The second one waits for the first one, which is not to blame.
        var behind = Assert.Single(
            waits, wait => ((int)wait!["pid"]!, (int)wait["holder"]!["pid"]!) == (second.ProcessID, first.ProcessID))!;
        Assert.True((bool)behind["holder"]!["waits"]!);
        Assert.Equal("stock.take", (string)behind["holder"]!["statement"]!);
        Assert.Matches($@"because of pid {holder.ProcessID} \(somebody\), idle in transaction, transaction open for \S+ m?s\r?\n +UPDATE shelves", text);
        Assert.DoesNotContain("ana@example.com", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connections_are_counted_by_program_worker_and_state_and_old_transactions_stand_out()
    {
        await using var idle = await operated.ConnectAsync("tienda/3");
        await using var forgetful = await operated.ConnectAsync("tienda-cache/3");
        await using var transaction = await forgetful.BeginTransactionAsync(Ct);
        await ExecuteAsync(forgetful, "/* cache.look */ SELECT 'ana@example.com'");

        await HoldsAsync(
            $"SELECT xact_start < clock_timestamp() - interval '1 second' FROM pg_stat_activity WHERE pid = {forgetful.ProcessID}");
        var census = await operated.ReportAsync("db", "connections");
        var open = Assert.Single(census["transactions"]!.AsArray(), one => (int)one!["pid"]! == forgetful.ProcessID);
        Assert.Equal(("tienda-cache", 3, "cache.look"), ((string)open!["application"]!, (int)open["worker"]!, (string)open["statement"]!));
        Assert.True((double)open["seconds"]! >= 1);
        var groups = census["groups"]!.AsArray().Where(group => (string)group!["database"]! == operated.Server.Database).ToList();
        Assert.Equal(1, Count("tienda", "idle"));
        Assert.Equal(1, Count("tienda-cache", "idle in transaction"));
        Assert.Equal((300, 3), ((int)census["maximum"]!, (int)census["reserved"]!));
        Assert.Equal((long)census["open"]!, census["groups"]!.AsArray().Sum(group => (long)group!["count"]!));
        var (_, text) = await operated.RunAsync("db", "connections");
        Assert.Matches(@"(?m)^\S+ +tienda-cache +3 +socket +1 +\S+ m?s +idle in transaction\r?$", text);
        Assert.Contains("of 297 connections are open", text, StringComparison.Ordinal);

        long Count(string application, string state) => (long)Assert.Single(
            groups,
            group => ((string)group!["application"]!, (int?)group["worker"], (string)group["state"]!) == (application, 3, state))!["count"]!;
    }

    [Fact]
    public async Task Sizes_add_up_and_old_versions_of_rows_are_counted()
    {
        await operated.ExecuteAsync(
            "CREATE TABLE letters (id bigint PRIMARY KEY, body text) WITH (autovacuum_enabled = false)",
            "ALTER TABLE letters ALTER body SET STORAGE EXTERNAL",
            "INSERT INTO letters SELECT g, repeat('x', 5000) FROM generate_series(1, 500) AS g",
            "DELETE FROM letters WHERE id > 100");
        await Eventually.HoldsAsync(async () =>
        {
            await operated.ExecuteAsync("ANALYZE letters");
            return await operated.Database.ValueAsync<bool>(
                "SELECT (n_live_tup, n_dead_tup) = (100, 400) FROM pg_stat_user_tables WHERE relname = 'letters'");
        });

        var sizes = await operated.ReportAsync("db", "size");
        Assert.True((long)sizes["database_bytes"]! > 5_000_000);
        var letters = Assert.Single(sizes["tables"]!.AsArray(), table => (string)table!["table"]! == "letters")!;
        Assert.Equal((100, 400, 80.0), ((long)letters["rows"]!, (long)letters["dead_rows"]!, (double)letters["dead_percent"]!));
        Assert.NotNull(letters["last_analyze"]);
        Assert.True((long)letters["toast_bytes"]! > 500 * 5000);
        Assert.Null(letters["last_autovacuum"]);
        Assert.Equal(
            (long)letters["total_bytes"]!,
            (long)letters["table_bytes"]! + (long)letters["index_bytes"]! + (long)letters["toast_bytes"]!);
    }

    [Fact]
    public async Task Without_its_extension_the_server_is_said_to_count_nothing_and_how_it_would()
    {
        var (code, output) = await operated.RunAsync("db", "top");

        Assert.Equal(1, code);
        Assert.Contains("shared_preload_libraries = 'pg_stat_statements'", output, StringComparison.Ordinal);
        Assert.Contains($"psql -d {operated.Server.Database} -c 'CREATE EXTENSION pg_stat_statements'", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_table_that_is_locked_as_a_whole_holds_nobody_up()
    {
        await operated.ExecuteAsync("CREATE TABLE locked (id bigint)");
        await using var migration = await operated.ConnectAsync("migration");
        await using var transaction = await migration.BeginTransactionAsync(Ct);
        await ExecuteAsync(migration, "LOCK TABLE locked IN ACCESS EXCLUSIVE MODE");

        var (code, output) = await operated.RunAsync("db", "size");

        Assert.Equal(1, code);
        Assert.Contains("`tienda db locks` shows who waits for whom", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_there_is_no_shop_looking_makes_none()
    {
        await using var folder = new ShopFolder();
        await using var program = TiendaProgram.Start(folder.Path, ["db", "size"]);

        Assert.Equal(1, await program.ExitCodeAsync());
        Assert.Contains("There is no database in", program.Output, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.Path));
    }

    private static IEnumerable<string> Names(JsonNode findings, string kind) =>
        findings[kind]!.AsArray().Select(finding => (string)finding!["name"]!);

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(Ct);
    }

    private Task HoldsAsync(string question) => Eventually.HoldsAsync(() => operated.Database.ValueAsync<bool>(question));

    private Task AwaitWaitingAsync(long sessions) => Eventually.HoldsAsync(async () => await operated.Database.ValueAsync<long>(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()") == sessions);
}
