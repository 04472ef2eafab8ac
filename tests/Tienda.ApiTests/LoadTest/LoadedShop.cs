using CsvHelper;
using Tienda.ApiTests.Hosting;
using Tienda.Demo;

namespace Tienda.ApiTests.LoadTest;

/// <summary>A shop of two workers with its rate limits on, and load_test.py as it is run against it.</summary>
public sealed class LoadedShop(ShopApp shop) : IAsyncLifetime
{
    private SupervisedShop _own = null!;

    public Uri Url => _own.Url;

    public HttpClient Http => _own.Http;

    public async ValueTask InitializeAsync()
    {
        _own = await SupervisedShop.OpenAsync(shop, workers: 2, new() { ["RATE_LIMIT_ENABLED"] = "true" });
        await DemoData.SeedAsync(_own.Database, new DemoSizes(Products: 40, Clients: 5, Orders: 10), progress: null, CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        if (_own is not null)
        {
            await _own.DisposeAsync();
        }
    }

    /// <summary>Runs Locust in the shop's folder, where the buyers of one run are found by the next.</summary>
    /// <param name="url">Where the users go.</param>
    /// <param name="arguments">How many for how long, and which.</param>
    /// <param name="key">The administrator's.</param>
    public async Task<LoadTestRun> RunAsync(Uri url, string arguments, string key = ShopApp.AdminApiKey)
    {
        var results = Path.Combine(_own.Folder.Path, $"{Guid.NewGuid():N}");
        var (code, output, errors) = await Shell.TryAsync(
            _own.Folder.Path,
            $"ADMIN_API_KEY={key} locust -f {Repository.PathOf("load_test.py")} --headless --host {url.GetLeftPart(UriPartial.Authority)} "
            + $"--accounts 6 --only-summary --csv {results} --html {results}.html {arguments}");
        return new LoadTestRun(code, errors + output, results);
    }
}

/// <summary>What a run of Locust has left.</summary>
/// <param name="Files">The beginning of the paths of its files.</param>
public sealed record LoadTestRun(int ExitCode, string Output, string Files)
{
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
