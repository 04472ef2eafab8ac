using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;
using Tienda.ApiTests.Data;
using Tienda.ApiTests.Hosting;

namespace Tienda.ApiTests.Security;

/// <summary>A real nginx before a shop, set up by the files of deploy/nginx, in a folder of its own.</summary>
public sealed partial class TestNginx : IAsyncDisposable
{
    private const string Binary = "/usr/sbin/nginx";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly string _folder = Directory.CreateTempSubdirectory("tienda-nginx-").FullName;
    private Process _process = null!;

    public Uri Address { get; } = new($"http://127.0.0.1:{FreePort()}");

    /// <summary>The address of the TLS block, if it was asked for.</summary>
    public Uri? SecureAddress { get; private set; }

    /// <summary>The address for the machine that runs the containers, if it is set up as in one.</summary>
    public Uri? InsideAddress { get; private set; }

    /// <summary>What nginx presents at the address of the TLS block.</summary>
    public string CertificatePath => Path.Combine(_folder, "certificate.pem");

    /// <param name="shop">Where requests go.</param>
    /// <param name="tls">Whether the TLS block is made live, as the comments say, with a certificate of its own.</param>
    /// <param name="stack">The compose file whose nginx it is, or null for one that is installed without containers.</param>
    public static Task<TestNginx> StartAsync(Uri shop, bool tls = false, ComposedShop? stack = null)
    {
        var nginx = new TestNginx();
        if (tls)
        {
            nginx.SecureAddress = new Uri($"https://127.0.0.1:{FreePort()}");
            nginx.MakeCertificate();
        }

        return nginx.StartAsync(stack is null ? nginx.Installed(shop) : nginx.Composed(shop, stack));
    }

    /// <summary>One that somebody has set up in another way.</summary>
    /// <param name="location">What it does with all requests, beside sending them to the shop. There is a cache named <c>kept</c>.</param>
    public static Task<TestNginx> StartAsync(Uri shop, string location)
    {
        var nginx = new TestNginx();
        return nginx.StartAsync(Configuration(
            $$"""
            proxy_cache_path kept keys_zone=kept:1m;
            server {
                listen {{nginx.Address.Authority}};
                access_log off;
                location / { proxy_pass {{shop}}; proxy_set_header Host $http_host; {{location}} }
            }
            """));
    }

    private async Task<TestNginx> StartAsync(string configuration)
    {
        var config = Path.Combine(_folder, "nginx.conf");
        await File.WriteAllTextAsync(config, configuration);
        string[] arguments = ["-c", config, "-p", _folder, "-e", "error.log", "-g", "daemon off; master_process off;"];
        _process = Process.Start(new ProcessStartInfo(Binary, arguments))!;
        await AwaitAsync();
        return this;
    }

    private string Installed(Uri shop) => Configuration(
        $"""
        {Changed(Read("tienda-upstream.conf"), ("server 127.0.0.1:8000", $"server {shop.Authority}"))}
        {Server(Read("tienda.conf"))}
        """);

    private static string Configuration(string servers) =>
        $$"""
        pid nginx.pid;
        error_log error.log;
        events { worker_connections 1024; }
        http {
            client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
            {{servers}}
        }
        """;

    private static string Read(string file) => File.ReadAllText(Repository.PathOf($"deploy/nginx/{file}"));

    // The files that compose gives it.
    private string Composed(Uri shop, ComposedShop stack)
    {
        InsideAddress = new Uri($"http://127.0.0.1:{FreePort()}");
        File.WriteAllText(
            Path.Combine(_folder, "tienda-listen.conf"),
            Changed(Mounted("/etc/nginx/tienda-listen.conf"), ("listen 8000;", $"listen {InsideAddress.Authority};")));
        File.WriteAllText(Path.Combine(_folder, "tienda.conf"), Server(Mounted("/etc/nginx/tienda.conf")));
        return Changed(
            Mounted("/etc/nginx/nginx.conf"),
            ("server api:8000 resolve", $"server {shop.Authority}"),
            ("/tmp/", _folder + "/"),
            ("/etc/nginx/", _folder + "/"),
            ("/dev/stderr", "error.log"));

        string Mounted(string path) => File.ReadAllText(stack.Mounted("nginx", path));
    }

    // As an operator installs it, on other ports and in another folder.
    private string Server(string text)
    {
        List<(string Installed, string Here)> changes =
        [
            ("    listen 80;", $"    listen {Address.Authority};"),
            ("    listen [::]:80;", ""),
            ("/var/log/nginx/", ""),
            ("/etc/nginx/", _folder + "/"),
        ];
        if (SecureAddress is not null)
        {
            text = CommentedTlsLine().Replace(text, "    $1");
            changes.AddRange(
            [
                ("    listen 443 ", $"    listen {SecureAddress.Authority} "),
                ("    listen [::]:443 ssl http2;", ""),
                ("/etc/letsencrypt/live/shop.example/fullchain.pem", CertificatePath),
                ("/etc/letsencrypt/live/shop.example/privkey.pem", KeyPath),
                ("$server_port = 80", $"$server_port = {Address.Port}"),
                ("https://$host$request_uri", $"https://{SecureAddress.Authority}$request_uri"),
            ]);
        }

        return Changed(text, [.. changes]);
    }

    private static string Changed(string text, params ReadOnlySpan<(string Installed, string Here)> changes)
    {
        foreach (var (installed, here) in changes)
        {
            Assert.Contains(installed, text, StringComparison.Ordinal);
            text = text.Replace(installed, here, StringComparison.Ordinal);
        }

        return text;
    }

    public string KeyPath => Path.Combine(_folder, "key.pem");

    private void MakeCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(TimeProvider.System.GetUtcNow().AddDays(-1), TimeProvider.System.GetUtcNow().AddDays(1));
        File.WriteAllText(CertificatePath, certificate.ExportCertificatePem());
        File.WriteAllText(KeyPath, key.ExportPkcs8PrivateKeyPem());
    }

    [GeneratedRegex("^    # ((listen|http2|ssl_|add_header|if) ?.*)$", RegexOptions.Multiline)]
    private static partial Regex CommentedTlsLine();

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
