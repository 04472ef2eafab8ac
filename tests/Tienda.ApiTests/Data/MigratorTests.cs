using Npgsql;
using Tienda.Data;
using Tienda.Hosting;

namespace Tienda.ApiTests.Data;

public sealed class MigratorTests(ShopApp shop)
{
    private const string Index = "-- migrate: one statement at a time\nCREATE INDEX CONCURRENTLY IF NOT EXISTS idx_a ON a (b);\n";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Migrators_that_start_together_apply_each_file_once()
    {
        await using var database = await EmptyDatabaseAsync();

        var applied = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => new Migrator(database, Migration.All).MigrateAsync(Ct)));

        Assert.Equal(Migration.All.Count, applied.Sum(migrations => migrations.Count));
        Assert.Empty(await new Migrator(database, Migration.All).PendingAsync(Ct));
    }

    [Fact]
    public async Task An_empty_database_has_everything_pending_and_stays_empty()
    {
        await using var database = await EmptyDatabaseAsync();

        var pending = await new Migrator(database, Migration.All).PendingAsync(Ct);

        Assert.Equal(Migration.All.Count, pending.Count);
        await using var tables = database.CreateCommand("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'");
        Assert.Equal(0L, await tables.ExecuteScalarAsync(Ct));
    }

    [Fact]
    public async Task A_database_newer_than_the_program_is_refused()
    {
        await using var database = await EmptyDatabaseAsync();
        Migration[] newer = [Numbered(1, "CREATE TABLE a ()"), Numbered(2, "CREATE TABLE b ()")];
        await new Migrator(database, newer).MigrateAsync(Ct);

        var refused = await Assert.ThrowsAsync<MigrationException>(() => new Migrator(database, newer[..1]).MigrateAsync(Ct));

        Assert.Contains("version 2", refused.Message);
        await Assert.ThrowsAsync<MigrationException>(() => new Migrator(database, newer[..1]).PendingAsync(Ct));
    }

    [Fact]
    public async Task A_file_that_was_changed_after_it_was_applied_is_refused()
    {
        await using var database = await EmptyDatabaseAsync();
        await new Migrator(database, [Numbered(1, "CREATE TABLE a ()")]).MigrateAsync(Ct);

        var changed = new Migrator(database, [Numbered(1, "CREATE TABLE a (b int)")]);

        var refused = await Assert.ThrowsAsync<MigrationException>(() => changed.MigrateAsync(Ct));
        Assert.Contains("0001_test was changed", refused.Message);
    }

    [Fact]
    public async Task A_file_that_fails_leaves_nothing_behind_and_those_before_it_stay()
    {
        await using var database = await EmptyDatabaseAsync();
        Migration[] migrations = [Numbered(1, "CREATE TABLE a ()"), Numbered(2, "CREATE TABLE b (); SELECT 1 / 0")];

        await Assert.ThrowsAsync<PostgresException>(() => new Migrator(database, migrations).MigrateAsync(Ct));

        Assert.Equal([2], (await new Migrator(database, migrations).PendingAsync(Ct)).Select(migration => migration.Version));
        await using var table = database.CreateCommand("SELECT to_regclass('b') IS NULL");
        Assert.True(await table.ExecuteScalarAsync(Ct) is true);
    }

    [Fact]
    public async Task An_index_is_built_while_the_shop_goes_on()
    {
        await using var database = await EmptyDatabaseAsync();
        Migration[] migrations = [Numbered(1, "CREATE TABLE a (b int)"), Numbered(2, Index)];
        await new Migrator(database, migrations[..1]).MigrateAsync(Ct);
        await using var writer = await database.OpenConnectionAsync(Ct);
        await using var open = await writer.BeginTransactionAsync(Ct);
        await ChangeAsync(writer, "INSERT INTO a VALUES (1)");

        // Each of the others waits for its turn, and none of them for the one that waits for the writer.
        var migrating = Enumerable.Range(0, 4).Select(_ => new Migrator(database, migrations).MigrateAsync(Ct)).ToList();
        await Eventually.HoldsAsync(async () => await database.ValueAsync<bool>(
            "SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('idx_a') AND NOT indisvalid)"));
        await using (var another = await database.OpenConnectionAsync(Ct))
        {
            await ChangeAsync(another, "SET lock_timeout = '1s'; INSERT INTO a VALUES (2)");
        }

        await open.CommitAsync(Ct);

        Assert.Equal(1, (await Task.WhenAll(migrating)).Sum(applied => applied.Count));
        Assert.True(await database.ValueAsync<bool>("SELECT indisvalid FROM pg_index WHERE indexrelid = 'idx_a'::regclass"));
    }

    [Fact]
    public async Task An_index_that_was_left_half_built_is_built_anew()
    {
        await using var database = await EmptyDatabaseAsync();
        Migration[] migrations = [Numbered(1, "CREATE TABLE a (b int)"), Numbered(2, Index)];
        await new Migrator(database, migrations[..1]).MigrateAsync(Ct);
        await using (var connection = await database.OpenConnectionAsync(Ct))
        {
            await ChangeAsync(
                connection, "CREATE INDEX idx_a ON a (b); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_a'::regclass");
        }

        Assert.Single(await new Migrator(database, migrations).MigrateAsync(Ct));
        Assert.True(await database.ValueAsync<bool>("SELECT indisvalid FROM pg_index WHERE indexrelid = 'idx_a'::regclass"));
    }

    private static async Task ChangeAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(Ct);
    }

    private static Migration Numbered(int version, string sql) => new(version, $"{version:0000}_test", sql);

    private async Task<NpgsqlDataSource> EmptyDatabaseAsync() => Database.CreateUnhurried(
        new Settings { Postgres = await shop.Postgres.CreateDatabaseAsync($"migrator_{Guid.NewGuid():N}") });
}
