using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Tienda.Caching;
using Tienda.Data;
using Tienda.Http;
using Tienda.Security;

namespace Tienda.Categories;

/// <summary>The category routes.</summary>
public static class CategoryEndpoints
{
    public static void MapCategories(this IEndpointRouteBuilder routes)
    {
        var categories = routes.MapGroup("/categories").WithTags("Categories");

        categories.MapGet("/", List).WithName("ListCategories").ForAnyone().Cached();
        categories.MapGet("/{id_key:id}", Get).WithName("GetCategory").ForAnyone().Cached();
        categories.MapPost("/", Create).WithName("CreateCategory").ForAdministrators().MayConflict();
        categories.MapPut("/{id_key:id}", Update).WithName("PutCategory").ForAdministrators().MayConflict().Conditional();
        categories.MapPatch("/{id_key:id}", Update).WithName("PatchCategory").ForAdministrators().MayConflict().Conditional();
        categories.MapDelete("/{id_key:id}", Delete).WithName("DeleteCategory").ForAdministrators().MayConflict().Conditional();
    }

    /// <summary>List categories</summary>
    public static Task<Page<Category>> List(
        [AsParameters] ListQuery query, CategoryStore store, CacheFill fill, CancellationToken ct) =>
        store.ListAsync(query, fill, ct);

    /// <summary>Get one category</summary>
    public static async Task<Results<Ok<Category>, Problem>> Get(
        [FromRoute(Name = "id_key")] long id, CategoryStore store, CacheFill fill, CancellationToken ct) =>
        await store.FindAsync(id, fill, ct) is { } category ? TypedResults.Ok(category) : Problem.NotFound("category", id);

    /// <summary>Create a category</summary>
    public static async Task<CreatedAtRoute<Category>> Create(CreateCategoryRequest request, CategoryStore store, CancellationToken ct)
    {
        var category = await store.CreateAsync(request, ct);
        return TypedResults.CreatedAtRoute(category, "GetCategory", new { id_key = category.IdKey });
    }

    /// <summary>Change a category</summary>
    /// <remarks>Changes only the fields that are sent. A move that would make the category its own ancestor is refused.</remarks>
    public static async Task<Results<Ok<Category>, Problem>> Update(
        [FromRoute(Name = "id_key")] long id, UpdateCategoryRequest request, [FromHeader(Name = IfMatch.Header)] string? ifMatch,
        CategoryStore store, CancellationToken ct) =>
        await store.UpdateAsync(id, request, new IfMatch(ifMatch), ct) is { } category
            ? TypedResults.Ok(category)
            : Problem.NotFound("category", id);

    /// <summary>Delete a category</summary>
    /// <remarks>A category with products or subcategories cannot be deleted.</remarks>
    public static async Task<Results<NoContent, Problem>> Delete(
        [FromRoute(Name = "id_key")] long id, [FromHeader(Name = IfMatch.Header)] string? ifMatch, CategoryStore store,
        CancellationToken ct) =>
        await store.DeleteAsync(id, new IfMatch(ifMatch), ct) ? TypedResults.NoContent() : Problem.NotFound("category", id);
}
