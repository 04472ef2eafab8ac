using System.Globalization;
using System.Runtime.InteropServices;
using Tienda.Data;
using Tienda.Demo;
using Tienda.Hosting.Workers;
using Tienda.Security;
using Tienda.Telemetry;
using Tienda.Telemetry.Reports;

namespace Tienda.Hosting;

/// <summary>A command cannot do what it was asked to; the message says why.</summary>
public sealed class CommandException(string message) : Exception(message);

/// <summary>What the commands do.</summary>
public static class Commands
{
    // What a new private database begins with.
    private static readonly DemoSizes FirstSizes = new(Products: 100, Clients: 20, Orders: 40);

    public static async Task ServeAsync(Settings settings, CancellationToken ct)
    {
        if (settings.Place is { } place)
        {
            await using var worker = Program.Build(settings, place.Socket);
            await worker.StartAsync(ct);
            await worker.WaitForShutdownAsync(ct);
            return;
        }

        SafeStart.Check(settings);
        using var logs = LoggerFactory.Create(logging => logging.AddShopLog(settings));
        var warnings = new StartWarnings(settings, logs.CreateLogger<StartWarnings>());
        await using var local = settings.EmbeddedPostgres ? await LocalPostgres.StartAsync(settings, ct) : null;
        if (local is null)
        {
            await warnings.LookAtDatabaseAsync(ct);
        }
        else
        {
            settings = settings with { Postgres = local.Server };
            settings = settings.AuthEnabled ? SecretsFile.Complete(settings) : settings;
            await PrepareOwnDatabaseAsync(settings, ct);
        }

        warnings.LookAtSettings();
        using var socket = ListeningSocket.Open(settings);
        var banner = new Banner(settings, local, logs.CreateLogger<Banner>());
        if (settings is { Workers: 1, MaxRequests: null })
        {
            await ServeAloneAsync(settings, socket, banner, ct);
            return;
        }

        var environment = local is null ? new Dictionary<string, string>() : SettingsOf(settings);
        using var reports = new ReportArchive(logs.CreateLogger<ReportArchive>());
        using var supervisor = new Supervisor(settings, socket, environment, reports, logs.CreateLogger<Supervisor>());
        await supervisor.RunAsync(() => banner.Print(socket.Url), ct);
    }

    private static async Task ServeAloneAsync(Settings settings, ListeningSocket socket, Banner banner, CancellationToken ct)
    {
        int? opened = settings.HasSystemdSocket ? socket.Descriptor : null;
        var url = socket.Url;
        // The web server opens its own; this one has shown that it can, in clear words if it could not.
        socket.Dispose();
        await using var app = Program.Build(settings, opened);
        // A reload, or a terminal that was closed. There is nobody to go on meanwhile, so this is an orderly end, and whoever keeps the
        // shop running starts it again.
        using var hangup = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
        {
            signal.Cancel = true;
            app.Lifetime.StopApplication();
        });
        await app.StartAsync(ct);
        banner.Print(opened is null ? app.Urls.First() : url);
        await app.WaitForShutdownAsync(ct);
    }

    // The workers use the private PostgreSQL that this process has started, and the secrets that it has made.
    private static Dictionary<string, string> SettingsOf(Settings settings)
    {
        var server = settings.Postgres!;
        var values = new Dictionary<string, string?>
        {
            ["POSTGRES_HOST"] = server.Host,
            ["POSTGRES_PORT"] = server.Port.ToString(CultureInfo.InvariantCulture),
            ["POSTGRES_DB"] = server.Database,
            ["POSTGRES_USER"] = server.User,
            ["JWT_SECRET"] = settings.JwtSecret,
            ["ADMIN_API_KEY"] = settings.AdminApiKey,
        };
        return values.Where(setting => setting.Value is not null).ToDictionary(setting => setting.Key, setting => setting.Value!);
    }

    /// <summary>Makes what production needs and nobody has set: JWT_SECRET and ADMIN_API_KEY.</summary>
    /// <param name="keyFile">A file for the key alone, or null for none.</param>
    public static async Task MakeSecretsAsync(Settings settings, string? keyFile, CancellationToken ct)
    {
        var path = SecretsFile.PathIn(settings);
        await Console.Out.WriteLineAsync(SecretsFile.MakeIfMissing(path) ? $"made {path}" : $"{path} is there already");
        if (keyFile is not null)
        {
            SecretsFile.WriteKey(SecretsFile.Complete(settings).AdminApiKey!, keyFile);
            await Console.Out.WriteLineAsync($"{keyFile} has the administrator's key");
        }
    }

    /// <summary>Prints settings as a settings file would have them.</summary>
    public static async Task ExplainAsync(IReadOnlyList<EffectiveSetting> settings)
    {
        var widest = settings.Max(setting => setting.Name.Length + setting.Value.Length) + 1;
        foreach (var setting in settings)
        {
            await Console.Out.WriteLineAsync($"{$"{setting.Name}={setting.Value}".PadRight(widest)}  # {setting.Source}");
        }
    }

    /// <exception cref="CommandException">The shop does not answer, or says that it is not ready.</exception>
    public static async Task AskHealthAsync(Settings settings, CancellationToken ct)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(3) };
        var url = $"http://127.0.0.1:{settings.Port.ToString(CultureInfo.InvariantCulture)}/health/ready";
        try
        {
            using var answer = await http.GetAsync(new Uri(url), ct);
            var told = await answer.Content.ReadAsStringAsync(ct);
            if (!answer.IsSuccessStatusCode)
            {
                throw new CommandException($"{url} answers {(int)answer.StatusCode}: {told}");
            }

            await Console.Out.WriteLineAsync(told);
        }
        catch (Exception silent) when (silent is HttpRequestException or TaskCanceledException && !ct.IsCancellationRequested)
        {
            throw new CommandException($"{url} does not answer: {silent.Message}");
        }
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

    /// <summary>Adds demonstration data up to the given sizes.</summary>
    public static Task SeedAsync(Settings settings, DemoSizes sizes, CancellationToken ct) => WithDatabaseAsync(
        settings,
        async reachable =>
        {
            await ApplyMigrationsAsync(reachable, ct);
            await using var database = Database.CreateUnhurried(reachable);
            var complete = await DemoData.SeedAsync(
                database, sizes, step => Console.Out.WriteLine($"{step.What,-9}{step.Done,8} / {step.Total}"), ct);
            await Console.Out.WriteLineAsync(complete
                ? $"Every demonstration client has the password {DemoPeople.Password}; GET /clients lists their e-mails."
                : "Orders were left out: they need at least one demonstration product and client.");
        },
        ct);

    /// <summary>Gives a client the administrators' role, or takes it; the client is signed out and signs in again as the other.</summary>
    /// <exception cref="CommandException">There is no such client.</exception>
    public static Task SetAdministratorAsync(
        Settings settings, string email, bool isAdministrator, CancellationToken ct) => WithDatabaseAsync(
        settings,
        async reachable =>
        {
            await using var database = Database.CreateUnhurried(reachable);
            if (!await new AdministratorStore(database).SetAsync(email, isAdministrator, ct))
            {
                throw new CommandException($"There is no client with the e-mail {email}; POST /clients registers one.");
            }

            var role = isAdministrator ? "an administrator" : "an ordinary client";
            await Console.Out.WriteLineAsync($"{email} is {role} from the next sign-in.");
        },
        ct);

    /// <summary>Writes the database into a file.</summary>
    public static Task BackUpAsync(Settings settings, string file, CancellationToken ct) => WithDatabaseAsync(
        settings,
        async reachable =>
        {
            await new DatabaseDump(reachable).BackUpAsync(file, ct);
            await Console.Out.WriteLineAsync($"made {file}");
        },
        ct);

    /// <summary>Puts the database back as a file has it, and brings it to this program's version.</summary>
    public static Task RestoreAsync(Settings settings, string file, bool replace, CancellationToken ct) => WithDatabaseAsync(
        settings,
        async reachable =>
        {
            await new DatabaseDump(reachable).RestoreAsync(file, replace, ct);
            await ApplyMigrationsAsync(reachable, ct);
            await Console.Out.WriteLineAsync($"{reachable.Postgres} is as {file} has it");
        },
        ct);

    /// <summary>Runs a command on the database of the settings; a private one is started for it, or joined if the shop is open.</summary>
    public static async Task WithDatabaseAsync(Settings settings, Func<Settings, Task> run, CancellationToken ct)
    {
        if (!settings.EmbeddedPostgres)
        {
            await run(settings);
            return;
        }

        await using var local = await LocalPostgres.StartOrJoinAsync(settings, ct);
        await run(settings with { Postgres = local.Server });
    }

    /// <summary>Migrates the private database, and gives a new one something to look at.</summary>
    private static async Task PrepareOwnDatabaseAsync(Settings settings, CancellationToken ct)
    {
        var applied = await ApplyMigrationsAsync(settings, ct);
        if (applied.Count == Migration.All.Count)
        {
            await using var database = Database.CreateUnhurried(settings);
            await DemoData.SeedAsync(database, FirstSizes, null, ct);
        }
    }

    private static async Task<IReadOnlyList<Migration>> ApplyMigrationsAsync(Settings settings, CancellationToken ct)
    {
        await using var database = Database.CreateUnhurried(settings);
        return await new Migrator(database, Migration.All).MigrateAsync(ct);
    }
}
