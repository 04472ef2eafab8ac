using System.Text.RegularExpressions;
using Tienda.ApiTests.Data;

namespace Tienda.ApiTests.Inspection;

/// <summary><c>tienda watch</c> while shops come and go, and in a real terminal.</summary>
public sealed partial class WatchCommandTests(ShopApp shop)
{
    [Fact]
    public async Task A_shop_that_goes_away_is_said_to_be_away_until_it_is_back()
    {
        await using var folder = new ShopFolder();
        var server = await shop.Postgres.CreateDatabaseAsync($"own_{Guid.NewGuid():N}");
        var (app, http) = await ShopApp.OpenShopAsync(server);
        var url = http.BaseAddress!;
        await using var watch = TiendaProgram.Start(folder.Path, ["watch", url.ToString(), "--interval", "1"]);
        await Eventually.HoldsAsync(() => Figures().Count(watch.Output) >= 2);

        http.Dispose();
        await app.DisposeAsync();
        await Eventually.HoldsAsync(() => watch.Output.Contains($"{url} does not answer: Connection refused", StringComparison.Ordinal));
        var before = Figures().Count(watch.Output);
        (app, http) = await ShopApp.OpenShopAsync(server, settings => settings with { Port = url.Port });
        await Eventually.HoldsAsync(() => Figures().Count(watch.Output) > before);
        http.Dispose();
        await app.DisposeAsync();

        await watch.SignalAsync("INT");
        Assert.Equal(0, await watch.ExitCodeAsync());
        Assert.DoesNotContain('\e', watch.Output);
    }

    [Fact]
    public async Task In_a_terminal_the_figures_stand_beside_their_targets_until_Ctrl_C()
    {
        await using var folder = new ShopFolder();
        await using var watch = TiendaProgram.StartCommand(
            folder.Path, "script", "-qfec",
            $"stty cols 100; echo watcher $$; exec dotnet {typeof(Program).Assembly.Location} watch {shop.Http.BaseAddress} --interval 1",
            "/dev/null");

        // The second picture is painted over the first one.
        await Eventually.HoldsAsync(() => Regex.Count(watch.Output, "\e\\[\\d+F\e\\[J") >= 2);
        await TiendaProgram.SignalAsync("INT", int.Parse(Regex.Match(watch.Output, @"watcher (\d+)").Groups[1].Value));
        Assert.Equal(0, await watch.ExitCodeAsync());

        Assert.Matches("Response Time \\(p95\\) .*< 200 ms +< 500 ms", watch.Output);
        Assert.Matches("Cache Hit Rate .*> 70 % +> 50 %", watch.Output);
        Assert.Matches("DB Pool Utilization .*\e\\[32m.*< 70 % +< 90 %.*ok", watch.Output);
        Assert.DoesNotContain("Unhandled", watch.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("the-key-of-another-shop", "administrators only")]
    [InlineData("", "there is none")]
    public async Task Who_is_no_administrator_is_told_so_at_once(string key, string reason)
    {
        await using var folder = new ShopFolder();
        await using var watch = TiendaProgram.Start(
            folder.Path, ["watch", shop.Http.BaseAddress!.ToString()], new() { ["ADMIN_API_KEY"] = key });

        Assert.Equal(1, await watch.ExitCodeAsync());
        Assert.Contains(reason, watch.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_key_can_come_from_a_file()
    {
        await using var folder = new ShopFolder();
        var file = Path.Combine(folder.Path, "key");
        await File.WriteAllTextAsync(file, ShopApp.AdminApiKey + "\n", TestContext.Current.CancellationToken);
        await using var watch = TiendaProgram.Start(
            folder.Path, ["watch", shop.Http.BaseAddress!.ToString(), "--once", "--interval", "1", "--key-file", file],
            new() { ["ADMIN_API_KEY"] = "" });

        Assert.Equal(0, await watch.ExitCodeAsync());
        Assert.Matches(Figures(), watch.Output);
    }

    [GeneratedRegex(@"(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ rps=[\d.]+ p50_ms=\S+ p95_ms=\S+ .*queue=\d+\r?$")]
    private static partial Regex Figures();
}
