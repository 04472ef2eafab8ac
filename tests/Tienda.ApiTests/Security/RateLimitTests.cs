using System.Diagnostics;
using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Tienda.ApiTests.Data;
using Tienda.Hosting;

namespace Tienda.ApiTests.Security;

public sealed class RateLimitTests(ShopApp shop)
{
    private static readonly string[] Serve = ["--port", "0"];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_answer_tells_what_is_left_and_the_refusal_when_to_come_back()
    {
        await using var limited = await LimitedShop.OpenAsync(shop, calls: 3);

        var lefts = new List<string>();
        for (var i = 0; i < 3; i++)
        {
            using var passed = await limited.Stranger.GetAsync("/products?limit=1", Ct);
            Assert.Equal(200, (int)passed.StatusCode);
            Assert.Equal("\"default\";q=3;w=60", passed.Headers.GetValues("RateLimit-Policy").Single());
            Assert.Equal("3", passed.Headers.GetValues("X-RateLimit-Limit").Single());
            lefts.Add(passed.Headers.GetValues("X-RateLimit-Remaining").Single());
            Assert.Matches("^\"default\";r=[0-2];t=(60|5[0-9])$", passed.Headers.GetValues("RateLimit").Single());
        }

        using var refused = await limited.Stranger.GetAsync("/nothing/here", Ct);
        var problem = await refused.JsonAsync();

        Assert.Equal(["2", "1", "0"], lefts);
        Assert.Equal(429, (int)refused.StatusCode);
        Assert.Equal("/errors/too-many-requests", (string)problem["type"]!);
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 50, 60);
        Assert.Equal("0", refused.Headers.GetValues("X-RateLimit-Remaining").Single());
    }

    [Fact]
    public async Task An_answer_that_an_exception_has_cut_short_has_the_headers_of_every_answer()
    {
        await using var limited = await LimitedShop.OpenAsync(shop, calls: 30);
        using var half = new StringContent("{", System.Text.Encoding.UTF8, "application/json");

        using var refused = await limited.Stranger.PostAsync("/clients", half, Ct);

        Assert.Equal(400, (int)refused.StatusCode);
        Assert.Equal("2", refused.Headers.GetValues("X-RateLimit-Remaining").Single());
        Assert.Equal("nosniff", refused.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.Equal((string)(await refused.JsonAsync())["request_id"]!, refused.Headers.GetValues("X-Request-ID").Single());
    }

    [Fact]
    public async Task Health_metrics_and_administrators_are_exempt_but_wrong_keys_count_everywhere()
    {
        await using var limited = await LimitedShop.OpenAsync(shop, calls: 5);

        for (var i = 0; i < 20; i++)
        {
            await limited.Stranger.GetAsync("/health_check", Ct).ShouldBeAsync(200);
            await limited.Stranger.GetAsync("/health/live", Ct).ShouldBeAsync(200);
            await limited.Administrator.GetAsync("/orders?limit=1", Ct).ShouldBeAsync(200);
            Assert.Equal(200, (int)(await limited.Administrator.GetAsync("/metrics", Ct)).StatusCode);
        }

        limited.Stranger.DefaultRequestHeaders.Add("X-API-Key", "a guess");
        var guesses = new List<int>();
        for (var i = 0; i < 8; i++)
        {
            guesses.Add((int)(await limited.Stranger.GetAsync("/metrics", Ct)).StatusCode);
        }

        Assert.Equal([401, 401, 401, 401, 401, 429, 429, 429], guesses);
    }

    [Fact]
    public async Task A_client_who_is_signed_in_is_counted_by_account_and_not_by_address()
    {
        await using var limited = await LimitedShop.OpenAsync(shop, calls: 10);
        var (ana, eva) = (await shop.Given.ClientAsync(), await shop.Given.ClientAsync());
        using var anaAtHome = limited.WithToken(shop.AccessTokens.Issue(ana.Id(), false));
        using var anaOnHerPhone = limited.WithToken(shop.AccessTokens.Issue(ana.Id(), false));
        using var evaBesideHer = limited.WithToken(shop.AccessTokens.Issue(eva.Id(), false));
        for (var i = 0; i < 12; i++)
        {
            await limited.Stranger.GetAsync("/products?limit=1", Ct).ShouldBeAsync(i < 10 ? 200 : 429);
        }

        for (var i = 0; i < 5; i++)
        {
            await anaAtHome.GetAsync("/clients/me", Ct).ShouldBeAsync(200);
            await anaOnHerPhone.GetAsync("/clients/me", Ct).ShouldBeAsync(200);
        }

        await anaAtHome.GetAsync("/clients/me", Ct).ShouldBeAsync(429);
        await anaOnHerPhone.GetAsync("/clients/me", Ct).ShouldBeAsync(429);
        await evaBesideHer.GetAsync("/clients/me", Ct).ShouldBeAsync(200);
    }

    [Fact]
    public async Task Registering_signing_in_and_reviewing_have_limits_of_their_own()
    {
        await using var limited = await LimitedShop.OpenAsync(shop, calls: 20);
        var client = await shop.Given.ClientAsync();
        using var http = limited.WithToken(shop.AccessTokens.Issue(client.Id(), false));

        var registrations = new List<int>();
        for (var i = 0; i < 3; i++)
        {
            using var answer = await limited.Stranger.PostAsync(
                "/clients", new { name = "N", lastname = "L", email = Given.Email(), password = "long enough" });
            registrations.Add((int)answer.StatusCode);
            Assert.Contains("\"registration\";q=2;w=60", answer.Headers.GetValues("RateLimit-Policy").Single(), StringComparison.Ordinal);
        }

        var reviews = new List<int>();
        for (var i = 0; i < 3; i++)
        {
            var product = await shop.Given.ProductAsync();
            reviews.Add((int)(await http.PostAsync("/reviews", new { product_id = product.Id(), rating = 5 })).StatusCode);
        }

        var signIns = new List<int>();
        for (var i = 0; i < 5; i++)
        {
            signIns.Add((int)(await limited.Stranger.PostAsync(
                "/auth/token", new { email = (string)client["email"]!, password = Given.Password })).StatusCode);
        }

        Assert.Equal([201, 201, 429], registrations);
        Assert.Equal([201, 201, 429], reviews);
        Assert.Equal([200, 200, 200, 200, 429], signIns);
    }

    [Fact]
    public async Task Forged_addresses_get_no_second_bucket()
    {
        await using var limited = await LimitedShop.OpenAsync(shop, calls: 3, door: new FrontDoor { TrustedProxies = [] });
        var answers = new List<int>();
        foreach (var (header, value) in new[]
        {
            ("X-Forwarded-For", "203.0.113.1"), ("X-Real-IP", "203.0.113.2"), ("Forwarded", "for=203.0.113.3"),
            ("X-Forwarded-For", "203.0.113.4, 127.0.0.1"), ("X-Forwarded-For", "::1"), ("True-Client-IP", "203.0.113.5"), ("X-Client-IP", "a"),
        })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/");
            request.Headers.TryAddWithoutValidation(header, value);
            using var response = await limited.Stranger.SendAsync(request, Ct);
            answers.Add((int)response.StatusCode);
        }

        Assert.Equal([200, 200, 200, 429, 429, 429, 429], answers);
    }

    [Fact]
    public async Task A_refused_request_asks_the_database_nothing()
    {
        await using var wire = new PostgresWire(shop.Postgres.Server("shop").Host);
        await using var limited = await LimitedShop.OpenAsync(shop, calls: 2, shop.Postgres.Server("shop") with { Host = wire.Host });
        for (var i = 0; i < 2; i++)
        {
            await limited.Stranger.GetAsync("/products?limit=1", Ct).ShouldBeAsync(200);
        }

        wire.TakeRoundTrips();
        for (var i = 0; i < 50; i++)
        {
            await limited.Stranger.GetAsync("/products?limit=1", Ct).ShouldBeAsync(429);
        }

        Assert.Equal(0, wire.TakeRoundTrips());
    }

    [Fact]
    public async Task A_window_that_ended_opens_again()
    {
        await using var limited = await LimitedShop.OpenAsync(shop, calls: 2, periodSeconds: 1);
        await limited.Stranger.GetAsync("/", Ct).ShouldBeAsync(200);
        await limited.Stranger.GetAsync("/", Ct).ShouldBeAsync(200);

        for (var waited = Stopwatch.StartNew(); (int)(await limited.Stranger.GetAsync("/", Ct)).StatusCode == 429; await Task.Delay(20, Ct))
        {
            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(10));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Four_workers_let_exactly_a_hundred_of_a_thousand_through(bool onKeptConnections)
    {
        await using var folder = new ShopFolder();
        var settings = External(shop.Postgres.Server("shop"));
        await using var workers = await Workers.StartAsync(settings, folder.Path, folder.Path, folder.Path, folder.Path);

        Assert.Equal(100, await workers.PassedAsync(1000, onKeptConnections));
    }

    [Long]
    [Fact]
    public async Task Two_hosts_with_redis_let_a_hundred_to_a_hundred_and_ten_through_and_each_its_own_without()
    {
        await using var redis = await TestRedis.StartAsync();
        await using var here = new ShopFolder();
        await using var there = new ShopFolder();
        // A period long enough for the test, short enough to end within it.
        var settings = External(shop.Postgres.Server("shop")).Concat(redis.Settings).ToDictionary();
        settings["RATE_LIMIT_PERIOD"] = "4";
        await using var hosts = await Workers.StartAsync(settings, here.Path, there.Path);
        foreach (var host in hosts.Http)
        {
            await AwaitRedisAsync(host, "up");
        }

        await Task.Delay(4200, Ct);
        Assert.InRange(await hosts.PassedAsync(1000, onKeptConnections: false), 100, 110);
        await Task.Delay(4200, Ct);
        Assert.InRange(await hosts.PassedAsync(1000, onKeptConnections: true), 100, 110);

        await redis.KillAsync();
        foreach (var host in hosts.Http)
        {
            await AwaitRedisAsync(host, "down");
        }

        await Task.Delay(4200, Ct);
        Assert.Equal(200, await hosts.PassedAsync(600, onKeptConnections: true));

        await redis.OpenAsync();
        foreach (var host in hosts.Http)
        {
            await AwaitRedisAsync(host, "up");
        }

        await Task.Delay(4200, Ct);
        Assert.InRange(await hosts.PassedAsync(1000, onKeptConnections: true), 100, 110);
    }

    [Fact]
    public async Task Guessing_a_password_ends_after_five_wrong_ones_however_many_come_at_once()
    {
        var (app, http) = await ShopApp.OpenShopAsync(shop.Postgres.Server("shop"));
        await using var running = app;
        using var admin = http;
        using var stranger = new HttpClient { BaseAddress = http.BaseAddress };
        var client = await shop.Given.ClientAsync();
        var email = (string)client["email"]!;

        var guesses = await Task.WhenAll(Enumerable.Range(0, 30).Select(i => stranger.PostAsync("/auth/token", new { email, password = $"guess {i}" })));

        Assert.Equal(5, guesses.Count(g => (int)g.StatusCode == 401));
        Assert.Equal(25, guesses.Count(g => (int)g.StatusCode == 429));
        // Not the right one either: the answer would tell the guesser that it was right.
        var refused = await stranger.PostAsync("/auth/token", new { email = email.ToUpperInvariant(), password = Given.Password }).ShouldBeAsync(429);
        Assert.Contains("wrong-passwords", (string)refused["detail"]!, StringComparison.Ordinal);
        // Others are not held up, nor is an account that does not exist told apart from one that does.
        var other = await shop.Given.ClientAsync();
        await stranger.PostAsync("/auth/token", new { email = (string)other["email"]!, password = Given.Password }).ShouldBeAsync(200);
        var nobody = Given.Email();
        var unknown = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => stranger.PostAsync("/auth/token", new { email = nobody, password = $"{i}" })));
        Assert.Equal(5, unknown.Count(g => (int)g.StatusCode == 401));
    }

    [Fact]
    public async Task One_address_may_be_wrong_twenty_times_over_all_accounts_and_right_as_often_as_it_likes()
    {
        var (app, http) = await ShopApp.OpenShopAsync(shop.Postgres.Server("shop"), s => s with { WrongPasswordsPerAddress = 20 });
        await using var running = app;
        using var admin = http;
        using var stranger = new HttpClient { BaseAddress = http.BaseAddress };
        var client = await shop.Given.ClientAsync();
        for (var i = 0; i < 30; i++)
        {
            await stranger.PostAsync("/auth/token", new { email = (string)client["email"]!, password = Given.Password }).ShouldBeAsync(200);
        }

        var guesses = await Task.WhenAll(Enumerable.Range(0, 60).Select(_ =>
            stranger.PostAsync("/auth/token", new { email = Given.Email(), password = "12345678" })));

        Assert.Equal(20, guesses.Count(g => (int)g.StatusCode == 401));
        Assert.Equal(40, guesses.Count(g => (int)g.StatusCode == 429));
    }

    private static Dictionary<string, string> External(PostgresServer server) => new()
    {
        ["POSTGRES_HOST"] = server.Host,
        ["POSTGRES_DB"] = server.Database,
        ["POSTGRES_USER"] = server.User,
        ["ACCESS_LOG"] = "false",
    };

    private static async Task AwaitRedisAsync(HttpClient host, string status)
    {
        var waited = Stopwatch.StartNew();
        while ((string)(await host.GetJsonAsync("/health_check"))["checks"]!["redis"]!["status"]! != status)
        {
            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(15), $"Redis is not {status}");
            await Task.Delay(100, Ct);
        }
    }

    /// <summary>A shop of its own with limits, in this process.</summary>
    private sealed class LimitedShop(WebApplication app, HttpClient administrator) : IAsyncDisposable
    {
        public HttpClient Administrator => administrator;

        public HttpClient Stranger { get; } = new() { BaseAddress = administrator.BaseAddress };

        public static async Task<LimitedShop> OpenAsync(ShopApp shop, int calls, PostgresServer? server = null, int periodSeconds = 60, FrontDoor? door = null)
        {
            var (app, http) = await ShopApp.OpenShopAsync(server ?? shop.Postgres.Server("shop"), s => s with
            {
                RateLimitEnabled = true,
                RateLimitCalls = calls,
                RateLimitPeriodSeconds = periodSeconds,
                FrontDoor = door ?? s.FrontDoor,
            });
            return new LimitedShop(app, http);
        }

        public HttpClient WithToken(string token) => new()
        {
            BaseAddress = administrator.BaseAddress,
            DefaultRequestHeaders = { Authorization = new("Bearer", token) },
        };

        public async ValueTask DisposeAsync()
        {
            Stranger.Dispose();
            administrator.Dispose();
            await app.DisposeAsync();
        }
    }

    /// <summary>Processes of the program, each with its strangers.</summary>
    private sealed class Workers(List<TiendaProgram> programs, List<HttpClient> http) : IAsyncDisposable
    {
        public IReadOnlyList<HttpClient> Http => http;

        public static async Task<Workers> StartAsync(Dictionary<string, string> settings, params string[] folders)
        {
            var programs = folders.Select(folder => TiendaProgram.Start(folder, Serve, settings)).ToList();
            var http = new List<HttpClient>();
            foreach (var program in programs)
            {
                using var administrator = await program.OpenAsync();
                http.Add(new HttpClient { BaseAddress = administrator.BaseAddress });
            }

            return new Workers(programs, http);
        }

        /// <summary>Sends requests to the workers in turn, 20 at a time, and counts those that were not refused.</summary>
        public async Task<int> PassedAsync(int requests, bool onKeptConnections)
        {
            var passed = 0;
            await Parallel.ForAsync(0, requests, new ParallelOptions { MaxDegreeOfParallelism = 20, CancellationToken = Ct }, async (i, ct) =>
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, $"/?n={i.ToString(CultureInfo.InvariantCulture)}");
                request.Headers.ConnectionClose = !onKeptConnections;
                using var response = await http[i % http.Count].SendAsync(request, ct);
                if (response.IsSuccessStatusCode)
                {
                    Interlocked.Increment(ref passed);
                }
                else
                {
                    Assert.Equal(429, (int)response.StatusCode);
                }
            });
            return passed;
        }

        public async ValueTask DisposeAsync()
        {
            http.ForEach(client => client.Dispose());
            foreach (var program in programs)
            {
                await program.DisposeAsync();
            }
        }
    }
}
