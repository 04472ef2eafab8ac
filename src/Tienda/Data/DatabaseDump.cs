using System.Globalization;
using Tienda.Hosting;

namespace Tienda.Data;

/// <summary>Writes the shop's database into a file and reads it back, with PostgreSQL's own pg_dump and pg_restore.</summary>
public sealed class DatabaseDump(Settings settings)
{
    /// <summary>Writes everything as it is at one moment. The shop goes on meanwhile.</summary>
    /// <exception cref="CommandException">The file is there already, or pg_dump failed.</exception>
    public async Task BackUpAsync(string file, CancellationToken ct)
    {
        file = Path.GetFullPath(file);
        if (File.Exists(file))
        {
            throw new CommandException($"{file} is there already. Choose another name.");
        }

        // Under another name first: what has the name that was asked for is whole.
        var half = file + ".part";
        await MakeAsync(half);
        try
        {
            // The log of changes is for caches of this moment only. Of the extensions, what the shop does not need is its server's:
            // another one may not have it, or not let the shop's user make it. So is the schema that deploy/postgres/statements.sql makes:
            // as part of the file, the restore would drop it, and the server refuses that.
            await RunAsync(
                "pg_dump",
                ["--format=custom", "--no-owner", "--no-privileges", "--no-unlogged-table-data", "--extension=unaccent",
                    "--extension=pg_trgm", "--extension=fuzzystrmatch", "--exclude-schema=statements",
                    "--exclude-table=public.pg_stat_statements", "--file", half],
                ct);
            File.Move(half, file);
        }
        finally
        {
            File.Delete(half);
        }
    }

    /// <summary>Puts the database back as the file has it, all of it or nothing.</summary>
    /// <param name="replace">Whether what is there may be lost.</param>
    /// <exception cref="CommandException">There is a shop in the database, or the file cannot be read, or pg_restore failed.</exception>
    public async Task RestoreAsync(string file, bool replace, CancellationToken ct)
    {
        file = Path.GetFullPath(file);
        if (!File.Exists(file))
        {
            throw new CommandException($"There is no file {file}.");
        }

        if (!replace && await HasShopAsync(ct))
        {
            throw new CommandException(
                $"There is a shop in {settings.Postgres}. With --replace it is lost and the one of the file takes its place.");
        }

        // As SQL, so that the shop that is there goes in the same transaction: what a newer version has made, the file does not know.
        var (script, drops) = (file + ".sql", file + ".drop.sql");
        try
        {
            await MakeAsync(script);
            await MakeAsync(drops);
            await RunAsync("pg_restore", ["--clean", "--if-exists", "--no-owner", "--no-privileges", "--file", script, file], ct);
            await File.WriteAllTextAsync(drops, await DropsAsync(ct), ct);
            await RunAsync(
                "psql",
                ["--no-psqlrc", "--quiet", "--single-transaction", "--set", "ON_ERROR_STOP=1", "--dbname", settings.Postgres!.Database,
                    "--file", drops, "--file", script],
                ct);
        }
        finally
        {
            File.Delete(script);
            File.Delete(drops);
        }
    }

    // It has everybody's addresses in it.
    private static async Task MakeAsync(string file)
    {
        try
        {
            await PrivateFile.Create(file).DisposeAsync();
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw new CommandException($"{file} cannot be made: {refused.Message}");
        }
    }

    /// <summary>Takes away the tables, views and functions that a shop of any version has made, and nobody else's.</summary>
    private async Task<string> DropsAsync(CancellationToken ct)
    {
        await using var database = Database.CreateUnhurried(settings);
        await using var command = database.Statement(
            """
            SELECT format('DROP %s IF EXISTS %s CASCADE;', CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, c.oid::regclass)
            FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v') AND relname = ANY ($1)
            UNION ALL
            SELECT format('DROP FUNCTION IF EXISTS %s CASCADE;', p.oid::regprocedure)
            FROM pg_proc p WHERE pronamespace = 'public'::regnamespace AND proname = ANY ($1)
            """).With(Migration.All.SelectMany(m => m.Creates).Distinct().ToArray());
        await using var reader = await command.ReadAsync(ct);
        return string.Join('\n', await reader.ListAsync(row => row.GetString(0), ct));
    }

    private async Task<bool> HasShopAsync(CancellationToken ct)
    {
        await using var database = Database.CreateUnhurried(settings);
        await using var command = database.Statement("SELECT to_regclass('public.products') IS NOT NULL");
        return await command.ValueAsync<bool>(ct);
    }

    private async Task RunAsync(string program, string[] arguments, CancellationToken ct)
    {
        var server = settings.Postgres!;
        var binaries = await PostgresBinaries.FindAsync(null, settings.SearchPath, ct);
        // Not as arguments, which every user of the machine can see.
        var connection = new Dictionary<string, string?>
        {
            ["PGHOST"] = server.Host,
            ["PGPORT"] = server.Port.ToString(CultureInfo.InvariantCulture),
            ["PGDATABASE"] = server.Database,
            ["PGUSER"] = server.User,
            ["PGPASSWORD"] = server.Password,
        };
        if (await SystemAccount.Own.RunAsync(binaries[program], arguments, ct, connection) is (not 0 and var code, var said))
        {
            throw new CommandException($"{program} ended with exit code {code}:\n{said}");
        }
    }
}
