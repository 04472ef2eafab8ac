using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Tienda.ApiTests.Data;

namespace Tienda.ApiTests.Security;

/// <summary>A real nginx before a shop, set up as docs/security.md shows it, in a folder of its own.</summary>
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
        events { worker_connections 256; }
        http {
            access_log off;
            client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
            upstream shop { server {{shop.Host}}:{{shop.Port.ToString(CultureInfo.InvariantCulture)}}; keepalive 16; }
            server {
                listen {{Address.Host}}:{{Address.Port.ToString(CultureInfo.InvariantCulture)}};
                location / {
                    proxy_pass http://shop;
                    proxy_http_version 1.1;
                    proxy_set_header Connection "";
                    proxy_set_header Host $host;
                    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                    proxy_set_header X-Forwarded-Proto $scheme;
                }
            }
        }
        """;

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
