using System.Diagnostics;

namespace Tienda.ApiTests.Data;

public sealed class LocalPostgresTests
{
    private static readonly string[] Serve = ["serve", "--port", "0"];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_first_start_makes_a_closed_database_without_a_tcp_port_and_serves()
    {
        await using var folder = new ShopFolder();
        await using var program = TiendaProgram.Start(folder.Path, Serve);
        using var http = await program.OpenAsync();

        var product = await http.PostAsync("/products", new { name = "Lamp", price = 9.5m, stock = 1 }).ShouldBeAsync(201);

        Assert.Equal("Lamp", (string)product["name"]!);
        Assert.Contains(folder.Cluster, program.Output);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(folder.Cluster));
        Assert.Equal("", File.ReadLines(Path.Combine(folder.Cluster, "postmaster.pid")).ElementAt(5));
        await StopAsync(program);
    }

    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    public async Task A_signal_stops_the_shop_and_its_database_and_the_data_are_kept(string signal)
    {
        await using var folder = new ShopFolder();
        await using (var first = TiendaProgram.Start(folder.Path, Serve))
        {
            using var http = await first.OpenAsync();
            await http.PostAsync("/products", new { name = "Kept", price = 1m, stock = 1 }).ShouldBeAsync(201);
            await StopAsync(first, signal);
        }

        Assert.Null(folder.Postmaster);
        await using var second = TiendaProgram.Start(folder.Path, Serve);
        using var again = await second.OpenAsync();
        Assert.Contains("Kept", await again.GetStringAsync("/products?limit=1000", Ct));
        await StopAsync(second);
    }

    [Fact]
    public async Task A_second_shop_beside_a_running_one_says_so_and_changes_nothing()
    {
        await using var folder = new ShopFolder();
        await using var first = TiendaProgram.Start(folder.Path, Serve);
        using var http = await first.OpenAsync();

        await using var second = TiendaProgram.Start(folder.Path, Serve);

        Assert.Equal(1, await second.ExitCodeAsync());
        Assert.Contains($"already running here (process {folder.Owner}, data in {folder.Cluster})", second.Output);
        Assert.DoesNotContain("   at ", second.Output);
        await http.GetJsonAsync("/products");
        await StopAsync(first);
    }

    [Fact]
    public async Task A_killed_program_leaves_nothing_that_keeps_the_next_from_starting()
    {
        await using var folder = new ShopFolder();
        await using (var first = TiendaProgram.Start(folder.Path, Serve))
        {
            using var http = await first.OpenAsync();
            await http.PostAsync("/products", new { name = "Survivor", price = 1m, stock = 1 }).ShouldBeAsync(201);
            await first.KillAsync();
        }

        Assert.NotNull(folder.Postmaster);
        await using var second = TiendaProgram.Start(folder.Path, Serve);
        using var again = await second.OpenAsync();
        Assert.Contains("Survivor", await again.GetStringAsync("/products?limit=1000", Ct));
        await StopAsync(second);
    }

    [Fact]
    public async Task A_power_failure_loses_no_answered_write()
    {
        await using var folder = new ShopFolder();
        await using (var first = TiendaProgram.Start(folder.Path, Serve))
        {
            using var http = await first.OpenAsync();
            await http.PostAsync("/products", new { name = "Written", price = 1m, stock = 1 }).ShouldBeAsync(201);
            await first.KillAsync();
            await TiendaProgram.SignalAsync("KILL", folder.Postmaster!.Value);
        }

        // The number that the dead server left may belong to any program after the reboot.
        var pidFile = Path.Combine(folder.Cluster, "postmaster.pid");
        var lines = await File.ReadAllLinesAsync(pidFile, Ct);
        lines[0] = Environment.ProcessId.ToString(System.Globalization.CultureInfo.InvariantCulture);
        await File.WriteAllLinesAsync(pidFile, lines, Ct);
        await using var second = TiendaProgram.Start(folder.Path, Serve);
        using var again = await second.OpenAsync();
        Assert.Contains("Written", await again.GetStringAsync("/products?limit=1000", Ct));
        await StopAsync(second);
    }

    [Fact]
    public async Task A_database_that_dies_is_started_again_under_the_running_shop()
    {
        await using var folder = new ShopFolder();
        await using var program = TiendaProgram.Start(folder.Path, Serve);
        using var http = await program.OpenAsync();

        var killed = folder.Postmaster!.Value;
        await TiendaProgram.SignalAsync("KILL", killed);

        var waited = Stopwatch.StartNew();
        while (!await AnswersAsync(http))
        {
            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(20), program.Output);
            await Task.Delay(50, Ct);
        }

        Assert.NotEqual(killed, folder.Postmaster);
        Assert.Contains("has died", program.Output);
        await StopAsync(program);
    }

    [Fact]
    public async Task A_first_start_that_was_cut_short_is_done_again()
    {
        await using var folder = new ShopFolder();
        Directory.CreateDirectory(folder.Cluster + ".unfinished/base");

        await using var program = TiendaProgram.Start(folder.Path, Serve);
        using var http = await program.OpenAsync();

        Assert.False(Directory.Exists(folder.Cluster + ".unfinished"));
        await StopAsync(program);
    }

    [Fact]
    public async Task Migrate_works_without_a_shop_and_beside_one()
    {
        await using var folder = new ShopFolder();
        await using var alone = TiendaProgram.Start(folder.Path, ["migrate"]);
        Assert.Equal(0, await alone.ExitCodeAsync());
        Assert.Contains("now up to date", alone.Output);
        Assert.Null(folder.Postmaster);

        await using var shop = TiendaProgram.Start(folder.Path, Serve);
        using var http = await shop.OpenAsync();
        await using var beside = TiendaProgram.Start(folder.Path, ["migrate"]);
        Assert.Equal(0, await beside.ExitCodeAsync());
        Assert.Contains("is up to date", beside.Output);
        await http.GetJsonAsync("/products");
        await StopAsync(shop);
    }

    [Fact]
    public async Task A_folder_with_a_very_long_name_gets_its_socket_elsewhere()
    {
        await using var folder = new ShopFolder(new string('ñ', 60), new string('x', 60));
        await using var program = TiendaProgram.Start(folder.Path, Serve);
        using var http = await program.OpenAsync();

        var sockets = File.ReadLines(Path.Combine(folder.Cluster, "postmaster.pid")).ElementAt(4);

        Assert.NotEqual(folder.Cluster, sockets);
        await http.GetJsonAsync("/products");
        await StopAsync(program);
        Assert.False(Directory.Exists(sockets));
    }

    [Fact]
    public async Task A_folder_closed_to_the_database_user_gets_its_data_elsewhere_and_the_banner_says_where()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only root runs PostgreSQL as another user.");
        await using var folder = new ShopFolder("closed");
        File.SetUnixFileMode(folder.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);

        await using var program = TiendaProgram.Start(folder.Path, Serve);
        using var http = await program.OpenAsync();

        Assert.Contains("/var/lib/tienda/", program.Output);
        Assert.Contains(new DirectoryInfo(folder.Cluster).LinkTarget!, program.Output);
        await StopAsync(program);
    }

    [Fact]
    public async Task An_ordinary_user_can_run_the_shop()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Every other test shows it.");
        await using var folder = new ShopFolder("home");
        // The build may be in a folder that the user cannot read.
        var copy = Directory.CreateDirectory(Path.Combine(folder.Root, "program")).FullName;
        foreach (var file in Directory.GetFiles(AppContext.BaseDirectory))
        {
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        }

        using (var chown = Process.Start("chown", ["nobody", folder.Path]))
        {
            await chown.WaitForExitAsync(Ct);
        }

        await using var program = TiendaProgram.StartCommand(
            folder.Path, ["runuser", "-u", "nobody", "--", "dotnet", Path.Combine(copy, "Tienda.dll"), .. Serve]);
        using var http = await program.OpenAsync();
        await http.GetJsonAsync("/products");

        await TiendaProgram.SignalAsync("TERM", folder.Owner);
        Assert.Equal(0, await program.ExitCodeAsync());
        Assert.Null(folder.Postmaster);
    }

    private static async Task StopAsync(TiendaProgram program, string signal = "TERM")
    {
        await program.SignalAsync(signal);
        Assert.Equal(0, await program.ExitCodeAsync());
    }

    private static async Task<bool> AnswersAsync(HttpClient http)
    {
        using var response = await http.GetAsync("/products", Ct);
        Assert.NotEqual(500, (int)response.StatusCode);
        return response.IsSuccessStatusCode;
    }
}
