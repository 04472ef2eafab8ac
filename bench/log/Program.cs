// What the request log costs, and how many requests a second it takes, without a server around it. The lines go to standard output, the
// figures to standard error: log > FILE, or log | READER.

using System.Diagnostics;
using System.Globalization;
using Microsoft.AspNetCore.Http;
using Tienda.Hosting;
using Tienda.Telemetry;

const int Requests = 300_000;
const int Turns = 7;
var output = Console.OpenStandardOutput();
var requests = Enumerable.Range(0, 64).Select(_ => Request()).ToArray();

var costs = new Dictionary<string, List<double>> { ["no request log"] = [], ["text"] = [], ["json"] = [] };
for (var turn = -1; turn < Turns; turn++)
{
    foreach (var (form, nanoseconds) in costs)
    {
        using var lines = new LogLines(output, form == "json", isShared: false, TimeProvider.System);
        var log = Log(form, lines);
        var before = Cpu();
        for (var i = 0; i < Requests; i++)
        {
            await log.InvokeAsync(requests[i % requests.Length]);
        }

        lines.Dispose();
        // The first turn meets code that is not compiled yet.
        if (turn >= 0)
        {
            nanoseconds.Add((Cpu() - before).TotalNanoseconds / Requests);
        }
    }
}

Say($"| form | CPU of a request, ns | of the log, ns |");
Say($"| --- | --- | --- |");
var without = Median(costs["no request log"]);
foreach (var (form, nanoseconds) in costs)
{
    Say($"| {form} | {Median(nanoseconds):F0} ({nanoseconds.Min():F0}–{nanoseconds.Max():F0}) | {Median(nanoseconds) - without:F0} |");
}

Say($"");
Say($"| form | requests/s | dropped lines |");
Say($"| --- | --- | --- |");
foreach (var form in new[] { "text", "json" })
{
    foreach (var rate in new[] { 50_000, 100_000, 200_000, 400_000, 800_000 })
    {
        using var lines = new LogLines(output, form == "json", isShared: false, TimeProvider.System);
        var reached = await SendAsync(Log(form, lines), rate, TimeSpan.FromSeconds(3));
        Say($"| {form} | {reached:F0} of {rate} | {lines.Dropped} |");
    }
}

RequestLog Log(string form, LogLines lines) => new(
    _ => Task.CompletedTask,
    lines,
    new RequestFigures(),
    new Settings { AccessLog = form != "no request log", JsonLogs = form == "json" },
    TimeProvider.System);

// A portion every ten milliseconds, as requests come in.
async Task<double> SendAsync(RequestLog log, int rate, TimeSpan length)
{
    var (watch, sent) = (Stopwatch.StartNew(), 0L);
    while (watch.Elapsed < length)
    {
        for (var due = (long)(watch.Elapsed.TotalSeconds * rate); sent < due; sent++)
        {
            await log.InvokeAsync(requests[sent % requests.Length]);
        }

        await Task.Delay(10);
    }

    return sent / watch.Elapsed.TotalSeconds;
}

static DefaultHttpContext Request()
{
    var context = new DefaultHttpContext();
    context.Request.Method = "GET";
    context.Request.Path = "/products";
    context.Connection.RemoteIpAddress = System.Net.IPAddress.Loopback;
    return context;
}

static TimeSpan Cpu() => Environment.CpuUsage.TotalTime;

static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

static void Say(FormattableString line) => Console.Error.WriteLine(line.ToString(CultureInfo.InvariantCulture));
