using System.Diagnostics;
using Tienda.ApiTests.Data;
using Tienda.ApiTests.Hosting;
using Tienda.Telemetry.Reports;

namespace Tienda.ApiTests.Telemetry;

/// <summary>What Prometheus is told by a shop of several workers.</summary>
public sealed class MetricsTests(ShopApp shop, MeteredShop metered) : IClassFixture<MeteredShop>
{
    private const string OpenMetrics = "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private SupervisedShop Shop => metered.Shop;

    [Fact]
    public async Task One_scrape_is_the_sum_of_the_workers_whichever_answers()
    {
        var before = (await Shop.ReportAsync()).Requests("/categories");
        for (var i = 0; i < 30; i++)
        {
            using var http = new HttpClient { BaseAddress = Shop.Url };
            await http.GottenAsync("/categories?limit=1").ShouldBeAsync(200);
        }

        await Eventually.HoldsAsync(async () => (await Shop.ReportAsync()).Requests("/categories") == before + 30);
        for (var i = 0; i < 9; i++)
        {
            Assert.Equal(before + 30, (await Shop.ReportAsync()).Requests("/categories"));
        }

        var each = await Task.WhenAll(Shop.Workers.Keys.Select(worker => Shop.ReportAsync($"?worker={worker}")));
        Assert.Equal(before + 30, each.Sum(report => report.Requests("/categories")));
        var sum = await Shop.ReportAsync();
        Assert.Equal(MeteredShop.Workers, sum.Sum("tienda_workers"));
        Assert.Equal(MeteredShop.Workers * 150, sum.Sum("db_client_connection_max", "\"tienda\""));
        Assert.Equal(1, sum.Sum("tienda_build_info"));
    }

    [Fact]
    public async Task A_worker_that_does_not_exist_is_not_found_and_what_is_no_number_is_refused()
    {
        using var absent = await Shop.ScrapedAsync("?worker=4");
        using var wrong = await Shop.ScrapedAsync("?worker=first");

        Assert.Equal((404, "/errors/not-found"), ((int)absent.StatusCode, (string?)(await absent.JsonAsync())["type"]));
        Assert.Equal((400, "/errors/malformed-request"), ((int)wrong.StatusCode, (string?)(await wrong.JsonAsync())["type"]));
    }

    [Fact]
    public async Task Without_a_supervisor_there_is_one_worker()
    {
        await shop.Http.GottenAsync("/metrics?worker=2").ShouldBeAsync(404);
        var report = MetricText.Read(await shop.Http.GetStringAsync("/metrics", Ct));
        var own = MetricText.Read(await shop.Http.GetStringAsync("/metrics?worker=1", Ct));

        Assert.Equal((1, 0), (report.Sum("tienda_workers"), report.Sum("tienda_worker_restarts_total")));
        Assert.True(own.Sum("dotnet_process_cpu_time_seconds_total") > 0);
    }

    [Fact]
    public async Task A_worker_that_hangs_holds_nobody_up_and_its_last_report_counts()
    {
        var before = await Shop.ReportAsync();
        var (number, process) = Shop.Workers.First();
        await TiendaProgram.SignalAsync("STOP", process);
        try
        {
            var waited = Stopwatch.StartNew();
            var report = await Shop.ReportAsync();

            // A second for the worker, the rest for a busy machine.
            Assert.InRange(waited.Elapsed.TotalSeconds, 0, 8);
            Assert.Equal((MeteredShop.Workers, 1), (report.Sum("tienda_workers"), report.Sum("tienda_workers_silent")));
            AssertNothingIsLess(before, report);
            Assert.True((await Shop.ReportAsync($"?worker={number}")).Sum("dotnet_process_memory_working_set_bytes") > 0);
        }
        finally
        {
            await TiendaProgram.SignalAsync("CONT", process);
        }

        await Eventually.HoldsAsync(async () => (await Shop.ReportAsync()).Sum("tienda_workers_silent") == 0);
    }

    [Fact]
    public async Task Both_formats_are_Prometheus_own()
    {
        using var text = await Shop.ScrapedAsync();
        using var open = await Shop.ScrapedAsync(accept: OpenMetrics);
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", $"{text.Content.Headers.ContentType}");
        Assert.Equal("application/openmetrics-text; version=1.0.0; charset=utf-8", $"{open.Content.Headers.ContentType}");
        await using var folder = new ShopFolder();
        await File.WriteAllTextAsync(Path.Combine(folder.Path, "text"), await text.Content.ReadAsStringAsync(Ct), Ct);
        // What reads a file of OpenMetrics wants each sample's time as well.
        var lines = (await open.Content.ReadAsStringAsync(Ct)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        await File.WriteAllTextAsync(
            Path.Combine(folder.Path, "open"), string.Concat(lines.Select(line => line.StartsWith('#') ? $"{line}\n" : $"{line} 1000000\n")), Ct);

        var (_, _, objections) = await Shell.TryAsync(folder.Path, "promtool check metrics < text");
        var made = await Shell.RunAsync(folder.Path, "promtool tsdb create-blocks-from openmetrics open blocks");

        // OpenTelemetry calls some gauges so.
        Assert.DoesNotContain(
            objections.Split('\n', StringSplitOptions.RemoveEmptyEntries),
            line => !line.EndsWith("non-histogram and non-summary metrics should not have \"_count\" suffix", StringComparison.Ordinal));
        Assert.Equal(
            $"{lines.Count(line => !line.StartsWith('#'))}",
            made.Split('\n')[1].Split(' ', StringSplitOptions.RemoveEmptyEntries)[4]);
    }

    [Fact]
    public async Task Every_metric_of_a_shop_is_documented_and_the_other_way_round()
    {
        var given = new Given(Shop.Http);
        var product = await given.ProductAsync();
        await given.OrderAsync((product, 1)).ShouldBeAsync(201);
        using var anyone = new HttpClient { BaseAddress = Shop.Url };
        await anyone.GottenAsync($"/products/{product.Id()}").ShouldBeAsync(200);
        List<string> documented = [.. File.ReadLines(Repository.PathOf("docs/metrics.md"))
            .Select(line => line.Split('|', StringSplitOptions.TrimEntries))
            .Where(cells => cells is ["", ['`', ..], "counter" or "gauge" or "histogram", ..])
            .Select(cells => $"{cells[1].Trim('`')} {cells[2]}").Order(StringComparer.Ordinal)];

        // The health check is looked at every five seconds.
        MetricReport report = null!;
        await Eventually.HoldsAsync(async () => (report = await Shop.ReportAsync()).Sum("tienda_redis_up") == 1);

        Assert.Equal(
            documented, report.Families.Select(family => $"{family.Name} {family.Kind}".ToLowerInvariant()).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Redis_the_database_the_pool_and_rate_limits_are_told_of()
    {
        using var anyone = new HttpClient { BaseAddress = Shop.Url };
        var guess = new { email = Given.Email(), password = "wrong" };
        for (var i = 0; i < 6; i++)
        {
            await anyone.PostAsync("/auth/token", guess).ShouldBeAsync(i < 5 ? 401 : 429);
        }

        await anyone.GottenAsync("/products?limit=3").ShouldBeAsync(200);
        MetricReport report = null!;
        await Eventually.HoldsAsync(async () => (report = await Shop.ReportAsync()).Sum("tienda_redis_up") == 1);

        Assert.Equal(1, report.Sum("tienda_database_up"));
        Assert.InRange(report.Sum("tienda_database_latency_seconds"), 0.000001m, 2);
        Assert.InRange(report.Sum("tienda_redis_latency_seconds"), 0.000001m, 1);
        Assert.True(report.Sum("db_client_operation_duration_seconds", "_count{", "redis") > 0);
        Assert.True(report.Sum("db_client_operation_duration_seconds", "_count{", "db_query_summary=\"", "postgresql") > 0);
        Assert.Equal(0, report.Sum("db_client_connection_npgsql_timeouts_total"));
        // Each is counted for the account and for the address.
        Assert.Equal(1, report.Sum("tienda_rate_limit_requests_total", "wrong-passwords", "limited"));
        Assert.InRange(report.Sum("tienda_rate_limit_requests_total", "wrong-passwords", "allowed"), 10, 11);
    }

    [Long]
    [Fact]
    public async Task Replaced_killed_and_stopped_workers_leave_what_they_have_counted()
    {
        await using var own = await SupervisedShop.OpenAsync(shop, workers: 2);
        var folder = FolderOf(own.Program.Id);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(folder));
        await using var scraper = Scraper.Start(own);
        await using var busy = BusyConnections.Start(own.Url, "/products?limit=1", 8);
        await Eventually.HoldsAsync(() => busy.Answered > 200);

        await own.Program.SignalAsync("HUP");
        await own.SaysAsync("All workers have been replaced.");
        await busy.StopAsync();
        Assert.Empty(busy.Losses);
        await Eventually.HoldsAsync(async () => (await own.ReportAsync()).Requests("/products") == busy.Answered);

        var killed = own.Workers[1];
        await TiendaProgram.SignalAsync("KILL", killed);
        await own.ReplacedAsync(workers: 2, killed);
        await Eventually.HoldsAsync(async () => (await own.ReportAsync()).Sum("tienda_workers") == 2);

        var report = await own.ReportAsync();
        Assert.Equal(busy.Answered, report.Requests("/products"));
        Assert.Equal((1, 2), (report.Sum("tienda_worker_restarts_total", "died"), report.Sum("tienda_worker_restarts_total", "replaced")));
        Assert.Equal(2 + 2 + 2, Directory.GetFiles(folder).Count(file => !file.EndsWith(".next", StringComparison.Ordinal)));

        await scraper.StopAsync();
        Assert.True(scraper.Scrapes > 10);
        await own.Program.SignalAsync("TERM");
        Assert.Equal(0, await own.Program.ExitCodeAsync());
        Assert.False(Directory.Exists(folder));
    }

    /// <summary>Fails if a figure that only goes up has gone down, or away.</summary>
    internal static void AssertNothingIsLess(MetricReport before, MetricReport after)
    {
        foreach (var family in before.Families.Where(family => family.Kind != MetricKind.Gauge))
        {
            foreach (var (sample, value) in family.Samples)
            {
                var now = after.Find(family.Name)?.Samples.GetValueOrDefault(sample, -1) ?? -1;
                Assert.True(now >= value, $"{sample} was {value} and is {now}");
            }
        }
    }

    // The supervisor holds a file in it.
    private static string FolderOf(int supervisor) => Path.GetDirectoryName(Directory.GetFiles($"/proc/{supervisor}/fd")
        .Select(descriptor => File.ResolveLinkTarget(descriptor, returnFinalTarget: false)?.FullName ?? "")
        .Single(file => file.Contains("/tienda-workers-", StringComparison.Ordinal)))!;

    /// <summary>Scrapes one time after the other, and compares each with the one before.</summary>
    private sealed class Scraper : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private Task _scraping = Task.CompletedTask;

        public int Scrapes { get; private set; }

        public static Scraper Start(SupervisedShop shop)
        {
            var scraper = new Scraper();
            scraper._scraping = Task.Run(() => scraper.RunAsync(shop));
            return scraper;
        }

        public async Task StopAsync()
        {
            await _stop.CancelAsync();
            await _scraping;
        }

        public async ValueTask DisposeAsync()
        {
            await StopAsync();
            _stop.Dispose();
        }

        private async Task RunAsync(SupervisedShop shop)
        {
            var before = await shop.ReportAsync();
            while (!_stop.IsCancellationRequested)
            {
                try
                {
                    var after = await shop.ReportAsync();
                    AssertNothingIsLess(before, after);
                    (before, Scrapes) = (after, Scrapes + 1);
                }
                catch (HttpRequestException)
                {
                    // The worker that answered was the one that was killed.
                }

                await Task.Delay(20);
            }
        }
    }
}
