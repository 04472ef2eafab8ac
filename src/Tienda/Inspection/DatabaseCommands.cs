using System.CommandLine;
using System.Globalization;
using Tienda.Data;
using Tienda.Data.Monitoring;
using Tienda.Hosting;

namespace Tienda.Inspection;

/// <summary>The commands <c>tienda db …</c>: PostgreSQL's own view of itself, for people and, with <c>--json</c>, for programs.</summary>
public static class DatabaseCommands
{
    private const string LockNotAvailable = "55P03";

    private static readonly Option<bool> Json = new("--json") { Description = "Print JSON instead of tables", Recursive = true };

    public static Command Create()
    {
        var command = new Command("db", "Look at PostgreSQL: what costs time, who is connected, what takes room, who waits") { Json };
        command.Subcommands.Add(Top());
        command.Subcommands.Add(Reporting(
            new Command("connections", "Who is connected, in what state and for how long, and the oldest transactions"),
            async (settings, _, ct) =>
            {
                await using var database = Database.CreateInspector(settings);
                return await ConnectionCensus.TakeAsync(database, ct);
            },
            DatabaseReports.WriteAsync));
        command.Subcommands.Add(Reporting(
            new Command("size", "What each table takes: rows, indexes, long values, and old versions that wait for autovacuum"),
            async (settings, _, ct) =>
            {
                await using var database = Database.CreateInspector(settings);
                return await TableSizes.ReadAsync(database, ct);
            },
            DatabaseReports.WriteAsync));
        command.Subcommands.Add(Reporting(
            new Command("indexes", "Indexes that nobody uses, that foreign keys lack, that are bloated or invalid, and what to do"),
            async (settings, _, ct) =>
            {
                await using var database = Database.CreateInspector(settings);
                return await IndexFindings.ReadAsync(database, ct);
            },
            DatabaseReports.WriteAsync));
        command.Subcommands.Add(Reporting(
            new Command("locks", "Who waits for whom, for how long, and with which statement"),
            async (settings, _, ct) =>
            {
                await using var database = Database.CreateInspector(settings);
                return await LockWaits.ReadAsync(database, ct);
            },
            DatabaseReports.WriteAsync));
        return command;
    }

    private static Command Top()
    {
        var order = new Option<string>("--sort")
        {
            Description = $"By what: {string.Join(", ", StatementStatistics.Orders.Keys)}",
            HelpName = "WORD",
            DefaultValueFactory = _ => "total",
        };
        order.AcceptOnlyFromAmong([.. StatementStatistics.Orders.Keys]);
        var limit = Number("--limit", "How many statements", 10, 1, 1000);
        var seconds = Number("--seconds", "Look for so long, instead of at everything since the figures were set back", null, 1, 3600);
        var command = new Command("top", "The statements that cost most, as pg_stat_statements counts them") { order, limit, seconds };
        return Reporting(
            command,
            async (settings, result, ct) =>
            {
                await using var database = Database.CreateInspector(settings);
                TimeSpan? during = result.GetValue(seconds) is > 0 and var time ? TimeSpan.FromSeconds(time) : null;
                return await StatementStatistics.ReadAsync(
                    database, result.GetValue(order)!, result.GetValue(limit), during, mayCreate: settings.EmbeddedPostgres, ct);
            },
            DatabaseReports.WriteAsync);
    }

    /// <summary>An option that takes a whole number.</summary>
    /// <param name="usual">Without it; null for none, which is 0.</param>
    public static Option<int> Number(string name, string description, int? usual, int minimum, int maximum) => new(name)
    {
        Description = description,
        HelpName = "NUMBER",
        DefaultValueFactory = usual is { } number ? _ => number : null,
        CustomParser = result =>
        {
            var text = result.Tokens[0].Value;
            if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var given)
                || given < minimum || given > maximum)
            {
                result.AddError(
                    string.Create(CultureInfo.InvariantCulture, $"{name} takes a whole number from {minimum} to {maximum}, not '{text}'."));
            }

            return given;
        },
    };

    private static Command Reporting<T>(
        Command command, Func<Settings, ParseResult, CancellationToken, Task<T>> read, Func<T, Task> write)
    {
        return CommandLine.Answers(command, async (result, ct) =>
        {
            await WithDatabaseAsync(
                CommandLine.Load(result),
                async reachable =>
                {
                    var report = await read(reachable, result, ct);
                    await (result.GetValue(Json) ? InspectionJson.PrintAsync(report) : write(report));
                },
                ct);
            return 0;
        });
    }

    private static async Task WithDatabaseAsync(Settings settings, Func<Settings, Task> look, CancellationToken ct)
    {
        // To look must not make anything.
        if (settings.EmbeddedPostgres && !LocalPostgres.Exists(settings))
        {
            throw new CommandException(
                $"There is no database in {settings.DataFolder} yet. Start the shop here once, or set POSTGRES_HOST.");
        }

        try
        {
            await Hosting.Commands.WithDatabaseAsync(settings, look, ct);
        }
        catch (Exception locked) when (DatabaseFailure.Read(locked) is { State: LockNotAvailable })
        {
            throw new CommandException(
                "Somebody has locked a table as a whole, as a migration does for a moment, and its size cannot be read. "
                + "`tienda db locks` shows who waits for whom.");
        }
    }
}
