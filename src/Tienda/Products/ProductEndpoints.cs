using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Tienda.Caching;
using Tienda.Data;
using Tienda.Http;
using Tienda.Security;

namespace Tienda.Products;

/// <summary>The product routes.</summary>
public static class ProductEndpoints
{
    public static void MapProducts(this IEndpointRouteBuilder routes)
    {
        var products = routes.MapGroup("/products").WithTags("Products");

        products.MapGet("/", List).WithName("ListProducts").ForAnyone().Cached();
        products.MapGet("/{id_key:id}", Get).WithName("GetProduct").ForAnyone().Cached();
        products.MapPost("/", Create).WithName("CreateProduct").ForAdministrators().MayConflict();
        products.MapPut("/{id_key:id}", Update).WithName("PutProduct").ForAdministrators().MayConflict().Conditional();
        products.MapPatch("/{id_key:id}", Update).WithName("PatchProduct").ForAdministrators().MayConflict().Conditional();
        products.MapDelete("/{id_key:id}", Delete).WithName("DeleteProduct").ForAdministrators().MayConflict().Conditional();
    }

    /// <summary>List products</summary>
    /// <remarks>
    /// Filters can be combined. The Link header leads to the next page under every order.
    /// Inactive products are shown to administrators only.
    /// </remarks>
    public static async Task<Results<Page<Product>, Problem>> List(
        [AsParameters] ProductQuery query, ClaimsPrincipal caller, ProductStore store, CacheFill fill, CancellationToken ct) =>
        ProductStore.CanContinue(query)
            ? await store.ListAsync(query, caller.IsAdministrator, fill, ct)
            : Problem.InvalidValue("after", "belongs to a list in another order");

    /// <summary>Get one product</summary>
    public static async Task<Results<Ok<Product>, Problem>> Get(
        [FromRoute(Name = "id_key")] long id, ClaimsPrincipal caller, ProductStore store, CacheFill fill, CancellationToken ct) =>
        await store.FindAsync(id, caller.IsAdministrator, fill, ct) is { } product
            ? TypedResults.Ok(product)
            : Problem.NotFound("product", id);

    /// <summary>Create a product</summary>
    public static async Task<CreatedAtRoute<Product>> Create(CreateProductRequest request, ProductStore store, CancellationToken ct)
    {
        var product = await store.CreateAsync(request, ct);
        return TypedResults.CreatedAtRoute(product, "GetProduct", new { id_key = product.IdKey });
    }

    /// <summary>Change a product</summary>
    /// <remarks>Changes only the fields that are sent. <c>stock_change</c> restocks relatively and is safe beside sales.</remarks>
    public static async Task<Results<Ok<Product>, Problem>> Update(
        [FromRoute(Name = "id_key")] long id, UpdateProductRequest request, [FromHeader(Name = IfMatch.Header)] string? ifMatch,
        ProductStore store, CancellationToken ct) =>
        await store.UpdateAsync(id, request, new IfMatch(ifMatch), ct) switch
        {
            ({ } product, _) => TypedResults.Ok(product),
            (null, { } stock) when request.StockChange > 0 =>
                Problem.InvalidValue("stock_change", $"would bring the stock of {stock} above {Limits.MaximumStock}"),
            (null, { } stock) => Problem.OutOfStock(id, -request.StockChange!.Value, stock),
            _ => Problem.NotFound("product", id),
        };

    /// <summary>Delete a product</summary>
    /// <remarks>Its reviews go with it. A product that was sold cannot be deleted; set <c>active</c> to false instead.</remarks>
    public static async Task<Results<NoContent, Problem>> Delete(
        [FromRoute(Name = "id_key")] long id, [FromHeader(Name = IfMatch.Header)] string? ifMatch, ProductStore store,
        CancellationToken ct) =>
        await store.DeleteAsync(id, new IfMatch(ifMatch), ct) ? TypedResults.NoContent() : Problem.NotFound("product", id);
}
