using System.CommandLine;
using Tienda.Data;
using Tienda.Hosting;
using Tienda.Inspection.Checks;

namespace Tienda.Inspection;

/// <summary><c>tienda check</c>: the guide's check list, gone through by a program: before production, and of a running shop.</summary>
public static class CheckCommand
{
    private static readonly Argument<string?> Url = new("url")
    {
        Description = "A running shop, at its own port, to be looked at too",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Option<string?> Proxy = new("--proxy")
    {
        Description = "The address that customers use, which nginx answers, to be looked at too",
        HelpName = "URL",
    };

    private static readonly Option<int> Seconds = DatabaseCommands.Number(
        "--seconds", "Judge the shop by so long from now, instead of by everything since its workers started", null, 1, 3600);

    private static readonly Option<string?> KeyFile = new("--key-file")
    {
        Description = "File with the administrator's key [default: ADMIN_API_KEY of the settings]",
        HelpName = "FILE",
    };

    private static readonly Option<bool> Strict = new("--strict") { Description = "Exit code 1 also for warnings" };
    private static readonly Option<bool> Json = new("--json") { Description = "Print JSON instead of a table" };

    public static Command Create()
    {
        var command = new Command("check", "Go through the guide's check list; exit code 1 if something fails")
        {
            Url, Proxy, Seconds, KeyFile, Strict, Json,
        };
        return CommandLine.Answers(command, async (result, ct) =>
        {
            var report = await RunAsync(result, ct);
            await (result.GetValue(Json) ? InspectionJson.PrintAsync(report) : PrintAsync(report));
            return report.Failed > 0 || (result.GetValue(Strict) && report.Warnings > 0) ? 1 : 0;
        });
    }

    private static async Task<CheckReport> RunAsync(ParseResult result, CancellationToken ct)
    {
        var list = new CheckList();
        Settings settings;
        try
        {
            settings = CommandLine.Load(result);
        }
        catch (SettingsException mistakes)
        {
            foreach (var mistake in mistakes.Message.Split('\n'))
            {
                list.Of("settings").Add("accepted", "Settings accepted", Verdict.Fail, "no", "yes", mistake);
            }

            return list.Report(["everything else: without its settings nothing can be found"]);
        }

        var cores = Environment.ProcessorCount;
        SettingsChecks.Add(list, settings, cores);
        SystemChecks.Add(list, settings, cores);
        await AddDatabaseAsync(list, settings, ct);
        if (settings.Redis is { } redis)
        {
            await RedisChecks.AddAsync(list, redis, ct);
        }

        return list.Report(await AddShopAsync(list, settings, result, ct));
    }

    private static async Task AddDatabaseAsync(CheckList list, Settings settings, CancellationToken ct)
    {
        if (settings.EmbeddedPostgres && !LocalPostgres.Exists(settings))
        {
            list.Of("postgresql").Add(
                "reachable", "PostgreSQL reachable", Verdict.Warn, "there is none yet", "yes",
                "The first start of the shop in this folder makes a private one; for customers set POSTGRES_HOST.");
            return;
        }

        try
        {
            await Hosting.Commands.WithDatabaseAsync(settings, reachable => PostgresChecks.AddAsync(list, reachable, ct), ct);
        }
        catch (LocalPostgresException broken)
        {
            list.Of("postgresql").Add("reachable", "PostgreSQL reachable", Verdict.Fail, "no", "yes", broken.Message);
        }
    }

    /// <returns>What was not looked at.</returns>
    private static async Task<IReadOnlyList<string>> AddShopAsync(
        CheckList list, Settings settings, ParseResult result, CancellationToken ct)
    {
        var left = new List<string>();
        if (result.GetValue(Url) is { } url)
        {
            using var shop = new ShopClient(ShopClient.Address(url, settings), ShopClient.Key(result.GetValue(KeyFile), settings));
            TimeSpan? during = result.GetValue(Seconds) is > 0 and var seconds ? TimeSpan.FromSeconds(seconds) : null;
            await ShopChecks.AddAsync(list, shop, during, ct);
        }
        else
        {
            left.Add("the running shop: tienda check http://127.0.0.1:8000");
        }

        if (result.GetValue(Proxy) is { } address)
        {
            using var proxy = new ShopClient(ShopClient.Address(address, settings), key: null);
            await ProxyChecks.AddAsync(list, proxy, ct);
        }
        else
        {
            left.Add("nginx before it: tienda check --proxy https://shop.example");
        }

        return left;
    }

    private static async Task PrintAsync(CheckReport report)
    {
        var table = new TextTable(new("status"), new("check"), new("target"), new("found"));
        foreach (var section in report.Checks.GroupBy(check => check.Section))
        {
            table.AddNote($"{section.Key}:");
            foreach (var check in section)
            {
                var (word, tone) = check.Status switch
                {
                    Verdict.Pass => ("pass", Tone.Good),
                    Verdict.Warn => ("warn", Tone.Doubtful),
                    _ => ("FAIL", Tone.Bad),
                };
                table.Add(new Cell($"  {word}", tone), check.Name, new Cell(check.Target, Tone.Faint), new Cell(check.Figure, tone));
                if (check.Advice is { } advice)
                {
                    table.AddNote($"        → {advice}", tone);
                }
            }
        }

        await Screen.WriteAsync(table);
        await Console.Out.WriteLineAsync($"\n{report.Passed} passed, {report.Warnings} warnings, {report.Failed} failed");
        foreach (var left in report.NotChecked)
        {
            await Console.Out.WriteLineAsync($"not looked at: {left}");
        }
    }
}
