using System.CommandLine;
using System.Globalization;
using Tienda.Data;
using Tienda.Demo;
using Tienda.Inspection;

namespace Tienda.Hosting;

/// <summary>The commands of <c>tienda</c>. Without one, it serves.</summary>
public static class CommandLine
{
    private static readonly Option<string?> Host = new("--host")
    {
        Description = "Address to listen on [default: 127.0.0.1]",
        HelpName = "ADDRESS",
    };

    private static readonly Option<string?> Port = new("--port") { Description = "Port to listen on [default: 8000]", HelpName = "NUMBER" };
    private static readonly Option<string?> Level = new("--log-level")
    {
        Description = "trace, debug, info, warning, error or critical [default: info]",
        HelpName = "LEVEL",
    };

    private static readonly Option<string?> Workers = new("--workers")
    {
        Description = "Processes that share the work; kill -HUP replaces them without losing a request [default: 1]",
        HelpName = "NUMBER",
    };

    private static readonly Option<string?> EnvFile = new("--env-file")
    {
        Description = "File of NAME=value settings [default: .env.production or .env in this folder]",
        HelpName = "FILE",
        Recursive = true,
    };

    // What shells expect of a program that Ctrl+C ended before its work was done.
    private const int Interrupted = 130;

    private static readonly DemoSizes UsualSizes = new(Products: 1000, Clients: 200, Orders: 500);
    private static readonly Option<int> Products = Count("--products", UsualSizes.Products, DemoSizes.MaximumRecords);
    private static readonly Option<int> Clients = Count("--clients", UsualSizes.Clients, DemoSizes.MaximumRecords);
    private static readonly Option<int> Orders = Count("--orders", UsualSizes.Orders, DemoSizes.MaximumOrders);

    public static Task<int> RunAsync(string[] args)
    {
        var root = new RootCommand("Tienda, a self-hosted shop back end. Without a command it serves the API.") { EnvFile };
        root.Subcommands.Add(Serving(new Command("serve", "Serve the API (the default)")));
        root.Subcommands.Add(Runs(new Command("migrate", "Bring the database to this program's version"), Commands.MigrateAsync));
        root.Subcommands.Add(Seeding(new Command("seed", "Add demonstration data up to the given sizes; what is there stays")));
        root.Subcommands.Add(Administering());
        root.Subcommands.Add(MakingSecrets(new Command("secrets", "Make the secrets that nobody has set, once, in data/secrets.env")));
        root.Subcommands.Add(BackingUp(new Command("backup", "Write the database into a file, while the shop goes on")));
        root.Subcommands.Add(Restoring(new Command("restore", "Put the database back as a file has it")));
        root.Subcommands.Add(FileCommands.CreateImport());
        root.Subcommands.Add(FileCommands.CreateExport());
        root.Subcommands.Add(Explaining(new Command("config", "Print every setting as it is now and where it comes from")));
        root.Subcommands.Add(Asking(new Command("health", "Ask this machine's shop whether it takes requests; exit code 0 if so")));
        root.Subcommands.Add(DatabaseCommands.Create());
        root.Subcommands.Add(CheckCommand.Create());
        root.Subcommands.Add(WatchCommand.Create());
        Serving(root);
        // Its default gives a command two seconds after Ctrl+C. Requests get SHUTDOWN_TIMEOUT to finish, and then PostgreSQL stops.
        return root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromHours(2) });
    }

    private static T Serving<T>(T command) where T : Command => Runs(WithServerOptions(command), Commands.ServeAsync);

    private static T WithServerOptions<T>(T command) where T : Command
    {
        command.Options.Add(Host);
        command.Options.Add(Port);
        command.Options.Add(Workers);
        command.Options.Add(Level);
        return command;
    }

    private static Command MakingSecrets(Command command)
    {
        var keyFile = new Option<string?>("--key-file")
        {
            Description = "File to write ADMIN_API_KEY into, alone, for Prometheus; its owner and group may read it",
            HelpName = "FILE",
        };
        command.Options.Add(keyFile);
        return Runs(command, (settings, result, ct) => Commands.MakeSecretsAsync(settings, result.GetValue(keyFile), ct));
    }

    private static Command BackingUp(Command command)
    {
        var file = new Argument<string>("file") { Description = "File to make; one that is there is not overwritten" };
        command.Arguments.Add(file);
        return Runs(command, (settings, result, ct) => Commands.BackUpAsync(settings, result.GetRequiredValue(file), ct));
    }

    private static Command Restoring(Command command)
    {
        var file = new Argument<string>("file") { Description = "File that backup has made" };
        var replace = new Option<bool>("--replace") { Description = "Even if there is a shop in the database, which is lost" };
        command.Arguments.Add(file);
        command.Options.Add(replace);
        return Runs(command, (settings, result, ct) =>
            Commands.RestoreAsync(settings, result.GetRequiredValue(file), result.GetValue(replace), ct));
    }

    private static Command Explaining(Command command) => Runs(
        WithServerOptions(command),
        (_, result, _) => Commands.ExplainAsync(Settings.Explain(Overrides(result), result.GetValue(EnvFile))));

    private static Command Asking(Command command)
    {
        command.Options.Add(Port);
        return Runs(command, Commands.AskHealthAsync);
    }

    private static Command Administering()
    {
        var email = new Argument<string>("email") { Description = "E-mail of a client" };
        var command = new Command("administrators", "Say which clients are administrators");
        foreach (var (name, description, isAdministrator) in new[]
        {
            ("add", "Make a client an administrator", true), ("remove", "Make an administrator an ordinary client again", false),
        })
        {
            var change = new Command(name, description) { email };
            command.Subcommands.Add(Runs(change, (settings, result, ct) =>
                Commands.SetAdministratorAsync(settings, result.GetRequiredValue(email), isAdministrator, ct)));
        }

        return command;
    }

    private static Command Seeding(Command command)
    {
        command.Options.Add(Products);
        command.Options.Add(Clients);
        command.Options.Add(Orders);
        return Runs(command, (settings, result, ct) => Commands.SeedAsync(settings, SizesOf(result), ct));
    }

    // Who asks for products wants no orders along with them.
    private static DemoSizes SizesOf(ParseResult result) =>
        new[] { Products, Clients, Orders }.All(size => result.GetResult(size) is null or { Implicit: true })
            ? UsualSizes
            : new DemoSizes(result.GetValue(Products), result.GetValue(Clients), result.GetValue(Orders));

    private static Option<int> Count(string name, int usual, int maximum) => new(name)
    {
        Description = string.Create(
            CultureInfo.InvariantCulture,
            $"How many demonstration ones there shall be, 0 to {maximum} [default: {usual}, or 0 beside another]"),
        HelpName = "NUMBER",
        CustomParser = result =>
        {
            var text = result.Tokens[0].Value;
            if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) || count > maximum)
            {
                result.AddError(
                    string.Create(CultureInfo.InvariantCulture, $"{name} takes a whole number from 0 to {maximum}, not '{text}'."));
            }

            return count;
        },
    };

    private static T Runs<T>(T command, Func<Settings, CancellationToken, Task> run) where T : Command =>
        Runs(command, (settings, _, ct) => run(settings, ct));

    private static T Runs<T>(T command, Func<Settings, ParseResult, CancellationToken, Task> run) where T : Command => Answers(
        command,
        async (result, ct) =>
        {
            await run(Load(result), result, ct);
            return 0;
        });

    /// <summary>The settings of a start, with what the command line says of them.</summary>
    /// <exception cref="SettingsException">A value is not accepted; all of them are named.</exception>
    public static Settings Load(ParseResult result) => Settings.Load(Overrides(result), result.GetValue(EnvFile));

    /// <summary>Runs, and turns what an operator can put right into one clear message and exit code 1.</summary>
    /// <param name="run">Answers the exit code.</param>
    public static T Answers<T>(T command, Func<ParseResult, CancellationToken, Task<int>> run) where T : Command
    {
        command.SetAction(async (result, ct) =>
        {
            try
            {
                return await run(result, ct);
            }
            catch (Exception mistake) when (
                mistake is SettingsException or CommandException or MigrationException or LocalPostgresException or ListeningException)
            {
                await Console.Error.WriteLineAsync(mistake.Message);
                return 1;
            }
            catch (Exception away) when (DatabaseFailure.Read(away) is { } failure)
            {
                await Console.Error.WriteLineAsync($"The database cannot be used: {failure.Message}");
                return 1;
            }
            catch (OperationCanceledException) when (ct.IsCancellationRequested)
            {
                return Interrupted;
            }
        });
        return command;
    }

    private static Dictionary<string, string> Overrides(ParseResult result)
    {
        var overrides = new Dictionary<string, string>();
        foreach (var (option, variable) in new[] { (Host, "HOST"), (Port, "PORT"), (Workers, "WORKERS"), (Level, "LOG_LEVEL") })
        {
            if (result.GetResult(option) is not null && result.GetValue(option) is { } value)
            {
                overrides[variable] = value;
            }
        }

        return overrides;
    }
}
