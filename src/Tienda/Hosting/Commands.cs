using Tienda.Data;

namespace Tienda.Hosting;

/// <summary>What the commands do.</summary>
public static class Commands
{
    public static async Task ServeAsync(Settings settings, CancellationToken ct)
    {
        await using var app = Program.Build(settings);
        await app.StartAsync(ct);
        Banner.Print(app, settings);
        await app.WaitForShutdownAsync(ct);
    }

    public static Task MigrateAsync(Settings settings, CancellationToken ct) => WithDatabaseAsync(
        settings,
        async reachable =>
        {
            var applied = await ApplyMigrationsAsync(reachable, ct);
            foreach (var migration in applied)
            {
                await Console.Out.WriteLineAsync($"applied {migration.Name}");
            }

            await Console.Out.WriteLineAsync(applied.Count == 0 ? "The database is up to date." : "The database is now up to date.");
        },
        ct);

    /// <summary>Runs a command on the database of the settings; a private one is started for it, or joined if the shop is open.</summary>
    private static async Task WithDatabaseAsync(Settings settings, Func<Settings, Task> run, CancellationToken ct)
    {
        if (!settings.EmbeddedPostgres)
        {
            await run(settings);
            return;
        }

        await using var local = await LocalPostgres.StartOrJoinAsync(settings.DataFolder, ct);
        await run(settings with { Postgres = local.Server });
    }

    private static async Task<IReadOnlyList<Migration>> ApplyMigrationsAsync(Settings settings, CancellationToken ct)
    {
        await using var database = Database.CreateUnhurried(settings);
        return await new Migrator(database, Migration.All).MigrateAsync(ct);
    }
}
