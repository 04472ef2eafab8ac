using System.Diagnostics;
using PuppeteerSharp;

namespace Tienda.ApiTests.Dashboard;

/// <summary>Somebody who looks at a shop's dashboard in a browser window of their own, and what goes wrong in it.</summary>
public sealed class DashboardVisit : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly IBrowserContext _context;
    private readonly Uri _shop;

    private DashboardVisit(IBrowserContext context, IPage page, Uri shop) => (_context, Page, _shop) = (context, page, shop);

    public IPage Page { get; }

    /// <summary>What the browser complains of, answers that were refused aside; and requests to anybody else than the shop.</summary>
    public List<string> Complaints { get; } = [];

    /// <summary>Answers of 400 and above, as "401 /dashboard/metrics".</summary>
    public List<string> Refusals { get; } = [];

    public static async Task<DashboardVisit> OpenAsync(IBrowser browser, Uri shop, ViewPortOptions? screen = null, string colours = "light")
    {
        var context = await browser.CreateBrowserContextAsync();
        var page = await context.NewPageAsync();
        await page.SetViewportAsync(screen ?? new ViewPortOptions { Width = 1440, Height = 1000 });
        await page.EmulateMediaFeaturesAsync([new MediaFeatureValue { MediaFeature = MediaFeature.PrefersColorScheme, Value = colours }]);
        var visit = new DashboardVisit(context, page, shop);
        visit.Listen();
        await page.GoToAsync($"{shop}dashboard");
        return visit;
    }

    /// <summary>With the administrator's key.</summary>
    public async Task SignInAsync()
    {
        await TryKeyAsync(ShopApp.AdminApiKey);
        await SeesAsync("#targets", "Response time p95");
    }

    public async Task TryKeyAsync(string key)
    {
        await Page.ClickAsync("label:has(input[value=key])");
        await Page.TypeAsync("#api-key", key);
        await Page.ClickAsync("#sign-in .primary");
    }

    public async Task SignInAsync(string email, string password)
    {
        await Page.EvaluateExpressionAsync("document.querySelector('#email').value = document.querySelector('#password').value = ''");
        await Page.TypeAsync("#email", email);
        await Page.TypeAsync("#password", password);
        await Page.ClickAsync("#sign-in .primary");
    }

    /// <summary>What is to be read there, nothing if it is hidden.</summary>
    public Task<string> TextAsync(string selector) => Page.EvaluateFunctionAsync<string>(
        "s => { const e = document.querySelector(s); return e && e.checkVisibility() ? e.innerText : ''; }", selector);

    public Task SeesAsync(string selector, string text) =>
        SeesAsync(selector, shown => shown.Contains(text, StringComparison.Ordinal), text);

    public async Task SeesAsync(string selector, Func<string, bool> isRight, string expected)
    {
        var waited = Stopwatch.StartNew();
        for (var text = await TextAsync(selector); !isRight(text); text = await TextAsync(selector))
        {
            Assert.True(waited.Elapsed < Patience, $"{selector} shows \"{text}\", not \"{expected}\". {string.Join("; ", Complaints)}");
            await Task.Delay(50);
        }
    }

    /// <summary>The cells of a line of the table of routes; none if it is not there.</summary>
    public Task<string[]> RouteAsync(string name) => Page.EvaluateFunctionAsync<string[]>(
        """
        name => [...document.querySelectorAll('#routes tr')].map(r => [...r.children].map(c => c.textContent.trim().replace(/\s+/g, ' ')))
            .find(cells => cells[0] === name) ?? []
        """,
        name);

    public async ValueTask DisposeAsync() => await _context.CloseAsync();

    private void Listen()
    {
        Page.Console += (_, message) =>
        {
            if (message.Message.Type is ConsoleType.Error or ConsoleType.Warning
                && !message.Message.Text.StartsWith("Failed to load resource", StringComparison.Ordinal))
            {
                Complaints.Add(message.Message.Text);
            }
        };
        Page.PageError += (_, error) => Complaints.Add(error.Message);
        Page.Request += (_, request) =>
        {
            if (new Uri(request.Request.Url).Authority != _shop.Authority)
            {
                Complaints.Add($"asked {request.Request.Url}");
            }
        };
        Page.Response += (_, answer) =>
        {
            if ((int)answer.Response.Status >= 400)
            {
                Refusals.Add($"{(int)answer.Response.Status} {new Uri(answer.Response.Url).AbsolutePath}");
            }
        };
    }
}
