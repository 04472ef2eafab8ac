using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Tienda.ApiTests.Data;

namespace Tienda.ApiTests.Telemetry;

/// <summary>An alert that is pending or fires.</summary>
public sealed record ActiveAlert(string Name, string Severity, bool Fires, string Summary)
{
    public string Id => $"{Name} {Severity}";
}

/// <summary>
/// The real Prometheus with the files of deploy/prometheus, thirty times as fast, so that the expressions are those of the real rules: it
/// scrapes every two seconds, a minute that is looked back is two seconds, and what has to last (<c>for</c>) has to last one second.
/// How long it really has to is what deploy/prometheus/tests is about.
/// </summary>
public sealed partial class TestPrometheus : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly ShopFolder _folder;
    private readonly Process _process;
    private readonly HttpClient _http;

    private TestPrometheus(ShopFolder folder, Process process, HttpClient http) => (_folder, _process, _http) = (folder, process, http);

    /// <param name="shop">Whom it watches in the place of the containers.</param>
    public static async Task<TestPrometheus> StartAsync(Uri shop)
    {
        var folder = new ShopFolder();
        var files = Repository.PathOf("deploy/prometheus");
        Directory.CreateDirectory(Path.Combine(folder.Path, "rules"));
        foreach (var rules in Directory.GetFiles(Path.Combine(files, "rules")))
        {
            var text = await File.ReadAllTextAsync(rules);
            text = LookBack().Replace(text, minutes => $"[{2 * int.Parse(minutes.Groups[1].Value, CultureInfo.InvariantCulture)}s]");
            await File.WriteAllTextAsync(
                Path.Combine(folder.Path, "rules", Path.GetFileName(rules)), Lasting().Replace(text, "for: 1s"));
        }

        await File.WriteAllTextAsync(Path.Combine(folder.Path, "admin-api-key"), ShopApp.AdminApiKey);
        await File.WriteAllTextAsync(
            Path.Combine(folder.Path, "prometheus.yml"),
            Faster(await File.ReadAllTextAsync(Path.Combine(files, "prometheus.yml")), folder.Path, shop));
        var address = $"127.0.0.1:{TestRedis.FreePort().ToString(CultureInfo.InvariantCulture)}";
        string[] words =
        [
            "-c", "exec prometheus --config.file=prometheus.yml --storage.tsdb.path=data --web.listen-address=\"$0\" >log 2>&1", address,
        ];
        var process = Process.Start(new ProcessStartInfo("/bin/sh", words) { WorkingDirectory = folder.Path })!;
        var prometheus = new TestPrometheus(folder, process, new HttpClient { BaseAddress = new Uri($"http://{address}") });
        await prometheus.WaitAsync(prometheus.IsReadyAsync, () => File.ReadAllText(Path.Combine(folder.Path, "log")));
        return prometheus;
    }

    /// <summary>The samples of an instant query that are numbers.</summary>
    public async Task<List<double>> QueryAsync(string expression)
    {
        var data = await AskAsync($"query?query={Uri.EscapeDataString(expression)}");
        return [.. data["result"]!.AsArray()
            .Select(sample => double.Parse((string)sample!["value"]![1]!, CultureInfo.InvariantCulture))
            .Where(value => !double.IsNaN(value))];
    }

    public async Task<List<ActiveAlert>> AlertsAsync() => [.. (await AskAsync("alerts"))["alerts"]!.AsArray().Select(alert => new ActiveAlert(
        (string)alert!["labels"]!["alertname"]!,
        (string)alert["labels"]!["severity"]!,
        (string)alert["state"]! == "firing",
        (string)alert["annotations"]!["summary"]!))];

    /// <summary>The names of what the rules record.</summary>
    public async Task<List<string>> RecordsAsync() => [.. (await AskAsync("rules?type=record"))["groups"]!.AsArray()
        .SelectMany(group => group!["rules"]!.AsArray()).Select(rule => (string)rule!["name"]!)];

    /// <summary>Waits until each alert has fired, and answers them as they were then.</summary>
    /// <param name="alerts">Names and severities.</param>
    public async Task<List<ActiveAlert>> FireAsync(params string[] alerts)
    {
        var fired = new Dictionary<string, ActiveAlert>();
        List<ActiveAlert> active = [];
        var figures = "";
        await WaitAsync(
            async () =>
            {
                active = await AlertsAsync();
                figures = await ShowAsync("{__name__=~\"up|scrape_duration_seconds|tienda_workers.*\"}");
                foreach (var alert in active.Where(alert => alert.Fires && alerts.Contains(alert.Id)))
                {
                    fired.TryAdd(alert.Id, alert);
                }

                return fired.Count == alerts.Length;
            },
            () => $"These do not fire: {string.Join(", ", alerts.Except(fired.Keys))}\nactive: {string.Join(", ", active)}\n{figures}");
        return [.. fired.Values];
    }

    /// <summary>Waits until no alert fires or is about to.</summary>
    public async Task CalmDownAsync()
    {
        List<ActiveAlert> left = [];
        await WaitAsync(
            async () => (left = await AlertsAsync()).Count == 0,
            () => $"These do not end: {string.Join(", ", left.Select(alert => $"{alert.Id}: {alert.Summary}"))}");
    }

    /// <summary>Waits for what may take some scrapes.</summary>
    public async Task WaitAsync(Func<Task<bool>> condition, Func<string> complaint)
    {
        for (var waited = Stopwatch.StartNew(); !await condition(); await Task.Delay(100))
        {
            Assert.True(waited.Elapsed < Patience, $"{complaint()}\n{await File.ReadAllTextAsync(Path.Combine(_folder.Path, "log"))}");
            Assert.False(_process.HasExited, "Prometheus has ended.");
        }
    }

    /// <summary>The series of an instant query with their latest values, for a message.</summary>
    public async Task<string> ShowAsync(string expression) =>
        (await AskAsync($"query?query={Uri.EscapeDataString(expression)}"))["result"]!.ToJsonString();

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        await _folder.DisposeAsync();
    }

    private async Task<bool> IsReadyAsync()
    {
        try
        {
            using var answer = await _http.GetAsync("/-/ready");
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private async Task<JsonNode> AskAsync(string question)
    {
        using var answer = await _http.GetAsync($"/api/v1/{question}");
        var body = await answer.JsonAsync();
        Assert.True((string)body["status"]! == "success", $"{question}: {body}");
        return body["data"]!;
    }

    private static string Faster(string text, string folder, Uri shop)
    {
        text = Replaced(text, "scrape_interval: 15s", "scrape_interval: 2s\n  scrape_timeout: 2s");
        text = Replaced(text, "evaluation_interval: 15s", "evaluation_interval: 500ms");
        text = Replaced(text, "/run/tienda/admin-api-key", Path.Combine(folder, "admin-api-key"));
        // The last lines: containers are found by their name, which is known among them only.
        var found = text.IndexOf("    dns_sd_configs:", StringComparison.Ordinal);
        Assert.True(found > 0);
        return $"{text[..found]}    static_configs:\n      - targets: [\"{shop.Authority}\"]\n";
    }

    private static string Replaced(string text, string there, string here)
    {
        Assert.Contains(there, text, StringComparison.Ordinal);
        return text.Replace(there, here, StringComparison.Ordinal);
    }

    [GeneratedRegex(@"\[(\d+)m\]")]
    private static partial Regex LookBack();

    [GeneratedRegex(@"for: \d+m")]
    private static partial Regex Lasting();
}
