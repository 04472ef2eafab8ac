using PuppeteerSharp;
using Tienda.ApiTests.Hosting;

namespace Tienda.ApiTests.Dashboard;

/// <summary>A shop of two workers with Redis and an administrator, and the browser to look at it.</summary>
public sealed class DashboardShop(ShopApp shop) : IAsyncLifetime
{
    public const int Workers = 2;
    public const string Email = "owner@example.com";
    public const string Password = "a password of the tests";

    private TestRedis _redis = null!;

    public SupervisedShop Shop { get; private set; } = null!;

    public IBrowser Browser { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        var browser = LaunchAsync();
        _redis = await TestRedis.StartAsync();
        var settings = new Dictionary<string, string>(_redis.Settings) { ["ADMIN_EMAIL"] = Email, ["ADMIN_PASSWORD"] = Password };
        Shop = await SupervisedShop.OpenAsync(shop, Workers, settings);
        Browser = await browser;
    }

    public async ValueTask DisposeAsync()
    {
        await (Browser?.DisposeAsync() ?? default);
        await (Shop?.DisposeAsync() ?? default);
        await (_redis?.DisposeAsync() ?? default);
    }

    // Chromium refuses to run as root inside its sandbox, and containers often have too little of /dev/shm for it.
    private static Task<IBrowser> LaunchAsync() => Puppeteer.LaunchAsync(new LaunchOptions
    {
        ExecutablePath = "/usr/bin/chromium",
        Args = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
        Timeout = 60_000,
    });
}
