using Tienda.Data;

namespace Tienda.Hosting;

/// <summary>The web server's limits and the services around the database.</summary>
public static class ShopServer
{
    /// <summary>No request of the shop needs a larger body; imports will have a limit of their own.</summary>
    public const long MaximumBodyBytes = 1024 * 1024;

    public static void ConfigureShopServer(this IWebHostBuilder host, Settings settings)
    {
        host.ConfigureKestrel(server =>
        {
            server.AddServerHeader = false;
            server.Limits.MaxRequestBodySize = MaximumBodyBytes;
        });
        host.UseUrls($"http://{(settings.Host.Contains(':') ? $"[{settings.Host}]" : settings.Host)}:{settings.Port}");
        host.ConfigureServices(services =>
            services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(settings.ShutdownTimeoutSeconds)));
    }

    public static IServiceCollection AddShopDatabase(this IServiceCollection services, Settings settings) =>
        services.AddSingleton(provider => Database.CreatePool(settings, provider.GetRequiredService<ILoggerFactory>()));
}
