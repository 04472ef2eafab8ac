using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Tienda.ApiTests.Data;

namespace Tienda.ApiTests.Security;

/// <summary>A real nginx before a shop, set up by the two files of deploy/nginx, in a folder of its own.</summary>
public sealed class TestNginx : IAsyncDisposable
{
    private const string Binary = "/usr/sbin/nginx";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly string _folder = Directory.CreateTempSubdirectory("tienda-nginx-").FullName;
    private Process _process = null!;

    public Uri Address { get; private set; } = null!;

    public static async Task<TestNginx> StartAsync(Uri shop)
    {
        var nginx = new TestNginx();
        nginx.Address = new Uri($"http://127.0.0.1:{FreePort()}");
        var config = Path.Combine(nginx._folder, "nginx.conf");
        await File.WriteAllTextAsync(config, nginx.Configuration(shop));
        nginx._process = Process.Start(new ProcessStartInfo(Binary, ["-c", config, "-p", nginx._folder, "-e", "error.log"]))!;
        await nginx.AwaitAsync();
        return nginx;
    }

    private string Configuration(Uri shop) =>
        $$"""
        daemon off;
        master_process off;
        pid nginx.pid;
        error_log error.log;
        events { worker_connections 1024; }
        http {
            client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
            {{OwnConfiguration(shop)}}
        }
        """;

    // The files that an operator installs, on other ports and in another folder.
    private string OwnConfiguration(Uri shop)
    {
        var text = File.ReadAllText(Repository.PathOf("deploy/nginx/tienda-upstream.conf"))
            + File.ReadAllText(Repository.PathOf("deploy/nginx/tienda.conf"));
        foreach (var (installed, here) in new[]
        {
            ("server 127.0.0.1:8000", $"server {shop.Authority}"),
            ("    listen 80;", $"    listen {Address.Authority};"),
            ("    listen [::]:80;", ""),
            ("/var/log/nginx/", ""),
        })
        {
            Assert.Contains(installed, text, StringComparison.Ordinal);
            text = text.Replace(installed, here, StringComparison.Ordinal);
        }

        return text;
    }

    private async Task AwaitAsync()
    {
        for (var waited = Stopwatch.StartNew(); ; await Task.Delay(50))
        {
            Assert.False(_process.HasExited, $"nginx ended: {ErrorLog()}");
            Assert.True(waited.Elapsed < Patience, $"nginx does not listen: {ErrorLog()}");
            try
            {
                using var probe = new TcpClient();
                await probe.ConnectAsync(Address.Host, Address.Port);
                return;
            }
            catch (SocketException)
            {
                // Not yet.
            }
        }
    }

    private string ErrorLog() =>
        new FileInfo(Path.Combine(_folder, "error.log")) is { Exists: true } log ? File.ReadAllText(log.FullName) : "";

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public async ValueTask DisposeAsync()
    {
        await TiendaProgram.SignalAsync("TERM", _process.Id);
        await _process.WaitForExitAsync().WaitAsync(Patience);
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
