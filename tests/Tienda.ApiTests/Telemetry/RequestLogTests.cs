using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Tienda.ApiTests.Data;

namespace Tienda.ApiTests.Telemetry;

public sealed partial class RequestLogTests(ShopApp shop)
{
    [Fact]
    public async Task As_text_a_request_is_one_line_when_it_comes_and_one_when_it_is_answered()
    {
        var lines = await LinesOfOneRequestAsync("text");

        Assert.Matches(Came(), lines[0]);
        Assert.Matches(Answered(), lines[1]);
        Assert.Equal(2, lines.Count);
    }

    [Fact]
    public async Task As_json_a_request_is_one_object()
    {
        var line = JsonNode.Parse(Assert.Single(await LinesOfOneRequestAsync("json")))!;

        Assert.Equal("abc123", (string)line["request_id"]!);
        Assert.Equal("/products", (string)line["path"]!);
        Assert.Equal(200, (int)line["status"]!);
        Assert.Equal("127.0.0.1", (string)line["client"]!);
        Assert.True((double)line["duration_ms"]! > 0);
    }

    [Fact]
    public async Task A_line_break_in_a_path_does_not_begin_a_line()
    {
        var lines = await LinesOfOneRequestAsync("text", "/x%0a2026-01-01%20-%20ERROR%20-%20forged");

        Assert.Equal(2, lines.Count);
        Assert.Contains("GET /x%0A2026-01-01%20-%20ERROR%20-%20forged", lines[0], StringComparison.Ordinal);
    }

    private async Task<List<string>> LinesOfOneRequestAsync(string format, string path = "/products?limit=1")
    {
        await using var folder = new ShopFolder();
        var server = shop.Postgres.Server("shop");
        await using var program = TiendaProgram.Start(folder.Path, ["--port", "0"], new()
        {
            ["POSTGRES_HOST"] = server.Host,
            ["POSTGRES_USER"] = server.User,
            ["POSTGRES_DB"] = server.Database,
            ["LOG_FORMAT"] = format,
            // The first request of a program on a busy machine may be.
            ["SLOW_REQUEST_MS"] = "60000",
            ["SLOW_QUERY_MS"] = "60000",
        });
        using var http = await program.OpenAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Add("X-Request-ID", "abc123");
        using var response = await http.SendAsync(request, TestContext.Current.CancellationToken);
        await program.SignalAsync("TERM");
        Assert.Equal(0, await program.ExitCodeAsync());
        return [.. program.Output.Split('\n').Where(line => line.Contains("abc123", StringComparison.Ordinal) || line.Contains("forged", StringComparison.Ordinal)).Select(line => line.TrimEnd())];
    }

    [GeneratedRegex(@"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d - \[abc123\] → GET /products \(client: 127\.0\.0\.1\)$")]
    private static partial Regex Came();

    [GeneratedRegex(@"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d - \[abc123\] ← GET /products - 200 \(\d+\.\dms\)$")]
    private static partial Regex Answered();
}
