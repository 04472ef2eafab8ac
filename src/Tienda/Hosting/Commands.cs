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

    public static async Task MigrateAsync(Settings settings, CancellationToken ct)
    {
        await using var database = Database.CreateUnhurried(settings);
        var applied = await new Migrator(database, Migration.All).MigrateAsync(ct);
        foreach (var migration in applied)
        {
            await Console.Out.WriteLineAsync($"applied {migration.Name}");
        }

        await Console.Out.WriteLineAsync(applied.Count == 0 ? "The database is up to date." : "The database is now up to date.");
    }
}
