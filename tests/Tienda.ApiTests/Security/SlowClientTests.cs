using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Tienda.Hosting;

namespace Tienda.ApiTests.Security;

/// <summary>Clients that hold connections without using them, at shops whose patience is a second instead of ten.</summary>
public sealed class SlowClientTests(ShopApp shop)
{
    private const string Post =
        "POST /bills HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nX-API-Key: " + ShopApp.AdminApiKey + "\r\n";

    private static readonly TimeSpan Short = TimeSpan.FromSeconds(1.5);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Who_dribbles_headers_is_cut_off()
    {
        await using var app = await OpenAsync(limits => limits.RequestHeadersTimeout = Short);
        using var connection = await RawConnection.OpenAsync(Address(app));
        await connection.SendAsync("GET / HTTP/1.1\r\nHost: shop\r\n");

        var answer = await connection.DribbleAsync("X-A: b\r\n");

        Assert.Equal([408], RawConnection.Statuses(answer));
        await StillAnswersAsync(app);
    }

    [Fact]
    public async Task Who_dribbles_a_body_is_cut_off()
    {
        await using var app = await OpenAsync(limits => limits.MinRequestBodyDataRate = new MinDataRate(240, Short));
        using var connection = await RawConnection.OpenAsync(Address(app));
        await connection.SendAsync(Post + "Content-Length: 100000\r\n\r\n");

        var answer = await connection.DribbleAsync(" ");

        Assert.Equal([408], RawConnection.Statuses(answer));
        Assert.Contains("/errors/request-timeout", answer, StringComparison.Ordinal);
        await StillAnswersAsync(app);
    }

    [Fact]
    public async Task Who_never_reads_the_answers_is_cut_off()
    {
        await using var app = await OpenAsync(limits => limits.MinResponseDataRate = new MinDataRate(100_000_000, Short));
        using var connection = await RawConnection.OpenAsync(Address(app));
        await connection.SendAsync(string.Concat(Enumerable.Repeat("GET /docs/scalar.js HTTP/1.1\r\nHost: shop\r\n\r\n", 50)));
        var waited = Stopwatch.StartNew();

        await connection.DribbleAsync("\r\n", read: false);

        Assert.True(waited.Elapsed < TimeSpan.FromSeconds(30));
        await StillAnswersAsync(app);
    }

    [Fact]
    public async Task Who_says_nothing_between_requests_is_cut_off()
    {
        await using var app = await OpenAsync(_ => { }, new FrontDoor { KeepAliveSeconds = 1 });
        using var connection = await RawConnection.OpenAsync(Address(app));
        await connection.SendAsync("GET /health/live HTTP/1.1\r\nHost: shop\r\n\r\n");

        Assert.Equal([200], RawConnection.Statuses(await connection.ReadToEndAsync()));
    }

    [Fact]
    public async Task Idle_connections_stop_nobody()
    {
        var idle = new List<RawConnection>();
        for (var i = 0; i < 300; i++)
        {
            idle.Add(await RawConnection.OpenAsync(shop.Http.BaseAddress!));
        }

        await shop.Http.GottenAsync("/products?limit=1").ShouldBeAsync(200);
        idle.ForEach(connection => connection.Dispose());
    }

    [Fact]
    public async Task Connections_beyond_the_limit_are_closed_and_the_others_work()
    {
        await using var app = await OpenAsync(limits => limits.MaxConcurrentConnections = 3);
        var (first, second, third) = (await RawConnection.OpenAsync(Address(app)), await RawConnection.OpenAsync(Address(app)),
            await RawConnection.OpenAsync(Address(app)));
        using var fourth = await RawConnection.OpenAsync(Address(app));

        Assert.Equal("", await fourth.ReadToEndAsync());

        await first.SendAsync("GET /health/live HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n");
        Assert.Equal([200], RawConnection.Statuses(await first.ReadToEndAsync()));
        first.Dispose();
        second.Dispose();
        third.Dispose();
    }

    [Fact]
    public async Task Requests_beyond_the_limit_are_told_to_come_back_and_health_still_answers()
    {
        await using var app = await OpenAsync(_ => { }, new FrontDoor { ConcurrencyLimit = 1, CorsOrigins = ["https://shop.example"] });
        using var http = new HttpClient { BaseAddress = Address(app) };
        http.DefaultRequestHeaders.Add("Origin", "https://shop.example");
        using var running = await RawConnection.OpenAsync(Address(app));
        await running.SendAsync(Post + "Connection: close\r\nContent-Length: 2\r\n\r\n{");
        // It must be the first one in; a question that overtakes it would have it refused.
        await Task.Delay(TimeSpan.FromSeconds(1), Ct);

        using var refused = await EventuallyAsync(http, 503);
        Assert.NotNull(refused.Headers.RetryAfter);
        Assert.Equal("https://shop.example", Assert.Single(refused.Headers.GetValues("Access-Control-Allow-Origin")));
        var problem = await refused.JsonAsync();
        Assert.Equal("/errors/unavailable", (string)problem["type"]!);
        Assert.Contains("LIMIT_CONCURRENCY", (string)problem["detail"]!, StringComparison.Ordinal);
        foreach (var path in new[] { "/health_check", "/health/live", "/health/ready" })
        {
            await http.GottenAsync(path).ShouldBeAsync(200);
        }

        await running.SendAsync("}");
        Assert.Equal([422], RawConnection.Statuses(await running.ReadToEndAsync()));
        using var taken = await EventuallyAsync(http, 200);
    }

    private async Task<WebApplication> OpenAsync(Action<KestrelServerLimits> adjust, FrontDoor? door = null)
    {
        var app = Program.Build(new Settings
        {
            JwtSecret = new string('x', 32),
            AdminApiKey = ShopApp.AdminApiKey,
            RateLimitEnabled = false,
            DataFolder = Path.Combine(shop.Postgres.Server("shop").Host, Guid.NewGuid().ToString()),
            Port = 0,
            Postgres = shop.Postgres.Server("shop"),
            LogLevel = Microsoft.Extensions.Logging.LogLevel.Warning,
            Log = new Tienda.Telemetry.LogSettings { Output = ShopOutput.Stream },
            FrontDoor = door ?? new FrontDoor(),
        });
        adjust(app.Services.GetRequiredService<IOptions<KestrelServerOptions>>().Value.Limits);
        await app.StartAsync(Ct);
        return app;
    }

    private static Uri Address(WebApplication app) => new(app.Urls.First());

    private static async Task StillAnswersAsync(WebApplication app)
    {
        using var http = new HttpClient { BaseAddress = Address(app) };
        await http.GottenAsync("/health/live").ShouldBeAsync(200);
    }

    private static async Task<HttpResponseMessage> EventuallyAsync(HttpClient http, int status)
    {
        for (var waited = Stopwatch.StartNew(); ; await Task.Delay(20, Ct))
        {
            var response = await http.GetAsync("/errors", Ct);
            if ((int)response.StatusCode == status)
            {
                return response;
            }

            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(20), $"GET /errors stays at {(int)response.StatusCode}.");
            response.Dispose();
        }
    }
}
