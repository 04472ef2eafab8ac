using System.Net.Sockets;
using System.Text.Json.Nodes;
using Tienda.ApiTests.Data;
using Tienda.ApiTests.Hosting;

namespace Tienda.ApiTests.Telemetry;

/// <summary>
/// Everything that can go wrong does, once: a real Prometheus sees it with the real rules, its alerts fire, and end when it is over. And
/// whatever the dashboard asks is answered.
/// </summary>
[Long]
public sealed class AlertTests(WatchedShop watched) : IClassFixture<WatchedShop>
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private SupervisedShop Shop => watched.Shop;

    private TestPrometheus Prometheus => watched.Prometheus;

    [Fact]
    public async Task A_row_that_somebody_holds_fills_the_pool_and_the_dashboard_shows_it()
    {
        var ofTrouble = QuestionsOfTheDashboard().ToLookup(question => question.Contains("5..", StringComparison.Ordinal) || question.StartsWith("ALERTS", StringComparison.Ordinal));
        var given = new Given(Shop.Http);
        var (product, buyer) = (await given.ProductAsync(stock: 100_000), await given.ClientAsync());
        await using (watched.Customers())
        await using (Lanes.Start(Shop.Url, count: 1, BuyAsync, asAdministrator: true))
        {
            await Prometheus.CalmDownAsync();
            await new Questions(Prometheus, [.. await Prometheus.RecordsAsync(), .. ofTrouble[false]]).AreAnsweredAsync();
        }

        await using (await Shop.HoldAsync(product.Id()))
        await using (Lanes.Start(Shop.Url, count: 60, ChangeAsync, asAdministrator: true))
        {
            var fired = await Prometheus.FireAsync(
                "TiendaPoolFull warning", "TiendaPoolFull critical",
                "TiendaErrors warning", "TiendaErrors critical",
                "TiendaSlowP95 warning", "TiendaSlowP95 critical",
                "TiendaSlowP50 warning", "TiendaSlowP50 critical",
                "TiendaThroughputLow warning", "TiendaThroughputLow critical");
            await new Questions(Prometheus, ofTrouble[true]).AreAnsweredAsync();
            Assert.All(fired, alert => Assert.Matches(@"^\D*\d", alert.Summary));
            // It is full in the end; a figure from before may stand in the alert.
            Assert.Matches(@"^(100|[7-9]\d(\.\d+)?)% of the pool", fired.First(alert => alert.Name == "TiendaPoolFull").Summary);
        }

        await CalmsDownAsync();

        async Task BuyAsync(HttpClient http, int round)
        {
            await new Given(http).OrderForAsync(buyer.Id(), (product, 1)).ShouldBeAsync(201);
            await http.GottenAsync("/products/999999").ShouldBeAsync(404);
            await Task.Delay(50, Ct);
        }

        async Task ChangeAsync(HttpClient http, int round)
        {
            using var answer = await http.PatchAsync($"/products/{product.Id()}", new { stock = 1000 + round });
        }
    }

    [Fact]
    public async Task Customers_who_each_want_something_else_and_too_many_of_them()
    {
        await CalmsDownAsync();
        var guests = new List<TcpClient>();
        await using (Lanes.Start(Shop.Url, count: 4, async (http, round) =>
        {
            using var answer = await http.GottenAsync($"/products?limit=1&skip={round}");
            await Task.Delay(50, Ct);
        }))
        {
            while (guests.Count < 520)
            {
                guests.Add(new TcpClient());
                await guests[^1].ConnectAsync(Shop.Url.Host, Shop.Url.Port, Ct);
            }

            await Prometheus.FireAsync(
                "TiendaHitRateLow warning", "TiendaHitRateLow critical", "TiendaManyUsers warning", "TiendaManyUsers critical");
        }

        guests.ForEach(guest => guest.Dispose());
        await CalmsDownAsync();
    }

    [Fact]
    public async Task Redis_that_is_away_and_PostgreSQL_that_is_slow_and_then_silent()
    {
        await CalmsDownAsync();

        await watched.Redis.KillAsync();
        watched.Wire.Delay = TimeSpan.FromMilliseconds(700);
        await Prometheus.FireAsync("TiendaRedisDown warning", "TiendaDatabaseSlow warning", "TiendaDatabaseSlow critical");
        watched.Wire.Delay = TimeSpan.FromSeconds(5);
        await Prometheus.FireAsync("TiendaDatabaseDown critical");

        watched.Wire.Delay = TimeSpan.Zero;
        await watched.Redis.OpenAsync();
        await CalmsDownAsync();
    }

    [Fact]
    public async Task Workers_that_die_and_hang()
    {
        await CalmsDownAsync();

        var fires = Prometheus.FireAsync("TiendaWorkerDies critical");
        while (!fires.IsCompleted)
        {
            // More than once only if a busy machine takes longer to start them than is looked back.
            await DieAsync(2);
            await DieAsync(1);
            await Task.WhenAny(fires, Task.Delay(TimeSpan.FromSeconds(5), Ct));
        }

        await fires;
        var workers = Shop.Workers.Values.ToList();
        try
        {
            await TiendaProgram.SignalAsync("STOP", workers[0]);
            await Prometheus.FireAsync("TiendaWorkerSilent warning");
            await TiendaProgram.SignalAsync("STOP", workers[1]);
            await Prometheus.FireAsync("TiendaDown critical", "TiendaInstanceDown warning");
        }
        finally
        {
            await Task.WhenAll(workers.Select(worker => TiendaProgram.SignalAsync("CONT", worker)));
        }

        await CalmsDownAsync();
    }

    private async Task DieAsync(int count)
    {
        var killed = Shop.Workers.Values.Take(count).ToList();
        await Task.WhenAll(killed.Select(process => TiendaProgram.SignalAsync("KILL", process)));
        await Shop.ReplacedAsync(workers: 2, killed);
    }

    private async Task CalmsDownAsync()
    {
        await using var customers = watched.Customers();
        await Prometheus.CalmDownAsync();
    }

    // What Grafana puts in: at least four scrapes. Here longer, so that all that a test has done is still seen.
    private static IEnumerable<string> QuestionsOfTheDashboard()
    {
        var dashboard = JsonNode.Parse(File.ReadAllText(Repository.PathOf("deploy/grafana/dashboards/tienda.json")))!;
        return dashboard["panels"]!.AsArray().SelectMany(panel => panel!["targets"]?.AsArray() ?? [])
            .Concat(dashboard["annotations"]!["list"]!.AsArray())
            .Select(target => ((string)target!["expr"]!).Replace("$__rate_interval", "1m", StringComparison.Ordinal));
    }

    /// <summary>Questions to Prometheus, each of which has to be answered with data once.</summary>
    private sealed class Questions(TestPrometheus prometheus, IEnumerable<string> questions)
    {
        private readonly HashSet<string> _open = [.. questions];

        public Task AreAnsweredAsync()
        {
            Assert.NotEmpty(_open);
            return prometheus.WaitAsync(AskAsync, () => $"No data: {string.Join("\n", _open)}");
        }

        private async Task<bool> AskAsync()
        {
            foreach (var question in _open.ToList())
            {
                if ((await prometheus.QueryAsync(question)).Count > 0)
                {
                    _open.Remove(question);
                }
            }

            return _open.Count == 0;
        }
    }
}
