using System.Net.Http.Headers;
using System.Security.Cryptography;

namespace Tienda.ApiTests.Dashboard;

/// <summary>What the shop serves under /dashboard.</summary>
public sealed class DashboardFilesTests(ShopApp shop)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_page_and_what_belongs_to_it_may_do_nothing_but_ask_the_shop()
    {
        var page = await shop.Anonymous.GetStringAsync("/dashboard", Ct);
        var files = page.Split("=\"/dashboard/")[1..].Select(rest => $"/dashboard/{rest.Split('"')[0]}").Distinct();

        Assert.DoesNotMatch("""(src|href)="(?!/dashboard/|#)""", page);
        Assert.DoesNotMatch("""<style|<script>|\son\w+=|style=""", page);
        foreach (var path in files.Prepend("/dashboard"))
        {
            using var first = await shop.Anonymous.GetAsync(path, Ct);
            Assert.Equal(200, (int)first.StatusCode);
            Assert.Equal("nosniff", Assert.Single(first.Headers.GetValues("X-Content-Type-Options")));
            var policy = Assert.Single(first.Headers.GetValues("Content-Security-Policy"));
            Assert.StartsWith("default-src 'none'; script-src 'self'; style-src 'self';", policy, StringComparison.Ordinal);
            Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
            using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { IfNoneMatch = { first.Headers.ETag! } } };
            using var second = await shop.Anonymous.SendAsync(request, Ct);
            Assert.Equal((304, "no-cache"), ((int)second.StatusCode, $"{second.Headers.CacheControl}"));
        }
    }

    [Fact]
    public async Task The_library_is_the_one_that_its_maintainer_published()
    {
        var folder = Repository.PathOf("src/Tienda/Hosting/Dashboard/page/vendor/uplot");
        foreach (var line in await File.ReadAllLinesAsync(Path.Combine(folder, "SHA256SUMS"), Ct))
        {
            var (hash, name) = (line.Split("  ")[0], line.Split("  ")[1]);
            var file = await File.ReadAllBytesAsync(Path.Combine(folder, name), Ct);
            Assert.Equal(hash, Convert.ToHexStringLower(SHA256.HashData(file)));
            if (name != "LICENSE")
            {
                Assert.Equal(file, await shop.Anonymous.GetByteArrayAsync($"/dashboard/{name}", Ct));
            }
        }
    }

    [Fact]
    public async Task The_figures_are_for_administrators()
    {
        using var client = shop.SignedIn(await shop.Given.ClientAsync());

        await shop.Anonymous.GottenAsync("/dashboard/metrics").ShouldBeAsync(401);
        await client.GottenAsync("/dashboard/metrics").ShouldBeAsync(403);
        await shop.Anonymous.GottenAsync("/dashboard/nothing").ShouldBeAsync(404);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/dashboard/metrics");
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/plain"));
        using var answer = await shop.Http.SendAsync(request, Ct);
        Assert.EndsWith("\n# EOF\n", await answer.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
    }
}
