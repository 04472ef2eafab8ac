using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Npgsql;

namespace Tienda.Data;

/// <summary>The database cannot be brought to this program's version; the message says why and what to do.</summary>
public sealed class MigrationException(string message) : Exception(message);

/// <summary>One numbered SQL file of Data/Migrations, carried inside the program.</summary>
public sealed partial record Migration(int Version, string Name, string Sql)
{
    // The first line of a file that is not run in a transaction.
    private const string Singly = "-- migrate: one statement at a time\n";

    /// <summary>
    /// The statements of a file that builds or drops indexes while the shop goes on, which PostgreSQL does in no transaction; null if the
    /// file is run in one.
    /// </summary>
    public IReadOnlyList<string>? Statements { get; } = !Sql.StartsWith(Singly, StringComparison.Ordinal) ? null
        : Sql.Split(";\n", StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    /// <summary>The names of the tables, views and functions that the file makes.</summary>
    public IEnumerable<string> Creates => Made().Matches(Sql).Select(made => made.Groups[1].Value);

    /// <summary>Tells whether the file is still the one that was applied.</summary>
    public string Checksum { get; } = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Sql)));

    public static IReadOnlyList<Migration> All { get; } = [.. Load()];

    private static IEnumerable<Migration> Load()
    {
        var assembly = typeof(Migration).Assembly;
        var files = assembly.GetManifestResourceNames().Where(n => n.EndsWith(".sql", StringComparison.Ordinal));
        foreach (var file in files.Order(StringComparer.Ordinal))
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(file)!);
            var name = Path.GetFileNameWithoutExtension(file);
            yield return new Migration(int.Parse(name.Split('_')[0], CultureInfo.InvariantCulture), name, reader.ReadToEnd());
        }
    }

    [GeneratedRegex(@"^CREATE (?:OR REPLACE )?(?:UNLOGGED )?(?:TABLE|VIEW|FUNCTION) (\w+)", RegexOptions.Multiline)]
    private static partial Regex Made();
}

/// <summary>
/// Applies the numbered SQL files, each in a transaction of its own, or statement by statement if it says so. An advisory lock lets several
/// starting processes take turns.
/// </summary>
public sealed partial class Migrator(NpgsqlDataSource database, IReadOnlyList<Migration> migrations)
{
    // Any constant serves, as long as every version of the program uses the same.
    private const long LockKey = 0x7469656e6461;

    private const string LockPatience = "SET LOCAL lock_timeout = '3s'";
    private const int Attempts = 10;
    private const int PauseMs = 500;
    private const int TurnPauseMs = 50;

    /// <summary>Brings the database to this program's version and answers what was applied.</summary>
    /// <exception cref="MigrationException">The database is newer than the program, or an applied file was changed.</exception>
    public async Task<IReadOnlyList<Migration>> MigrateAsync(CancellationToken ct)
    {
        await using var connection = await database.BorrowAsync(ct);
        await TakeTurnAsync(connection, ct);
        try
        {
            await ExecuteAsync(
                connection,
                """
                CREATE TABLE IF NOT EXISTS schema_migrations (
                    version integer PRIMARY KEY,
                    name text NOT NULL,
                    checksum text NOT NULL,
                    applied_at timestamptz NOT NULL DEFAULT now())
                """,
                ct);
            var pending = await PendingAsync(connection, ct);
            // In a new database there is nobody to go on meanwhile.
            var isNew = pending.Count == migrations.Count;
            foreach (var migration in pending)
            {
                if (migration.Statements is { } statements && !isNew)
                {
                    await ApplySinglyAsync(connection, migration, statements, ct);
                }
                else
                {
                    await ApplyPatientlyAsync(connection, migration, ct);
                }
            }

            return pending;
        }
        finally
        {
            await ExecuteAsync(connection, $"SELECT pg_advisory_unlock({LockKey})", CancellationToken.None);
        }
    }

    /// <summary>What <see cref="MigrateAsync"/> would apply; changes nothing.</summary>
    /// <exception cref="MigrationException">The database is newer than the program, or an applied file was changed.</exception>
    public async Task<IReadOnlyList<Migration>> PendingAsync(CancellationToken ct)
    {
        await using var connection = await database.BorrowAsync(ct);
        await using var exists = connection.Statement("SELECT to_regclass('schema_migrations') IS NOT NULL");
        return await exists.ValueAsync<bool>(ct) ? await PendingAsync(connection, ct) : migrations;
    }

    private async Task<IReadOnlyList<Migration>> PendingAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        var applied = new Dictionary<int, (string Name, string Checksum)>();
        await using (var command = connection.Statement("SELECT version, name, checksum FROM schema_migrations"))
        await using (var reader = await command.ReadAsync(ct))
        {
            while (await reader.ReadAsync(ct))
            {
                applied.Add(reader.GetInt32(0), (reader.GetString(1), reader.GetString(2)));
            }
        }

        var newest = migrations.Count == 0 ? 0 : migrations[^1].Version;
        if (applied.Keys.DefaultIfEmpty().Max() is var version && version > newest)
        {
            throw new MigrationException(
                $"The database is at version {version}, this program knows versions up to {newest}: "
                + "start a newer program, or restore a backup.");
        }

        foreach (var migration in migrations)
        {
            if (applied.TryGetValue(migration.Version, out var old) && old.Checksum != migration.Checksum)
            {
                throw new MigrationException(
                    $"Migration {migration.Name} was changed after it had been applied to this database (as {old.Name}); "
                    + "add a new file instead.");
            }
        }

        return [.. migrations.Where(m => !applied.ContainsKey(m.Version))];
    }

    // Not by waiting for the lock: an index is built only when every statement that began before has ended, and that of the one who
    // waits would be among them.
    private static async Task TakeTurnAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        while (true)
        {
            await using (var attempt = connection.Statement($"SELECT pg_try_advisory_lock({LockKey})"))
            {
                if (await attempt.ValueAsync<bool>(ct))
                {
                    return;
                }
            }

            await Task.Delay(TimeSpan.FromMilliseconds(TurnPauseMs), ct);
        }
    }

    // Each statement can be repeated, so an interrupted file is begun again. What it then finds half built would count as there.
    private static async Task ApplySinglyAsync(
        NpgsqlConnection connection, Migration migration, IReadOnlyList<string> statements, CancellationToken ct)
    {
        foreach (var statement in statements)
        {
            if (IndexToBuild().Match(statement) is { Success: true, Groups: [_, var index] })
            {
                await using var isHalf = connection.Statement(
                    "SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass($1) AND NOT indisvalid)").With(index.Value);
                if (await isHalf.ValueAsync<bool>(ct))
                {
                    await ExecuteAsync(connection, $"DROP INDEX CONCURRENTLY {index.Value}", ct);
                }
            }

            await ExecuteAsync(connection, statement, ct);
        }

        await NoteAsync(connection, migration, ct);
    }

    // A change of a table waits for whoever uses it, and whoever comes then waits behind it. So it waits a moment only, and comes again.
    private static async Task ApplyPatientlyAsync(NpgsqlConnection connection, Migration migration, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await ApplyAsync(connection, migration, ct);
                return;
            }
            catch (PostgresException held)
                when (held.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected)
            {
                if (attempt == Attempts)
                {
                    throw new MigrationException(
                        $"Migration {migration.Name} was tried {Attempts} times, and each time somebody held a table that it changes. "
                        + "pg_stat_activity shows whose transaction is so old; end it and migrate again.");
                }

                await Task.Delay(TimeSpan.FromMilliseconds(PauseMs * attempt), ct);
            }
        }
    }

    private static async Task ApplyAsync(NpgsqlConnection connection, Migration migration, CancellationToken ct)
    {
        await using var transaction = await connection.BeginAsync(ct);
        await ExecuteAsync(connection, LockPatience, ct);
        var sql = migration.Statements is null ? migration.Sql : migration.Sql.Replace(" CONCURRENTLY", "", StringComparison.Ordinal);
        await ExecuteAsync(connection, sql, ct);
        await NoteAsync(connection, migration, ct);
        await transaction.CommitAsync(ct);
    }

    private static async Task NoteAsync(NpgsqlConnection connection, Migration migration, CancellationToken ct)
    {
        await using var note = connection.Statement("INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)");
        note.Parameters.Add(new NpgsqlParameter<int> { TypedValue = migration.Version });
        note.Parameters.Add(new NpgsqlParameter<string> { TypedValue = migration.Name });
        note.Parameters.Add(new NpgsqlParameter<string> { TypedValue = migration.Checksum });
        await note.ChangeAsync(ct);
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken ct)
    {
        await using var command = connection.Statement(sql);
        await command.ChangeAsync(ct);
    }

    [GeneratedRegex(@"CREATE INDEX CONCURRENTLY IF NOT EXISTS (\w+)")]
    private static partial Regex IndexToBuild();
}
