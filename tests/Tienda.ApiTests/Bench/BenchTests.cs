using System.Text.Json.Nodes;
using Tienda.ApiTests.Hosting;
using Tienda.ApiTests.LoadTest;

namespace Tienda.ApiTests.Bench;

/// <summary>The load test of <c>./bench.sh</c>, with few users and for a moment.</summary>
[Collection(nameof(OneLoadAtATime))]
public sealed class BenchTests : IDisposable
{
    private readonly BenchRun _bench = new();

    public void Dispose() => _bench.Dispose();

    [Long]
    [Fact]
    public async Task A_short_run_leaves_its_reports_and_fails_by_whatever_target_it_misses()
    {
        var output = await _bench.PassAsync("load --users 20 --seconds 8");
        Assert.Contains("| failed requests | 0 | = 0 | Tienda | pass |", output, StringComparison.Ordinal);
        Assert.All(["load.html", "flash-sale.html", "noise.html", "load.md"], file => Assert.NotEmpty(File.ReadAllText(_bench.Result(file))));

        var json = await File.ReadAllTextAsync(_bench.Result("load.json"), TestContext.Current.CancellationToken);
        ShopOutput.Search(json);
        var found = JsonNode.Parse(json)!;
        Assert.Equal(20, (int)found["options"]!["users"]!);
        Assert.All(
            ["date", "kernel", "cpu", "dotnet", "postgresql", "redis", "nginx", "locust", "commit"],
            name => Assert.NotEqual("unknown", (string)found["machine"]![name]!));
        Assert.All(["tienda_p95", "bare_p95"], name => Assert.True((double)found["figures"]![name]!["median"]! > 0));
        Assert.NotEmpty(found["samples"]!["shop"]!.AsArray());
        var targets = found["targets"]!.AsArray().ToDictionary(target => (string)target!["name"]!, target => target!);
        Assert.Equal(["correct", "machine"], targets.Values.Select(target => (string)target["kind"]!).Distinct().Order());
        Assert.All(["errors", "books", "flash_sold", "flash_left"], name => Assert.True((bool)targets[name]["passed"]!));
        Assert.Equal(50, (double)targets["flash_sold"]["value"]!);

        // The same run, held against other bounds.
        Assert.Equal((0, ""), await JudgeAsync("--ci"));
        Assert.Equal((1, "load: missed flash_sold"), await JudgeAsync("--ci --target flash_sold=49"));
        Assert.Equal((0, ""), await JudgeAsync("--ci --target p50=0"));
        var (strict, missed) = await JudgeAsync("--target p50=0");
        Assert.Equal(1, strict);
        Assert.Contains("p50", missed, StringComparison.Ordinal);
    }

    private async Task<(int Code, string Missed)> JudgeAsync(string how)
    {
        var (code, _, errors) = await Shell.TryAsync(Repository.Root, $"./bench.sh judge {_bench.Result("load.json")} {how}");
        return (code, errors.Trim());
    }
}
