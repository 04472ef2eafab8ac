using Tienda.ApiTests.Hosting;

namespace Tienda.ApiTests.Bench;

/// <summary>A run of <c>./bench.sh</c> on what the tests have built, judged by what does not depend on the machine's speed.</summary>
public sealed class BenchRun : IDisposable
{
    // The longest, the load test, takes three minutes of users, and registers 400 buyers before that: as fast as passwords can be hashed.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(15);

    private readonly string _results = Directory.CreateTempSubdirectory("tienda-bench-results-").FullName;

    /// <summary>Where it leaves a file of its report.</summary>
    public string Result(string file) => Path.Combine(_results, file);

    /// <summary>Runs a benchmark, which has to meet its targets.</summary>
    /// <returns>What it prints.</returns>
    public async Task<string> PassAsync(string command)
    {
        var (code, output, errors) = await Shell.TryAsync(
            Repository.Root, $"/usr/bin/python3 -m bench {command} --ci --results {_results}", Patience);
        ShopOutput.Search(output + errors);
        Assert.True(code == 0, $"{command} ended with {code}:\n{output}\n{errors}");
        return output;
    }

    public void Dispose() => Directory.Delete(_results, recursive: true);
}
