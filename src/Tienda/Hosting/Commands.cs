using Tienda.Data;
using Tienda.Demo;

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

    public static async Task SeedAsync(Settings settings, DemoSizes sizes, CancellationToken ct)
    {
        await using var database = Database.CreateUnhurried(settings);
        await new Migrator(database, Migration.All).MigrateAsync(ct);
        var complete = await DemoData.SeedAsync(
            database, sizes, step => Console.Out.WriteLine($"{step.What,-9}{step.Done,8} / {step.Total}"), ct);
        await Console.Out.WriteLineAsync(complete
            ? $"Every demonstration client signs in with the password {DemoPeople.Password}; GET /clients lists their e-mails."
            : "Orders were left out: they need at least one demonstration product and client.");
    }
}
