using System.Runtime.InteropServices;
using Tienda.ApiTests.Data;

namespace Tienda.ApiTests.Telemetry;

/// <summary>Lines gather for a moment before they are written, and the end of the process does not lose them.</summary>
public sealed partial class LastLinesTests(ShopApp shop)
{
    private const int Requests = 20;

    [Theory]
    [InlineData(StartupHook.Crash, 134)]
    [InlineData(StartupHook.Exit, 3)]
    public async Task A_sudden_end_loses_no_line_of_what_was_answered(int signal, int exitCode)
    {
        await using var folder = new ShopFolder();
        var server = shop.Postgres.Server("shop");
        await using var program = TiendaProgram.Start(folder.Path, ["--port", "0"], new()
        {
            ["POSTGRES_HOST"] = server.Host,
            ["POSTGRES_USER"] = server.User,
            ["POSTGRES_DB"] = server.Database,
            ["DOTNET_STARTUP_HOOKS"] = typeof(LastLinesTests).Assembly.Location,
            ["DOTNET_DbgEnableMiniDump"] = "0",
        });
        using var http = await program.OpenAsync();
        http.DefaultRequestHeaders.Remove("X-API-Key");
        for (var i = 0; i <= Requests; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/products?limit=1");
            request.Headers.Add("X-Request-ID", $"last-{i}");
            using var response = await http.SendAsync(request, TestContext.Current.CancellationToken);
        }

        Assert.Equal(0, Kill(program.Id, signal));
        Assert.Equal(exitCode, await program.ExitCodeAsync());

        // The last one may have been answered and not logged yet.
        Assert.Equal(Requests, Enumerable.Range(0, Requests).Count(i => program.Output.Contains($"[last-{i}] ← GET /products - 200", StringComparison.Ordinal)));
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
