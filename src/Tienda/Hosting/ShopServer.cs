using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Tienda.Data;
using Tienda.Hosting.Workers;

namespace Tienda.Hosting;

/// <summary>The web server's limits and the services around the database.</summary>
public static class ShopServer
{
    /// <summary>No request of the shop needs a larger body, but for those whose routes say so: bulk edits and files.</summary>
    public const long MaximumBodyBytes = 1024 * 1024;

    /// <summary>An idle connection costs a few kilobytes; this many are a machine's worth of proxies and far from its limits.</summary>
    public const int MaximumConnections = 10_000;

    public const int MaximumHeaderBytes = 16 * 1024;

    public const int MaximumHeaders = 64;

    public const int MaximumRequestLineBytes = 8 * 1024;

    // Less than the slowest mobile network gives, and more than who only wants to hold a connection sends.
    private static readonly MinDataRate SlowestTransfer = new(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(5));

    /// <param name="descriptor">The socket to listen on, if it is open already.</param>
    public static void ConfigureShopServer(this IWebHostBuilder host, Settings settings, int? descriptor)
    {
        host.ConfigureKestrel(server =>
        {
            server.AddServerHeader = false;
            server.ConfigureEndpointDefaults(endpoint =>
            {
                endpoint.Protocols = HttpProtocols.Http1;
                var draining = endpoint.ApplicationServices.GetRequiredService<Draining>();
                endpoint.Use(next => connection => draining.CountAsync(connection, next));
            });
            server.RequestHeaderEncodingSelector = PlainLength.Select;
            SetLimits(server.Limits, settings.FrontDoor);
            if (descriptor is { } opened)
            {
                server.ListenHandle((ulong)opened);
            }
        });
        if (descriptor is null)
        {
            host.UseUrls($"http://{(settings.Host.Contains(':') ? $"[{settings.Host}]" : settings.Host)}:{settings.Port}");
        }

        // A line ends in CR LF: proxies disagree on whether a bare LF ends one. The switch is the only way to say so.
        AppContext.SetSwitch("Microsoft.AspNetCore.Server.Kestrel.DisableHttp1LineFeedTerminators", true);
        host.ConfigureServices(services => services
            .Configure<SocketTransportOptions>(sockets => sockets.Backlog = settings.FrontDoor.Backlog)
            .Configure<HostOptions>(options => options.ShutdownTimeout =
                TimeSpan.FromSeconds(settings.ShutdownDelaySeconds + settings.ShutdownTimeoutSeconds)));
    }

    private static void SetLimits(KestrelServerLimits limits, FrontDoor door)
    {
        limits.MaxConcurrentConnections = MaximumConnections;
        limits.MaxRequestLineSize = MaximumRequestLineBytes;
        limits.MaxRequestHeadersTotalSize = MaximumHeaderBytes;
        limits.MaxRequestHeaderCount = MaximumHeaders;
        limits.MaxRequestBodySize = MaximumBodyBytes;
        limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
        limits.KeepAliveTimeout = TimeSpan.FromSeconds(door.KeepAliveSeconds);
        limits.MinRequestBodyDataRate = SlowestTransfer;
        limits.MinResponseDataRate = SlowestTransfer;
    }

    public static IServiceCollection AddShopDatabase(this IServiceCollection services, Settings settings) =>
        services.AddSingleton<ConnectionPools>().AddSingleton(provider =>
        {
            var pool = Database.CreatePool(settings, provider.GetRequiredService<ILoggerFactory>());
            provider.GetRequiredService<ConnectionPools>().Add(pool);
            return pool;
        });
}
