using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Tienda.Caching;
using Tienda.Data;
using Tienda.Http;
using Tienda.Orders;
using Tienda.Security;

namespace Tienda.Products;

/// <summary>The product routes.</summary>
public static class ProductEndpoints
{
    public static void MapProducts(this IEndpointRouteBuilder routes)
    {
        var products = routes.MapGroup("/products").WithTags("Products");

        products.MapGet("/", List).WithName("ListProducts").ForAnyone().Cached().RoundTrips(6);
        products.MapGet("/facets", CountByKind).WithName("CountProducts").ForAnyone().Cached().RoundTrips(4);
        products.MapGet("/{id_key:id}", Get).WithName("GetProduct").ForAnyone().Cached();
        products.MapPost("/", Create).WithName("CreateProduct").ForAdministrators().MayConflict();
        products.MapPatch("/bulk", EditMany).WithName("EditProducts").ForAdministrators().RoundTrips(3)
            .WithMetadata(new RequestSizeLimitAttribute(BulkEditRequest.MaximumBytes));
        products.MapPut("/{id_key:id}", Update).WithName("PutProduct").ForAdministrators().MayConflict().Conditional();
        products.MapPatch("/{id_key:id}", Update).WithName("PatchProduct").ForAdministrators().MayConflict().Conditional();
        products.MapDelete("/{id_key:id}", Delete).WithName("DeleteProduct").ForAdministrators().MayConflict().Conditional();
        products.MapGet("/{id_key:id}/history", ListHistory).WithName("ListProductHistory").ForAdministrators().RoundTrips(3);
    }

    /// <summary>List products</summary>
    /// <remarks>
    /// Filters can be combined; what is searched for comes in the order of its relevance.
    /// The Link header leads to the next page under every order.
    /// Inactive products are shown to administrators only.
    /// </remarks>
    public static async Task<Results<Page<Product>, Problem>> List(
        [AsParameters] ProductQuery query, ClaimsPrincipal caller, ProductListStore store, CacheFill fill, CancellationToken ct) =>
        ProductListStore.CanContinue(query)
            ? await store.ListAsync(query, caller.IsAdministrator, fill, ct)
            : Problem.InvalidValue("after", "belongs to a list in another order");

    /// <summary>Count products by category, price, stock and rating</summary>
    /// <remarks>
    /// Of the products that the list with the same filters has. A count is exact up to 10000 and "10000+" beyond. Of a search, or of a
    /// price range that cuts through one of the answered ranges, it is the least that there are, as in "250+", if more than 20000 products
    /// match.
    /// </remarks>
    public static async Task<Ok<ProductFacets>> CountByKind(
        [AsParameters] ProductFilterQuery query, ClaimsPrincipal caller, ProductFacetStore store, CacheFill fill, CancellationToken ct) =>
        TypedResults.Ok(await store.ReadAsync(query, caller.IsAdministrator, fill, ct));

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

    /// <summary>Change stocks and prices of many products</summary>
    /// <remarks>
    /// Up to 10000 changes in one request. Each is decided on its own, and the answer says what became of it, in the order of the request;
    /// a change that cannot be made leaves the others alone. They are made in portions of 500, each all at once. An Idempotency-Key makes
    /// it safe to repeat the request when no answer came, or 503: what was made under it is not made again. Without a key a database that
    /// fails in the middle is no 503: the answer tells what was made, and the rest is <c>not_made</c>. There is no If-Match for many
    /// products (422); each change takes an <c>if_match</c> of its own.
    /// </remarks>
    public static async Task<Results<Ok<BulkEditAnswer>, Problem>> EditMany(
        BulkEditRequest request,
        [FromHeader(Name = IdempotencyKey.Header)] IdempotencyKey? idempotencyKey,
        ClaimsPrincipal caller, ProductBulkStore store, HttpResponse response, CancellationToken ct)
    {
        var http = response.HttpContext;
        if (http.Request.Headers.IfMatch.Count > 0)
        {
            return Problem.InvalidValue(IfMatch.Header, "belongs into items[i].if_match, for each product its own");
        }

        if (await store.ApplyAsync(request, caller.Actor, idempotencyKey, http.RequestAborted, ct) is not var (answer, replayed))
        {
            return new OrderRefusal.KeyReused().ToProblem();
        }

        response.TellReplay(replayed);
        return TypedResults.Ok(answer);
    }

    /// <summary>Change a product</summary>
    /// <remarks>Changes only the fields that are sent. <c>stock_change</c> restocks relatively and is safe beside sales.</remarks>
    public static async Task<Results<Ok<Product>, Problem>> Update(
        [FromRoute(Name = "id_key")] long id, UpdateProductRequest request, [FromHeader(Name = IfMatch.Header)] string? ifMatch,
        ClaimsPrincipal caller, ProductStore store, CancellationToken ct) =>
        await store.UpdateAsync(id, request, new IfMatch(ifMatch), caller.Actor, ct) switch
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

    /// <summary>List what became of a product's price and stock</summary>
    /// <remarks>
    /// Every sale, cancellation and edit: when, by whom and why, the newest first. Edits are kept for as long as PRODUCT_HISTORY_DAYS says,
    /// also those of a product that was deleted.
    /// </remarks>
    public static async Task<Results<Page<ProductChange>, Problem>> ListHistory(
        [FromRoute(Name = "id_key")] long id, [AsParameters] ListQuery query, ProductHistoryStore store, CancellationToken ct) =>
        !ProductHistoryStore.CanContinue(query) ? Problem.InvalidValue("after", "belongs to another list")
        : await store.ListAsync(id, query, ct) is { } page ? page
        : Problem.NotFound("product", id);
}
