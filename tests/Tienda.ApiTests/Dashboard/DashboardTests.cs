using System.Globalization;
using System.Text.RegularExpressions;
using PuppeteerSharp;
using Tienda.ApiTests.Hosting;
using Tienda.ApiTests.Telemetry;

namespace Tienda.ApiTests.Dashboard;

/// <summary>The dashboard in a real browser, by clicks and keys.</summary>
public sealed class DashboardTests(ShopApp shop, DashboardShop looked) : IClassFixture<DashboardShop>
{
    private static readonly ViewPortOptions Phone = new()
    {
        Width = 390,
        Height = 844,
        IsMobile = true,
        HasTouch = true,
        DeviceScaleFactor = 2,
    };

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private SupervisedShop Shop => looked.Shop;

    [Fact]
    public async Task Only_an_administrator_signs_in_and_a_reload_forgets_who_it_was()
    {
        var client = await new Given(Shop.Http).ClientAsync();
        await using var visit = await OpenAsync();

        await visit.SignInAsync(DashboardShop.Email, "not the password");
        await visit.SeesAsync("#refusal", "There is no client with this e-mail and password.");
        await visit.SignInAsync((string)client["email"]!, Given.Password);
        await visit.SeesAsync("#refusal", "This account is not an administrator");
        await visit.SignInAsync(DashboardShop.Email, DashboardShop.Password);
        await visit.SeesAsync("#targets", "Response time p95");
        Assert.Equal("", await visit.TextAsync("#sign-in"));

        await visit.Page.ReloadAsync();
        await visit.SeesAsync("#sign-in", "Sign in as an administrator");
        await visit.TryKeyAsync("a-key-that-somebody-has-guessed");
        await visit.SeesAsync("#refusal", "The shop does not know this key.");
        Assert.Equal("{}", await visit.Page.EvaluateExpressionAsync<string>("JSON.stringify({...localStorage, ...sessionStorage})"));
        Assert.Equal(["401 /auth/token", "403 /dashboard/metrics", "401 /dashboard/metrics"], visit.Refusals);
        Assert.Empty(visit.Complaints);
    }

    [Fact]
    public async Task Who_tries_too_many_passwords_is_told_when_to_try_again()
    {
        var email = Given.Email();
        for (var i = 0; i < 5; i++)
        {
            await Shop.Http.PostAsync("/auth/token", new { email, password = "wrong" }).ShouldBeAsync(401);
        }

        await using var visit = await OpenAsync();
        await visit.SignInAsync(email, "wrong");

        await visit.SeesAsync("#refusal", "Try again in ");
        Assert.Equal(["429 /auth/token"], visit.Refusals);
    }

    [Fact]
    public async Task What_it_shows_is_what_the_metrics_of_all_workers_say()
    {
        await using var visit = await OpenAsync();
        await visit.SignInAsync();
        await visit.Page.SelectAsync("#every", "2");
        await using var anyone = BusyConnections.Start(Shop.Url, "/categories?limit=3", 4);
        await Eventually.HoldsAsync(() => anyone.Answered >= 60);
        await anyone.StopAsync();
        await Shop.Http.GottenAsync("/categories/9223372036854775807").ShouldBeAsync(404);
        var product = await new Given(Shop.Http).ProductAsync();
        await new Given(Shop.Http).OrderAsync((product, 1)).ShouldBeAsync(201);

        await visit.SeesAsync("#routes", text => text.Contains("/orders", StringComparison.Ordinal), "/orders");
        var report = await Shop.ReportAsync();
        var buckets = report.Find("http_server_request_duration_seconds")!.Samples
            .Where(s => s.Key.Contains("_bucket{", StringComparison.Ordinal))
            .Where(s => s.Key.Contains("http_route=\"/categories\"", StringComparison.Ordinal))
            .Select(s => (Bound: Bound(s.Key), Count: (double)s.Value)).OrderBy(b => b.Bound).ToList();
        var list = await visit.RouteAsync("GET /categories");
        Assert.Equal((double)anyone.Answered, buckets[^1].Count);
        Assert.Equal((anyone.Answered.ToString(CultureInfo.InvariantCulture), "0", "0"), (list[1], list[5], list[6]));
        AssertNear(Quantile(0.5, buckets), list[3]);
        AssertNear(Quantile(0.95, buckets), list[4]);
        var absent = await visit.RouteAsync("GET /categories/{id_key}");
        Assert.Equal(("1", "1", "0"), (absent[1], absent[5], absent[6]));

        var state = await visit.TextAsync("#state");
        Assert.Contains($"of {DashboardShop.Workers * 150}", state, StringComparison.Ordinal);
        Assert.Matches(@"Workers\s+2\s+all of them report", state);
        await visit.SeesAsync("#state", text => Regex.IsMatch(text, @"PostgreSQL\s+up[\s\S]+Redis\s+up"), "both up");
        Assert.Matches(@"Error rate\s+0\.0 %", await visit.TextAsync("#targets"));
        Assert.Matches(@"[1-9]", (await visit.TextAsync("#target-rps .value"))[..3]);

        await visit.Page.ClickAsync("button[aria-label='Orders as a table']");
        Assert.Matches(@"(?m)^\d\d:\d\d:\d\d\s+0\.\d*[1-9]\d*\s", await visit.TextAsync(".figures-table:not([hidden])"));
        Assert.Equal(8, await visit.Page.EvaluateExpressionAsync<int>(
            """
            [...document.querySelectorAll('.plot:not([hidden]) canvas')]
                .filter(c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v)).length
            """));
        Assert.Empty(visit.Refusals);
        Assert.Empty(visit.Complaints);
    }

    [Fact]
    public async Task It_counts_as_Prometheus_does()
    {
        await using var visit = await OpenAsync();

        var told = await visit.Page.EvaluateFunctionAsync<string>(
            """
            async () => {
              const { digest, figures, parse, routes } = await import('/dashboard/figures.js');
              const series = (route, status, counts) => ['0.1', '0.2', '1.0', '+Inf'].map((le, i) =>
                `http_server_request_duration_seconds_bucket{http_request_method="GET",http_response_status_code="${status}",`
                + `http_route="${route}",le="${le}"} ${counts[i]}`);
              const text = (...lines) => [...lines.flat(), 'dotnet_process_cpu_time_seconds_total 1', '# EOF', ''].join('\n');
              const before = digest(parse(text(series('/a', 200, [5, 5, 5, 5]), series('/dashboard/metrics', 200, [1, 1, 1, 1]))), 100);
              const after = digest(parse(text(series('/a', 200, [15, 25, 25, 25]), series('/b\\"\\\\', 503, [0, 0, 0, 5]),
                series('/dashboard/metrics', 200, [9, 9, 9, 9]))), 110);
              const f = figures(after, before);
              const rows = routes(after, before).map(r => `${r.name} ${r.count} ${r.errors}`);
              return [f.rps, f.errorRate, f.p50, f.p95, f.hitRate, f.pool, ...rows].join('|');
            }
            """);

        // 25 requests in ten seconds: ten up to 0.1 s, ten up to 0.2 s, and five beyond 1 s that failed.
        Assert.Equal("""2.5|0.2|0.125|1|||GET /a 20 0|GET /b"\ 5 5""", told);
    }

    [Fact]
    public async Task It_is_readable_in_the_dark_in_the_light_on_a_phone_and_by_keys()
    {
        await using var busy = BusyConnections.Start(Shop.Url, "/products?limit=20", 2);
        var pictures = Directory.CreateDirectory(Repository.PathOf("artifacts/dashboard")).FullName;
        await using var visit = await DashboardVisit.OpenAsync(looked.Browser, Shop.Url, colours: "dark");
        await visit.Page.Keyboard.TypeAsync(DashboardShop.Email);
        await visit.Page.Keyboard.PressAsync("Tab");
        await visit.Page.Keyboard.TypeAsync(DashboardShop.Password);
        await visit.Page.Keyboard.PressAsync("Enter");
        await visit.SeesAsync("#routes", "/products");

        Assert.Equal("rgb(13, 16, 23)", await GroundAsync(visit));
        await visit.Page.ScreenshotAsync(Path.Combine(pictures, "dark.png"));
        await visit.Page.ClickAsync("label:has(input[value=light])");
        Assert.Equal("rgb(244, 245, 248)", await GroundAsync(visit));
        await visit.Page.ScreenshotAsync(Path.Combine(pictures, "light.png"));
        await visit.Page.ReloadAsync();
        Assert.Equal("rgb(244, 245, 248)", await GroundAsync(visit));

        await using var phone = await DashboardVisit.OpenAsync(looked.Browser, Shop.Url, Phone, "dark");
        Assert.Equal(390, await WidthAsync(phone));
        await phone.SignInAsync();
        await phone.SeesAsync("#routes", "/products");
        Assert.Equal(390, await WidthAsync(phone));
        await phone.Page.ScreenshotAsync(Path.Combine(pictures, "phone.png"), new ScreenshotOptions { FullPage = true });
        Assert.Empty(visit.Complaints.Concat(phone.Complaints));
    }

    [Fact]
    public async Task A_shop_that_stops_is_told_of_and_found_again_when_it_is_back()
    {
        await using var own = await OwnShop.OpenAsync(shop);
        var port = own.Http.BaseAddress!.Port;
        await using var visit = await DashboardVisit.OpenAsync(looked.Browser, own.Http.BaseAddress);
        await visit.SignInAsync();
        await visit.Page.SelectAsync("#every", "2");

        await own.App.StopAsync(Ct);
        await visit.SeesAsync("#trouble", "The shop cannot be reached. What you see is old. Next try in ");
        Assert.Equal("No connection", await visit.TextAsync("#verdict"));
        var (again, http) = await ShopApp.OpenShopAsync(own.Server, settings => settings with { Port = port });
        using (http)
        await using (again)
        {
            await visit.Page.ClickAsync("#retry");
            await visit.SeesAsync("#verdict", text => text is not ("" or "No connection"), "that all is well");
            Assert.Equal("", await visit.TextAsync("#trouble"));
            Assert.DoesNotContain("-", await visit.TextAsync("#target-rps .value"), StringComparison.Ordinal);
        }

        Assert.Empty(visit.Complaints);
    }

    private Task<DashboardVisit> OpenAsync() => DashboardVisit.OpenAsync(looked.Browser, Shop.Url);

    private static Task<string> GroundAsync(DashboardVisit visit) =>
        visit.Page.EvaluateExpressionAsync<string>("getComputedStyle(document.body).backgroundColor");

    private static Task<int> WidthAsync(DashboardVisit visit) =>
        visit.Page.EvaluateExpressionAsync<int>("document.documentElement.scrollWidth");

    private static double Bound(string sample) => sample.Split("le=\"")[1].Split('"')[0] is var bound && bound == "+Inf"
        ? double.PositiveInfinity
        : double.Parse(bound, CultureInfo.InvariantCulture);

    private static double Quantile(double q, List<(double Bound, double Count)> buckets)
    {
        var rank = q * buckets[^1].Count;
        var at = buckets.FindIndex(b => b.Count >= rank);
        var (low, below) = at == 0 ? (0, 0) : buckets[at - 1];
        return low + ((buckets[at].Bound - low) * (rank - below) / (buckets[at].Count - below));
    }

    // What is shown has three digits or so.
    private static void AssertNear(double seconds, string shown)
    {
        var unit = shown.EndsWith("ms", StringComparison.Ordinal) ? 1000 : 1;
        var value = double.Parse(shown.Split(' ')[0], CultureInfo.InvariantCulture) / unit;
        Assert.InRange(value, seconds - 0.00001 - (seconds * 0.01), seconds + 0.00001 + (seconds * 0.01));
    }
}
