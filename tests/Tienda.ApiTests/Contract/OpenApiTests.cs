using System.Text.Json;
using System.Text.Json.Nodes;

namespace Tienda.ApiTests.Contract;

public sealed class OpenApiTests(ShopApp shop)
{
    private static readonly JsonSerializerOptions Readable = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private static string Committed => Repository.PathOf("docs/openapi.json");

    [Fact]
    public async Task The_committed_document_is_what_the_program_serves()
    {
        var served = (await shop.Http.GetJsonAsync("/openapi.json")).ToJsonString(Readable) + "\n";
        if (Environment.GetEnvironmentVariables().Contains("UPDATE_OPENAPI"))
        {
            await File.WriteAllTextAsync(Committed, served, TestContext.Current.CancellationToken);
        }

        Assert.Equal(await File.ReadAllTextAsync(Committed, TestContext.Current.CancellationToken), served);
    }

    [Fact]
    public async Task Every_operation_and_parameter_is_described()
    {
        foreach (var (name, operation) in await OperationsAsync())
        {
            Assert.False(string.IsNullOrEmpty((string?)operation["summary"]), $"{name} has no summary");
            Assert.False(string.IsNullOrEmpty((string?)operation["operationId"]), $"{name} has no operationId");
            foreach (var parameter in operation["parameters"]?.AsArray() ?? [])
            {
                Assert.False(string.IsNullOrEmpty((string?)parameter!["description"]), $"{name}: {parameter["name"]} has no description");
                Assert.Matches((string)parameter["in"]! == "header" ? "^[A-Z][A-Za-z-]+$" : "^[a-z_]+$", (string)parameter["name"]!);
            }
        }
    }

    [Fact]
    public async Task Every_refusal_of_an_operation_is_a_problem()
    {
        foreach (var (name, operation) in await OperationsAsync())
        {
            foreach (var (status, response) in operation["responses"]!.AsObject().Where(r => r.Key[0] is '4' or '5'))
            {
                var media = response!["content"]!.AsObject().Select(c => c.Key);
                Assert.True(media.Contains("application/problem+json") || name == "get /health_check", $"{name} {status}: {string.Join(',', media)}");
            }
        }
    }

    [Fact]
    public async Task The_page_that_shows_it_needs_nothing_from_elsewhere()
    {
        var page = await shop.Http.GetStringAsync("/docs/", TestContext.Current.CancellationToken);

        Assert.DoesNotMatch("(src|href)=\"(https?:)?//", page);
        Assert.Contains("scalar.js", page, StringComparison.Ordinal);
        using var script = await shop.Http.GetAsync("/docs/scalar.js", TestContext.Current.CancellationToken);
        Assert.True(script.IsSuccessStatusCode);
    }

    private async Task<IEnumerable<(string Name, JsonObject Operation)>> OperationsAsync() =>
        (await shop.Http.GetJsonAsync("/openapi.json"))["paths"]!.AsObject()
            .SelectMany(path => path.Value!.AsObject().Select(o => ($"{o.Key} {path.Key}", o.Value!.AsObject())));
}
