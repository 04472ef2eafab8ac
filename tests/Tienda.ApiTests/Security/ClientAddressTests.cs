using System.Text.Json.Nodes;
using Tienda.ApiTests.Data;

namespace Tienda.ApiTests.Security;

public sealed class ClientAddressTests(ShopApp shop)
{
    private static readonly string[][] Forgeries =
    [
        ["X-Forwarded-For: 203.0.113.7"],
        ["x-forwarded-for: 203.0.113.7"],
        ["X-Forwarded-For: 203.0.113.7, 198.51.100.2"],
        ["X-Forwarded-For: 203.0.113.7", "X-Forwarded-For: 198.51.100.2"],
        ["X-Forwarded-For: 203.0.113.7", "X-Other: 1", "X-Forwarded-For: "],
        ["X-Forwarded-For: 127.0.0.1"],
        ["X-Forwarded-For: 203.0.113.7, 127.0.0.1, 127.0.0.1"],
        ["X-Forwarded-For: 127.0.0.1", "X-Forwarded-For: 127.0.0.1"],
        ["X-Forwarded-For: ::ffff:127.0.0.1"],
        ["X-Forwarded-For: 203.0.113.7,"],
        ["X-Forwarded-For: ,,,"],
        ["X-Forwarded-For: "],
        ["X-Forwarded-For: \""],
        ["X-Forwarded-For: \"203.0.113.7"],
        ["X-Forwarded-For: \"203.0.113.7\""],
        ["X-Forwarded-For: \"203.0.113.7", "X-Forwarded-For: 198.51.100.2\""],
        ["X-Forwarded-For: \"\\"],
        ["X-Forwarded-For: (203.0.113.7"],
        ["X-Forwarded-For: unknown"],
        ["X-Forwarded-For: 203.0.113.7:80"],
        ["X-Forwarded-For: [2001:db8::7]:80"],
        ["X-Forwarded-For: [2001:db8::7"],
        ["X-Forwarded-For: 3405803783"],
        ["X-Forwarded-For: 0x7f.1"],
        ["X-Forwarded-For: 203.0.113.7\t198.51.100.2"],
        ["X-Forwarded-For: for=203.0.113.7"],
        ["X-Forwarded-For: " + string.Join(", ", Enumerable.Repeat("203.0.113.7", 300))],
        ["X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https, https, https"],
        ["X-Forwarded-Proto: https, http"],
        ["X-Forwarded-Proto: 203.0.113.7"],
        ["X_Forwarded_For: 203.0.113.7"],
        ["X-Real-IP: 203.0.113.7"],
        ["X-Real-IP: 203.0.113.7", "X-Real-IP: 198.51.100.2"],
        ["Forwarded: for=203.0.113.7"],
        ["Forwarded: for=203.0.113.7;proto=https;host=example.com, for=\"[2001:db8::7]\""],
        ["Forwarded: for=203.0.113.7", "X-Forwarded-For: 198.51.100.2", "X-Real-IP: 192.0.2.3"],
        ["X-Original-For: 203.0.113.7"],
        ["X-Forwarded: for=203.0.113.7"],
        ["X-Client-IP: 203.0.113.7", "True-Client-IP: 203.0.113.7", "CF-Connecting-IP: 203.0.113.7"],
    ];

    [Theory]
    [InlineData("none")]
    [InlineData("10.0.0.0/8,2001:db8::/32")]
    public async Task Who_is_no_trusted_proxy_forges_no_address(string trusted)
    {
        var clients = await LoggedClientsAsync(trusted, shop => shop, from: "127.0.0.1");

        Assert.All(clients, client => Assert.Equal("127.0.0.1", client));
    }

    [Fact]
    public async Task Behind_a_proxy_the_address_is_the_one_that_the_proxy_saw()
    {
        TestNginx? nginx = null;
        var clients = await LoggedClientsAsync(
            "127.0.0.1/32",
            async shop => (nginx = await TestNginx.StartAsync(shop)).Address,
            from: "127.0.0.2",
            () => nginx!.DisposeAsync());

        Assert.All(clients, client => Assert.Equal("127.0.0.2", client));
    }

    private Task<List<string>> LoggedClientsAsync(string trusted, Func<Uri, Uri> door, string from) =>
        LoggedClientsAsync(trusted, shop => Task.FromResult(door(shop)), from, () => ValueTask.CompletedTask);

    /// <summary>Sends every forgery and answers whom the log holds for the client each time.</summary>
    private async Task<List<string>> LoggedClientsAsync(string trusted, Func<Uri, Task<Uri>> door, string from, Func<ValueTask> shut)
    {
        await using var folder = new ShopFolder();
        var server = shop.Postgres.Server("shop");
        await using var program = TiendaProgram.Start(folder.Path, ["--port", "0"], new()
        {
            ["POSTGRES_HOST"] = server.Host,
            ["POSTGRES_USER"] = server.User,
            ["POSTGRES_DB"] = server.Database,
            ["LOG_FORMAT"] = "json",
            ["TRUSTED_PROXIES"] = trusted,
        });
        using var http = await program.OpenAsync();
        var address = await door(http.BaseAddress!);
        try
        {
            for (var i = 0; i < Forgeries.Length; i++)
            {
                using var connection = await RawConnection.OpenAsync(address, from);
                await connection.SendAsync(
                    $"GET /health/live HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nX-Request-ID: forged-{i}\r\n"
                    + string.Concat(Forgeries[i].Select(line => line + "\r\n")) + "\r\n");
                var answer = await connection.ReadToEndAsync();
                Assert.True(RawConnection.Statuses(answer) is [200], $"{string.Join(" | ", Forgeries[i])} got {answer}");
            }
        }
        finally
        {
            await shut();
        }

        await program.SignalAsync("TERM");
        Assert.Equal(0, await program.ExitCodeAsync());
        var lines = program.Output.Split('\n').Where(line => line.Contains("\"forged-", StringComparison.Ordinal))
            .Select(line => JsonNode.Parse(line)!).ToList();
        Assert.Equal(Forgeries.Length, lines.Count);
        return lines.ConvertAll(line => (string)line["client"]!);
    }
}
