using CsvHelper;
using Tienda.ApiTests.Data;
using Tienda.ApiTests.Hosting;
using Tienda.Demo;

namespace Tienda.ApiTests.LoadTest;

/// <summary>A shop of two workers with its rate limits on, and load_test.py as it is run against it.</summary>
public sealed class LoadedShop(ShopApp shop) : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private SupervisedShop _own = null!;

    public Uri Url => _own.Url;

    public HttpClient Http => _own.Http;

    public async ValueTask InitializeAsync()
    {
        _own = await SupervisedShop.OpenAsync(shop, workers: 2, new() { ["RATE_LIMIT_ENABLED"] = "true" });
        await DemoData.SeedAsync(_own.Database, new DemoSizes(Products: 30, Clients: 5, Orders: 9), null, CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        if (_own is not null)
        {
            await _own.DisposeAsync();
        }
    }

    /// <summary>Starts Locust with its page, and waits until that is there.</summary>
    /// <param name="page">Where it is to be.</param>
    /// <param name="arguments">Beside these.</param>
    public async Task<TiendaProgram> OpenPageAsync(HttpClient page, string arguments)
    {
        var address = page.BaseAddress!;
        var locust = TiendaProgram.StartCommand(
            _own.Folder.Path,
            [
                "locust", "-f", Repository.PathOf("load_test.py"), "--host", Url.GetLeftPart(UriPartial.Authority), "--accounts", "6",
                "--web-host", address.Host, "--web-port", $"{address.Port}", .. arguments.Split(' '),
            ]);
        await Eventually.HoldsAsync(
            async () =>
            {
                try
                {
                    return (await page.GottenAsync("/")).IsSuccessStatusCode;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            Patience);
        return locust;
    }

    /// <summary>Runs Locust in the shop's folder, where one run finds the buyers of another, until there is enough to see.</summary>
    /// <param name="url">Where the users go.</param>
    /// <param name="arguments">How many, and which.</param>
    /// <param name="requests">What has to be in the table, by type and name. Without any, Locust ends by itself.</param>
    public async Task<LoadTestRun> RunAsync(Uri url, string arguments, params string[] requests)
    {
        var results = Path.Combine(_own.Folder.Path, $"{Guid.NewGuid():N}");
        await using var locust = TiendaProgram.StartCommand(
            _own.Folder.Path,
            [
                "locust", "-f", Repository.PathOf("load_test.py"), "--headless", "--host", url.GetLeftPart(UriPartial.Authority),
                "--run-time", $"{Patience.TotalSeconds}s", "--accounts", "6", "--csv", results, "--html", $"{results}.html",
                .. arguments.Split(' '),
            ]);
        await Eventually.HoldsAsync(() => LoadTestRun.HasEnded(locust.Output) || LoadTestRun.Shows(locust.Output, requests), Patience);
        if (!LoadTestRun.HasEnded(locust.Output))
        {
            await locust.SignalAsync("INT");
        }

        var code = await locust.ExitCodeAsync();
        return new LoadTestRun(code, locust.Output, results);
    }
}

/// <summary>What a run of Locust has left.</summary>
/// <param name="Files">The beginning of the paths of its files.</param>
public sealed record LoadTestRun(int ExitCode, string Output, string Files)
{
    /// <summary>Whether requests stand in the table that Locust prints every two seconds; none are never enough.</summary>
    public static bool Shows(string output, string[] requests) => requests.Length > 0 && requests.All(
        request => request.Split(' ', 2) is [var type, var name] && output.Contains($"{type,-8} {name} ", StringComparison.Ordinal));

    public static bool HasEnded(string output) =>
        output.Contains("Shutting down", StringComparison.Ordinal) || output.Contains("cannot begin", StringComparison.Ordinal);

    /// <summary>The output, behind what it says went wrong.</summary>
    public string Message =>
        string.Join('\n', Output.Split('\n').Where(line => line.Contains("/ERROR/", StringComparison.Ordinal)).Append(Output));

    /// <summary>Requests and failures, by the names in Locust's table.</summary>
    public Dictionary<string, (int Requests, int Failures)> Table()
    {
        Assert.True(File.Exists($"{Files}_stats.csv"), Output);
        using var csv = CsvReader.FromFile($"{Files}_stats.csv");
        var table = new Dictionary<string, (int, int)>();
        while (csv.Read())
        {
            var name = $"{csv.GetString("Type")} {csv.GetString("Name")}";
            table[name] = (csv.Parse<int>("Request Count"), csv.Parse<int>("Failure Count"));
        }

        return table;
    }
}
