using Tienda.ApiTests.Data;

namespace Tienda.ApiTests.Telemetry;

/// <summary>Lines gather for a moment before they are written, and the end of the process does not lose them.</summary>
public sealed class LastLinesTests(ShopApp shop)
{
    [Theory]
    [InlineData("USR1", 134)]
    [InlineData("USR2", 3)]
    public async Task A_sudden_end_loses_no_line_of_what_was_answered(string signal, int exitCode)
    {
        await using var folder = new ShopFolder();
        var server = shop.Postgres.Server("shop");
        await using var program = TiendaProgram.Start(folder.Path, ["--port", "0"], new()
        {
            ["POSTGRES_HOST"] = server.Host,
            ["POSTGRES_USER"] = server.User,
            ["POSTGRES_DB"] = server.Database,
            ["DOTNET_STARTUP_HOOKS"] = typeof(LastLinesTests).Assembly.Location,
        });
        using var http = await program.OpenAsync();
        await http.GottenAsync("/products?limit=1").ShouldBeAsync(200);
        await File.WriteAllTextAsync(Path.Combine(folder.Path, StartupHook.Address), http.BaseAddress!.ToString(), TestContext.Current.CancellationToken);

        await program.SignalAsync(signal);
        Assert.Equal(exitCode, await program.ExitCodeAsync());

        // The last one may have been answered and not logged yet.
        var missing = Enumerable.Range(0, StartupHook.Requests - 1)
            .Where(i => !program.Output.Contains($"[last-{i}] ← GET /products - 200", StringComparison.Ordinal));
        Assert.Empty(missing);
    }
}
