using Microsoft.AspNetCore.Http.HttpResults;
using Tienda.Hosting.Dashboard;
using Tienda.Security;

namespace Tienda.Hosting;

/// <summary>What the shop says about itself.</summary>
public sealed record ShopDescription
{
    public required string Name { get; init; }

    public required string Version { get; init; }

    /// <summary>ISO 4217 code of every amount.</summary>
    public required string Currency { get; init; }

    /// <summary>Where to go from here, by what is found there.</summary>
    public required IReadOnlyDictionary<string, string> Links { get; init; }
}

/// <summary>The root of the API.</summary>
public static class ShopPage
{
    private static readonly Dictionary<string, string> Links = new()
    {
        ["docs"] = "/docs",
        ["openapi"] = "/openapi.json",
        ["errors"] = "/errors",
        ["health"] = "/health_check",
        ["metrics"] = "/metrics",
        ["dashboard"] = DashboardPage.Path,
        ["products"] = "/products",
        ["categories"] = "/categories",
        ["clients"] = "/clients",
        ["addresses"] = "/addresses",
        ["orders"] = "/orders",
        ["order_details"] = "/order_details",
        ["bills"] = "/bills",
        ["reviews"] = "/reviews",
    };

    public static void MapShopPage(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/", Describe).WithTags("Shop").WithName("GetShop").ForAnyone();

    /// <summary>Describe the shop</summary>
    public static Ok<ShopDescription> Describe(Settings settings) => TypedResults.Ok(new ShopDescription
    {
        Name = "Tienda",
        Version = BuildInfo.Version,
        Currency = settings.Currency,
        Links = Links,
    });
}
