using System.Diagnostics;
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
        if (File.Exists(file))
        {
            throw new CommandException($"{file} is there already. Choose another name.");
        }

        // Under another name first: what has the name that was asked for is whole.
        var half = file + ".part";
        try
        {
            // It has everybody's addresses in it, so nobody else may read it.
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            }

            await new FileStream(half, options).DisposeAsync();

            // The log of changes is for caches of this moment only.
            await RunAsync("pg_dump", ["--format=custom", "--no-owner", "--no-privileges", "--no-unlogged-table-data", "--file", half], ct);
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
        if (!File.Exists(file))
        {
            throw new CommandException($"There is no file {file}.");
        }

        if (!replace && await HasShopAsync(ct))
        {
            throw new CommandException(
                $"There is a shop in {settings.Postgres}. With --replace it is lost and the one of the file takes its place.");
        }

        await RunAsync(
            "pg_restore",
            ["--clean", "--if-exists", "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error",
                "--dbname", settings.Postgres!.Database, file],
            ct);
    }

    private async Task<bool> HasShopAsync(CancellationToken ct)
    {
        await using var database = Database.CreateUnhurried(settings);
        await using var command = database.CreateCommand("SELECT to_regclass('public.products') IS NOT NULL");
        return (bool)(await command.ExecuteScalarAsync(ct))!;
    }

    private async Task RunAsync(string program, string[] arguments, CancellationToken ct)
    {
        var server = settings.Postgres!;
        var binaries = await PostgresBinaries.FindAsync(null, settings.SearchPath, ct);
        var start = new ProcessStartInfo(binaries[program], arguments) { RedirectStandardError = true };
        start.Environment["PGHOST"] = server.Host;
        start.Environment["PGPORT"] = server.Port.ToString(CultureInfo.InvariantCulture);
        start.Environment["PGDATABASE"] = server.Database;
        start.Environment["PGUSER"] = server.User;
        start.Environment["PGPASSWORD"] = server.Password ?? "";
        using var process = Process.Start(start)!;
        try
        {
            var said = await process.StandardError.ReadToEndAsync(ct);
            await process.WaitForExitAsync(ct);
            if (process.ExitCode != 0)
            {
                throw new CommandException($"{program} ended with exit code {process.ExitCode}:\n{said.Trim()}");
            }
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill();
            }
        }
    }
}
