using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Tienda.Caching;
using Tienda.Data;
using Tienda.Http;
using Tienda.Security;

namespace Tienda.Reviews;

/// <summary>The review routes.</summary>
public static class ReviewEndpoints
{
    private static readonly string[] CannotBeChanged = ["cannot be changed"];

    public static void MapReviews(this IEndpointRouteBuilder routes)
    {
        var reviews = routes.MapGroup("/reviews").WithTags("Reviews");

        reviews.MapGet("/", List).WithName("ListReviews").ForAnyone();
        reviews.MapGet("/{id_key:id}", Get).WithName("GetReview").ForAnyone().Tagged();
        reviews.MapPost("/", Create).WithName("CreateReview").ForClients().LimitedBy(p => p.Reviews).MayConflict();
        reviews.MapPut("/{id_key:id}", Update).WithName("PutReview").ForClients().LimitedBy(p => p.Reviews).Conditional();
        reviews.MapPatch("/{id_key:id}", Update).WithName("PatchReview").ForClients().LimitedBy(p => p.Reviews).Conditional();
        reviews.MapDelete("/{id_key:id}", Delete).WithName("DeleteReview").ForClients().Conditional();

        routes.MapGet("/products/{id_key:id}/reviews", ListOfProduct)
            .WithName("ListProductReviews").ForAnyone().Cached().WithTags("Reviews");
    }

    /// <summary>List reviews</summary>
    public static Task<Page<Review>> List([AsParameters] ListQuery query, ReviewStore store, CancellationToken ct) =>
        store.ListAsync(query, ct);

    /// <summary>Get one review</summary>
    public static async Task<Results<Ok<Review>, Problem>> Get(
        [FromRoute(Name = "id_key")] long id, ReviewStore store, CancellationToken ct) =>
        await store.FindAsync(id, ct) is { } review ? TypedResults.Ok(review) : Problem.NotFound("review", id);

    /// <summary>Review a product</summary>
    /// <remarks>The product's rating follows at once. A second review of the same product by the same client is refused.</remarks>
    public static async Task<CreatedAtRoute<Review>> Create(
        CreateReviewRequest request, ClaimsPrincipal caller, ReviewStore store, CancellationToken ct)
    {
        var review = await store.CreateAsync(request with { ClientId = request.ClientId ?? caller.ClientId }, ct);
        return TypedResults.CreatedAtRoute(review, "GetReview", new { id_key = review.IdKey });
    }

    /// <summary>Change a review</summary>
    /// <remarks>Changes only the fields that are sent. The product and the client stay.</remarks>
    public static async Task<Results<Ok<Review>, Problem>> Update(
        [FromRoute(Name = "id_key")] long id, UpdateReviewRequest request, [FromHeader(Name = IfMatch.Header)] string? ifMatch,
        ClaimsPrincipal caller, ReviewStore store, CancellationToken ct) =>
        await store.UpdateAsync(id, request, new IfMatch(ifMatch), caller.ConfinedTo, ct) switch
        {
            ReviewChange.Made(var review) => TypedResults.Ok(review),
            ReviewChange.WouldMove(var fields) => new Problem(ProblemType.InvalidValues, $"Cannot be changed: {string.Join(", ", fields)}.")
            {
                Errors = fields.ToDictionary(field => field, _ => CannotBeChanged),
            },
            _ => Problem.NotFound("review", id),
        };

    /// <summary>Delete a review</summary>
    /// <remarks>The product's rating follows at once.</remarks>
    public static async Task<Results<NoContent, Problem>> Delete(
        [FromRoute(Name = "id_key")] long id, [FromHeader(Name = IfMatch.Header)] string? ifMatch, ClaimsPrincipal caller,
        ReviewStore store, CancellationToken ct) =>
        await store.DeleteAsync(id, new IfMatch(ifMatch), caller.ConfinedTo, ct)
            ? TypedResults.NoContent() : Problem.NotFound("review", id);

    /// <summary>List the reviews of a product</summary>
    public static async Task<Results<Page<Review>, Problem>> ListOfProduct(
        [FromRoute(Name = "id_key")] long id, [AsParameters] ListQuery query, ClaimsPrincipal caller, ReviewStore store,
        CacheFill fill, CancellationToken ct) =>
        await store.ListOfProductAsync(id, caller.IsAdministrator, query, fill, ct) is { } reviews
            ? reviews
            : Problem.NotFound("product", id);
}
