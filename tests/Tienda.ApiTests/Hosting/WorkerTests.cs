using System.Globalization;
using System.Text.RegularExpressions;
using Tienda.ApiTests.Data;
using Tienda.ApiTests.Security;

namespace Tienda.ApiTests.Hosting;

/// <summary>Several processes on one socket: replaced, killed, told to end, and never in need of a client who asks again.</summary>
public sealed partial class WorkerTests(ShopApp shop)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_reload_under_64_busy_connections_loses_no_request()
    {
        await using var own = await SupervisedShop.OpenAsync(shop, workers: 2);
        var before = own.Workers;
        await using var busy = BusyConnections.Start(own.Url, "/products?limit=1", 64);
        await Eventually.HoldsAsync(() => busy.Answered > 500, Patience);

        await own.Program.SignalAsync("HUP");
        await own.SaysAsync("All workers have been replaced.");
        var until = busy.Answered + 500;
        await Eventually.HoldsAsync(() => busy.Answered > until, Patience);
        await busy.StopAsync();

        Assert.Empty(busy.Losses);
        Assert.Equal(2, own.Workers.Count);
        Assert.Empty(own.Workers.Values.Intersect(before.Values));
        Assert.All(before.Values, id => Assert.False(SupervisedShop.IsAlive(id)));
    }

    [Fact]
    public async Task Behind_nginx_a_reload_loses_no_request()
    {
        await using var own = await SupervisedShop.OpenAsync(shop, workers: 2);
        await using var nginx = await TestNginx.StartAsync(own.Url);
        await using var busy = BusyConnections.Start(nginx.Address, "/products?limit=1", 32);
        await Eventually.HoldsAsync(() => busy.Answered > 500, Patience);

        await own.Program.SignalAsync("HUP");
        await own.SaysAsync("All workers have been replaced.");
        await busy.StopAsync();

        Assert.Empty(busy.Losses);
    }

    [Fact]
    public async Task A_killed_worker_is_replaced_at_once_while_the_others_answer()
    {
        await using var own = await SupervisedShop.OpenAsync(shop, workers: 2, new() { ["LOG_FORMAT"] = "json" });
        var killed = own.Workers[1];
        await own.SpareAsync();

        await TiendaProgram.SignalAsync("KILL", killed);
        await own.SaysAsync($"worker 1 (process {killed}) ended with exit code 137; another one takes its place in 0 s.", TimeSpan.FromSeconds(1));
        for (var i = 0; i < 10; i++)
        {
            await own.Http.GottenAsync("/products?limit=1").ShouldBeAsync(200);
        }

        await own.ReplacedAsync(workers: 2, killed);
        Assert.Equal([2, 3], own.Workers.Keys.Order());
        // What it had is free for the next one that waits.
        await own.SaysAsync("worker 1 (process ", Patience);
        await own.SpareAsync();
    }

    [Fact]
    public async Task The_worker_that_waits_takes_the_place_and_is_followed_by_another_one()
    {
        await using var own = await SupervisedShop.OpenAsync(shop, workers: 2);
        var (spare, before) = (await own.SpareAsync(), own.Workers);
        Assert.InRange(await ConnectionsOfAsync(own, worker: 3), 1, Tienda.Data.Database.ConnectionsBesideThePool);

        await TiendaProgram.SignalAsync("KILL", spare);
        await own.SaysAsync($"worker 3 (process {spare}), which waited, ended with exit code 137; another one will wait in 0.5 s.");
        spare = await own.SpareAsync(other: spare);

        await TiendaProgram.SignalAsync("KILL", before[2]);
        await own.ReplacedAsync(workers: 2, before[2]);
        Assert.Equal(new Dictionary<int, int> { [1] = before[1], [3] = spare }, own.Workers);
        spare = await own.SpareAsync();
        await own.Program.SignalAsync("HUP");
        await own.SaysAsync("All workers have been replaced.");
        await own.SpareAsync(other: spare);
        Assert.False(SupervisedShop.IsAlive(spare));
    }

    private static Task<long> ConnectionsOfAsync(SupervisedShop own, int worker) => own.Database.ValueAsync<long>(
        $"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '%/{worker}'");

    [Long]
    [Fact]
    public async Task A_worker_that_cannot_start_does_not_spin_and_a_reload_leaves_the_others_alone()
    {
        await using var own = await SupervisedShop.OpenAsync(shop, workers: 2);
        var before = own.Workers;
        await own.SpareAsync();
        await File.WriteAllTextAsync(Path.Combine(own.Folder.Path, ".env"), "DB_POOL_SIZE=many", Ct);

        await own.Program.SignalAsync("HUP");
        await own.SaysAsync("The successor of worker 1 did not start. The workers that run go on.");
        Assert.Contains("DB_POOL_SIZE=many (.env): accepted is a whole number", own.Program.Output, StringComparison.Ordinal);
        await own.Http.GottenAsync("/products?limit=1").ShouldBeAsync(200);

        // The one that waits has read the settings before.
        await TiendaProgram.SignalAsync("KILL", before[2]);
        await own.ReplacedAsync(workers: 2, before[2]);
        await own.SaysAsync("which waited, ended with exit code 1;");
        await TiendaProgram.SignalAsync("KILL", own.Workers.Values.First(process => process != before[1]));
        await Task.Delay(TimeSpan.FromSeconds(8), Ct);
        Assert.InRange(Regex.Count(own.Program.Output, "another one takes its place"), 4, 8);
        Assert.InRange(Regex.Count(own.Program.Output, "another one will wait"), 3, 5);
        await own.Http.GottenAsync("/products?limit=1").ShouldBeAsync(200);

        File.Delete(Path.Combine(own.Folder.Path, ".env"));
        await own.ReplacedAsync(workers: 2);
    }

    [Fact]
    public async Task Told_to_end_they_finish_what_they_have_begun()
    {
        await using var own = await SupervisedShop.OpenAsync(shop, workers: 2);
        var product = await new Given(own.Http).ProductAsync(stock: 1);
        await using var held = await own.HoldAsync(product.Id());
        var workers = own.Workers.Values.Append(await own.SpareAsync()).ToList();

        var slow = own.Http.PatchAsync($"/products/{product.Id()}", new { stock = 7 });
        await own.LockIsWaitedForAsync();
        await own.Program.SignalAsync("TERM");
        await Eventually.HoldsAsync(() => !own.Accepts, Patience);
        await held.DisposeAsync();

        Assert.Equal(7, (int)(await slow.ShouldBeAsync(200))["stock"]!);
        Assert.Equal(0, await own.Program.ExitCodeAsync());
        Assert.All(workers, id => Assert.False(SupervisedShop.IsAlive(id)));
    }

    [Fact]
    public async Task Told_to_end_in_the_midst_of_a_reload_nobody_is_left()
    {
        await using var own = await SupervisedShop.OpenAsync(shop, workers: 2);
        var before = own.Workers;

        await own.Program.SignalAsync("HUP");
        await own.SaysAsync("SIGHUP: the workers are replaced");
        await own.Program.SignalAsync("TERM");

        Assert.Equal(0, await own.Program.ExitCodeAsync());
        Assert.All(before.Values, id => Assert.False(SupervisedShop.IsAlive(id)));
        Assert.Equal((0, null), (own.Workers.Count, own.Spare));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_worker_that_has_served_enough_is_followed_by_another_one(int workers)
    {
        await using var own = await SupervisedShop.OpenAsync(shop, workers, new() { ["LIMIT_MAX_REQUESTS"] = "300" });
        var before = own.Workers;
        await using var busy = BusyConnections.Start(own.Url, "/products?limit=1", 8);

        await own.SaysAsync("another one takes its place.");
        await Eventually.HoldsAsync(() => own.Workers.Values.Except(before.Values).Any(), Patience);
        await busy.StopAsync();

        Assert.Empty(busy.Losses);
    }

    [Long]
    [Fact]
    public async Task They_go_one_at_a_time_each_after_a_number_of_requests_of_its_own()
    {
        await using var own = await SupervisedShop.OpenAsync(shop, workers: 3, new() { ["LIMIT_MAX_REQUESTS"] = "200" });
        await using var busy = BusyConnections.Start(own.Url, "/products?limit=1", 12);
        var most = 0;

        await Eventually.HoldsAsync(
            () =>
            {
                most = Math.Max(most, own.Children);
                return TiredLine().Count(own.Program.Output) >= 5;
            },
            Patience);
        await busy.StopAsync();

        var served = TiredLine().Matches(own.Program.Output).Select(line => int.Parse(line.Groups[1].ValueSpan, CultureInfo.InvariantCulture)).ToList();
        Assert.Empty(busy.Losses);
        // Three, one more while one is replaced, and the one that waits.
        Assert.Equal(5, most);
        Assert.All(served, requests => Assert.InRange(requests, 200, 220));
        Assert.True(served.Distinct().Count() > 1, string.Join(", ", served));
    }

    [Fact]
    public async Task Without_their_supervisor_they_end()
    {
        await using var own = await SupervisedShop.OpenAsync(shop, workers: 2);
        var workers = own.Workers.Values.Append(await own.SpareAsync()).ToList();

        await own.Program.KillAsync();

        await Eventually.HoldsAsync(() => !workers.Exists(SupervisedShop.IsAlive), Patience);
    }

    [Fact]
    public async Task The_socket_of_systemd_is_taken()
    {
        // As systemd does: the socket is descriptor 3, and the variables name the process that it is for.
        const string Activate = """
            use Socket; use POSIX;
            BEGIN { $^F = 10; } socket(my $s, PF_INET, SOCK_STREAM, 0); bind($s, sockaddr_in(0, INADDR_LOOPBACK)) or die; listen($s, 100);
            my ($port) = sockaddr_in(getsockname($s));
            POSIX::dup2(fileno($s), 3);
            print "port $port\n"; STDOUT->flush();
            $ENV{LISTEN_PID} = $$; $ENV{LISTEN_FDS} = 1;
            exec @ARGV;
            """;
        await using var folder = new ShopFolder();
        var server = await shop.Postgres.CreateDatabaseAsync($"own_{Guid.NewGuid():N}");
        foreach (var workers in new[] { "1", "2" })
        {
            await using var program = TiendaProgram.StartCommand(
                folder.Path, "/usr/bin/env", $"POSTGRES_HOST={server.Host}", $"POSTGRES_DB={server.Database}", $"POSTGRES_USER={server.User}",
                "/usr/bin/perl", "-MIO::Handle", "-e", Activate,
                "dotnet", typeof(Program).Assembly.Location, "--workers", workers, "--port", "1");
            using var http = await program.OpenAsync();
            Assert.Equal(PortLine().Match(program.Output).Groups[1].Value, $"{http.BaseAddress!.Port}");
            await http.GottenAsync("/health/live").ShouldBeAsync(200);
        }
    }

    [GeneratedRegex(@"has served (\d+) requests; another one takes its place")]
    private static partial Regex TiredLine();

    [GeneratedRegex(@"port (\d+)")]
    private static partial Regex PortLine();
}
