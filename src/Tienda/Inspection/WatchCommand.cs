using System.CommandLine;
using System.Globalization;
using Tienda.Hosting;

namespace Tienda.Inspection;

/// <summary><c>tienda watch</c>: the guide's figures of a running shop, as they are now, each beside its target.</summary>
public static class WatchCommand
{
    private static readonly Argument<string?> Url = new("url")
    {
        Description = "The shop itself, at its own port [default: the one that the settings open here]",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Option<int> Interval = DatabaseCommands.Number(
        "--interval", "Seconds between two looks", 2, 1, 3600);
    private static readonly Option<bool> Once = new("--once") { Description = "Look over one interval, print, and end" };
    private static readonly Option<string?> KeyFile = new("--key-file")
    {
        Description = "File with the administrator's key [default: ADMIN_API_KEY of the settings]",
        HelpName = "FILE",
    };

    public static Command Create()
    {
        var command = new Command("watch", "The guide's figures of a running shop, live, each beside its target")
        {
            Url, Interval, Once, KeyFile,
        };
        return CommandLine.Answers(command, async (result, ct) =>
        {
            var settings = CommandLine.Load(result);
            using var shop = new ShopClient(
                ShopClient.Address(result.GetValue(Url), settings), ShopClient.Key(result.GetValue(KeyFile), settings));
            var interval = TimeSpan.FromSeconds(result.GetValue(Interval));
            return result.GetValue(Once) ? await LookOnceAsync(shop, interval, ct) : await WatchAsync(shop, interval, ct);
        });
    }

    private static async Task<int> LookOnceAsync(ShopClient shop, TimeSpan interval, CancellationToken ct)
    {
        try
        {
            var before = await shop.ScrapeAsync(ct);
            await Task.Delay(interval, ct);
            await PrintAsync(shop, ShopFigures.Between(before, await shop.ScrapeAsync(ct)), null);
            return 0;
        }
        catch (ShopAwayException away)
        {
            throw new CommandException(away.Message);
        }
    }

    // Ctrl+C is how it is meant to end.
    private static async Task<int> WatchAsync(ShopClient shop, TimeSpan interval, CancellationToken ct)
    {
        var picture = Screen.IsTerminal ? new LivePicture() : null;
        Scrape? before = null;
        try
        {
            while (true)
            {
                try
                {
                    var now = await shop.ScrapeAsync(ct);
                    if (before is not null)
                    {
                        await PrintAsync(shop, ShopFigures.Between(before, now), picture);
                    }
                    else
                    {
                        await SayAsync($"{shop.Url} answers; the first figures come in {interval.TotalSeconds} s.", Tone.Faint, picture);
                    }

                    before = now;
                }
                catch (ShopAwayException away)
                {
                    before = null;
                    await SayAsync(away.Message, Tone.Bad, picture);
                }

                await Task.Delay(interval, ct);
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            return 0;
        }
    }

    private static Task PrintAsync(ShopClient shop, ShopFigures figures, LivePicture? picture)
    {
        if (!Screen.IsTerminal)
        {
            return Console.Out.WriteLineAsync($"{Now()} {Line(figures)}");
        }

        var lines = new List<string> { $"{shop.Url}  {Now()}{(picture is null ? "" : "  (Ctrl+C ends)")}", "" };
        lines.AddRange(Table(figures).Lines(Screen.Width, coloured: true));
        return picture is null ? Console.Out.WriteLineAsync(string.Join('\n', lines)) : picture.ShowAsync(lines);
    }

    private static Task SayAsync(string what, Tone tone, LivePicture? picture) => picture is null
        ? Console.Out.WriteLineAsync($"{Now()} {what}")
        : picture.ShowAsync([TextTable.Coloured(Cut($"{Now()} {what}"), tone, coloured: true)]);

    // A line that the terminal breaks would be two.
    private static string Cut(string line) => line.Length < Screen.Width ? line : line[..(Screen.Width - 1)];

    /// <summary>One line that is easily searched: name=value, percents and milliseconds as the names say.</summary>
    private static string Line(ShopFigures figures) => string.Join(' ',
    [
        Pair("rps", figures.RequestsPerSecond, 1),
        Pair("p50_ms", figures.MedianMs, 2),
        Pair("p95_ms", figures.P95Ms, 2),
        Pair("p99_ms", figures.P99Ms, 2),
        Pair("errors_percent", figures.ErrorPercent, 2),
        Pair("refused_percent", figures.RefusedPercent, 2),
        Pair("hit_rate_percent", figures.HitPercent, 1),
        Pair("pool_percent", figures.PoolPercent, 1),
        Pair("queue", figures.Queue, 0),
    ]);

    private static string Pair(string name, double? value, int decimals) =>
        $"{name}={value?.ToString("F" + decimals, CultureInfo.InvariantCulture) ?? "-"}";

    private static TextTable Table(ShopFigures figures)
    {
        var table = new TextTable(new("figure"), new("now", true), new("target", true), new("critical", true), new("state"));
        // What nobody asks for the shop does not have to bear.
        Add(table, GuideTargets.Requests, figures.RequestsPerSecond, " ", mayFallShort: true);
        Add(table, GuideTargets.Median, figures.MedianMs, " ms");
        Add(table, GuideTargets.P95, figures.P95Ms, " ms");
        table.Add("Response Time (p99)", Figure(figures.P99Ms, " ms"), "", "", "");
        Add(table, GuideTargets.Errors, figures.ErrorPercent, " %");
        table.Add("Refused (4xx)", Figure(figures.RefusedPercent, " %"), "", "", "");
        Add(table, GuideTargets.HitRate, figures.HitPercent, " %");
        Add(table, GuideTargets.Pool, figures.PoolPercent, " %");
        table.Add("Orders waiting", figures.Queue is { } queue ? Screen.Number(queue, 0) : "-", "", "", "");
        return table;
    }

    private static void Add(TextTable table, GuideTarget target, double? figure, string unit, bool mayFallShort = false)
    {
        Verdict? verdict = figure is { } known ? target.Judge(known) : null;
        verdict = mayFallShort && verdict != Verdict.Pass ? null : verdict;
        var (state, tone) = verdict switch
        {
            Verdict.Pass => ("ok", Tone.Good),
            Verdict.Warn => ("beyond the target", Tone.Doubtful),
            Verdict.Fail => ("CRITICAL", Tone.Bad),
            _ => ("", Tone.Plain),
        };
        table.Add(target.Name, new Cell(Figure(figure, unit), tone), target.WantedText, target.CriticalText, new Cell(state, tone));
    }

    private static string Figure(double? value, string unit) => value is { } known ? (Screen.Number(known, 1) + unit).TrimEnd() : "-";

    private static string Now() => TimeProvider.System.GetUtcNow().ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>Lines of a terminal that are written over again and again; the last ones stay.</summary>
    private sealed class LivePicture
    {
        private int _height;

        public async Task ShowAsync(IReadOnlyList<string> lines)
        {
            // Up to where the last picture began, and away with all that is below.
            var start = _height == 0 ? "" : $"\e[{_height.ToString(CultureInfo.InvariantCulture)}F\e[J";
            _height = lines.Count;
            await Console.Out.WriteAsync(start + string.Join('\n', lines) + "\n");
        }
    }
}
