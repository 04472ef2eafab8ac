using Tienda.Addresses;
using Tienda.Bills;
using Tienda.Caching;
using Tienda.Categories;
using Tienda.Clients;
using Tienda.Data;
using Tienda.Hosting;
using Tienda.Hosting.Dashboard;
using Tienda.Hosting.Workers;
using Tienda.Http;
using Tienda.OrderDetails;
using Tienda.Orders;
using Tienda.Products;
using Tienda.Reviews;
using Tienda.Security;
using Tienda.Telemetry;

namespace Tienda;

/// <summary>The table of contents: what the shop consists of, what a request passes, and where the routes are.</summary>
public static class Program
{
    public static Task<int> Main(string[] args) => CommandLine.RunAsync(args);

    /// <summary>Puts a shop together on a database that exists and is migrated; it does not listen yet.</summary>
    /// <param name="socket">The descriptor of the socket to listen on, or null to open one.</param>
    public static WebApplication Build(Settings settings, int? socket = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.AddShopLog(settings);
        builder.WebHost.ConfigureShopServer(settings, socket);
        builder.Configuration.AddInMemoryCollection(settings.Telemetry.Standard!);

        builder.Services.AddSingleton(settings);
        builder.Services.AddWorkers(settings);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddShopDatabase(settings);
        builder.Services.AddShopHealth();
        builder.Services.AddShopMetrics(settings);
        builder.Services.AddShopTraces(settings);
        builder.Services.AddShopHttp();
        builder.Services.AddShopAuthentication(settings);
        builder.Services.AddShopAccess();
        builder.Services.AddSignIn();
        builder.Services.AddRateLimits();
        builder.Services.AddSingleton<RedisServer>();
        builder.Services.AddResponseCache(settings);
        builder.Services.AddCrossOrigin(settings);
        builder.Services.AddShopOpenApi();
        builder.Services.AddValidation();
        builder.Services.AddSingleton<ProductStore>();
        builder.Services.AddSingleton<ProductListStore>();
        builder.Services.AddSingleton<ProductFacetStore>();
        builder.Services.AddSingleton<CatalogStatisticsStore>();
        builder.Services.AddSingleton<ProductSearchStore>();
        builder.Services.AddSingleton<ProductBulkStore>();
        builder.Services.AddSingleton<ProductHistoryStore>();
        builder.Services.AddHostedService<CatalogUpkeep>();
        builder.Services.AddProductFiles();
        builder.Services.AddSingleton<CategoryStore>();
        builder.Services.AddSingleton<ClientStore>();
        builder.Services.AddSingleton<ClientErasure>();
        builder.Services.AddSingleton<AddressStore>();
        builder.Services.AddSingleton<OrderStore>();
        builder.Services.AddSingleton<OrderExportStore>();
        builder.Services.AddOrderQueue();
        builder.Services.AddSingleton<OrderDetailStore>();
        builder.Services.AddSingleton<BillStore>();
        builder.Services.AddSingleton<ReviewStore>();

        var app = builder.Build();
        app.UseWorkers();
        app.UseMiddleware<ClientAddress>();
        app.UseMiddleware<RequestLog>();
        app.UseMiddleware<SecurityHeaders>();
        app.UseCrossOrigin(settings);
        app.UseMiddleware<ConcurrencyLimit>();
        app.UseMiddleware<ClearFraming>();
        app.UseMiddleware<ExceptionProblems>();
        if (settings.RateLimitEnabled)
        {
            app.UseMiddleware<RateLimits>();
        }

        app.UseMiddleware<Negotiation>();
        app.UseMiddleware<HeadRequests>();
        app.UseMiddleware<CachedReads>(CachedFor.Strangers);
        app.UseStatusCodePages();
        app.UseRouting();
        app.UseAuthentication();
        app.UseMiddleware<BadCredentials>();
        app.UseAuthorization();
        app.UseMiddleware<OwnRateLimits>();
        app.UseMiddleware<CachedReads>(CachedFor.Clients);

        app.MapShopPage();
        app.MapHealth();
        app.MapShopMetrics();
        app.MapDashboard(settings);
        app.MapApiDocumentation();
        app.MapProblemTypes();
        var database = app.MapGroup("")
            .AddEndpointFilter<RouteGroupBuilder, CountedQueries>()
            .AddEndpointFilter<RouteGroupBuilder, Patience>();
        database.MapSignIn();
        var shop = database.MapGroup("").RepeatingReads(settings);
        shop.MapProducts();
        shop.MapProductFiles();
        shop.MapCategories();
        shop.MapClients();
        shop.MapAddresses();
        shop.MapOrders();
        shop.MapOrderDetails();
        shop.MapBills();
        shop.MapReviews();
        return app;
    }
}
