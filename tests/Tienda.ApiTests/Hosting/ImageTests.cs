using System.Globalization;
using System.Net;
using Tienda.ApiTests.Data;

namespace Tienda.ApiTests.Hosting;

/// <summary>The container image, as far as it can be had without a container engine, and the program that needs no .NET.</summary>
public sealed class ImageTests(ShopApp shop, ImageBuild image) : IClassFixture<ImageBuild>
{
    private static readonly bool IsRoot = Environment.UserName == "root";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Dockers_linter_finds_nothing_in_the_Dockerfile() => Assert.Equal(
        "", (await Shell.RunAsync(Repository.Root, "artifacts/tools/node_modules/.bin/dockerfile-utils lint Dockerfile")).Trim());

    [Fact]
    public void Packages_are_restored_before_the_sources_are_copied()
    {
        var steps = image.Instructions.Select(instruction => $"{instruction.Keyword} {instruction.Text}").ToList();
        var restore = steps.FindIndex(step => step.StartsWith("RUN dotnet restore", StringComparison.Ordinal));

        Assert.Contains("--locked-mode", steps[restore], StringComparison.Ordinal);
        Assert.True(restore < steps.IndexOf("COPY src src"));
        Assert.Contains(steps, step => step.StartsWith("RUN dotnet publish", StringComparison.Ordinal)
            && step.Contains("--no-restore", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_image_makes_secrets_migrates_serves_says_that_it_is_well_and_ends_when_told_to()
    {
        var server = await shop.Postgres.CreateDatabaseAsync($"image_{Guid.NewGuid():N}");
        var key = Path.Combine(image.RootOf(), "shop/keys/admin-api-key");
        await using (var secrets = Run(server, 0, "secrets", "--key-file", key))
        {
            Assert.True(await secrets.ExitCodeAsync() == 0, secrets.Output);
        }

        await using (var migrate = Run(server, 0, "migrate"))
        {
            Assert.True(await migrate.ExitCodeAsync() == 0, migrate.Output);
        }

        await using var program = Run(server, 0, [.. image.Last.Single(i => i.Keyword == "CMD").Command, "--workers", "2"]);
        using var http = await program.OpenAsync();
        Assert.Equal("0.0.0.0", http.BaseAddress!.Host);
        http.BaseAddress = new UriBuilder(http.BaseAddress) { Host = "127.0.0.1" }.Uri;
        http.DefaultRequestHeaders.Clear();
        http.DefaultRequestHeaders.Authorization = new("Bearer", await File.ReadAllTextAsync(key, Ct));
        Assert.Equal(HttpStatusCode.OK, (await http.GottenAsync("/metrics")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await http.GottenAsync("/products")).StatusCode);

        await IsHealthyAsync(server, http.BaseAddress!.Port);

        await program.SignalAsync("TERM");
        Assert.Equal(0, await program.ExitCodeAsync());
        // Of keys for cookies, which it has none of and no home folder for.
        Assert.DoesNotContain("repository", program.Output, StringComparison.Ordinal);
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(image.RootOf(), "shop/data/secrets.env")));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead, File.GetUnixFileMode(key));
    }

    [Fact]
    public void The_image_runs_as_somebody_who_can_write_only_where_volumes_are()
    {
        Assert.Equal("1654:1654", image.Last.Single(i => i.Keyword == "USER").Text);
        Assert.Equal(["/shop"], image.Last.Where(i => i.Flags.ContainsKey("chown")).Select(i => i.Words[1]));
        Assert.Equal(
            ["data", "keys"], Directory.GetFileSystemEntries(Path.Combine(image.RootOf(), "shop")).Select(Path.GetFileName).Order());
        Assert.All(
            Directory.GetFiles(Path.Combine(image.RootOf(), "app")),
            file => Assert.False(File.GetUnixFileMode(file).HasFlag(UnixFileMode.OtherWrite)));
    }

    [Long]
    [Fact]
    public async Task A_self_contained_build_serves_with_workers_where_there_is_no_dotnet()
    {
        // As the documentation has it, and strict about the lock file, as continuous integration is.
        await Shell.RunAsync(
            Path.Combine(image.RootOf("build"), "source"),
            "CI=true dotnet publish src/Tienda -r linux-x64 --self-contained -o ../self-contained -p:RunAnalyzers=false");
        await using var folder = new ShopFolder();
        var server = await shop.Postgres.CreateDatabaseAsync($"self_{Guid.NewGuid():N}");
        string[] program =
        [
            "env", "-i", "PATH=/nowhere", .. Reaching(server),
            "JWT_SECRET=" + ShopApp.JwtSecret, "ADMIN_API_KEY=" + ShopApp.AdminApiKey,
            Path.Combine(image.RootOf("build"), "self-contained/tienda"),
        ];
        await using (var migrate = TiendaProgram.StartCommand(folder.Path, [.. program, "migrate"]))
        {
            Assert.True(await migrate.ExitCodeAsync() == 0, migrate.Output);
        }

        await using var serving = TiendaProgram.StartCommand(
            folder.Path, [.. program, "serve", "--host", "127.0.0.1", "--port", "0", "--workers", "2", "--log-level", "info"]);
        using var http = await serving.OpenAsync();

        Assert.Equal(HttpStatusCode.OK, (await http.GottenAsync("/products")).StatusCode);
        Assert.Contains("worker 2 (process", serving.Output, StringComparison.Ordinal);
        await serving.SignalAsync("HUP");
        await Eventually.HoldsAsync(
            () => serving.Output.Contains("All workers have been replaced.", StringComparison.Ordinal), TimeSpan.FromSeconds(40));
        await serving.SignalAsync("TERM");
        Assert.Equal(0, await serving.ExitCodeAsync());
    }

    // An engine takes a container for unhealthy only when so many checks in a row have failed.
    private async Task IsHealthyAsync(Tienda.Hosting.PostgresServer server, int port)
    {
        var check = image.Last.Single(i => i.Keyword == "HEALTHCHECK");
        for (var left = int.Parse(check.Flags["retries"], CultureInfo.InvariantCulture) - 1; ; left--)
        {
            await using var health = Run(server, port, check.Command[1..]);
            if (await health.ExitCodeAsync() == 0)
            {
                return;
            }

            Assert.True(left > 0, health.Output);
        }
    }

    // The image's entry point with its environment and nothing else, and not as root.
    private TiendaProgram Run(Tienda.Hosting.PostgresServer server, int port, params string[] arguments)
    {
        var settings = image.Last.Single(i => i.Keyword == "ENV").Words.Where(word => !word.StartsWith('P'));
        var entry = image.RootOf() + image.Last.Single(i => i.Keyword == "ENTRYPOINT").Command.Single();
        string[] user = IsRoot
            ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--no-new-privs", "--bounding-set=-all"]
            : [];
        return TiendaProgram.StartCommand(
            Path.Combine(image.RootOf(), "shop"),
            [.. user, "env", "-i", "PATH=/usr/bin:/bin", $"PORT={port}", .. settings, .. Reaching(server), entry, .. arguments]);
    }

    private static string[] Reaching(Tienda.Hosting.PostgresServer server) =>
        [$"POSTGRES_HOST={server.Host}", $"POSTGRES_DB={server.Database}", $"POSTGRES_USER={server.User}", "DB_POOL_SIZE=2"];
}
