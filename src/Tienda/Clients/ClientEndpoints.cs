using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Tienda.Caching;
using Tienda.Http;
using Tienda.Security;

namespace Tienda.Clients;

/// <summary>The client routes.</summary>
public static class ClientEndpoints
{
    public static void MapClients(this IEndpointRouteBuilder routes)
    {
        var clients = routes.MapGroup("/clients").WithTags("Clients");

        clients.MapGet("/", List).WithName("ListClients").ForAdministrators();
        clients.MapGet("/{id_key:id}", Get).WithName("GetClient").ForClients().Tagged();
        clients.MapGet("/me", GetOwn).WithName("GetOwnClient").ForClients().Tagged();
        clients.MapPost("/", Create).WithName("CreateClient").ForAnyone().LimitedBy(p => p.Registration).MayConflict();
        clients.MapPut("/{id_key:id}", Update).WithName("PutClient").ForClients().MayConflict().Conditional();
        clients.MapPatch("/{id_key:id}", Update).WithName("PatchClient").ForClients().MayConflict().Conditional();
        clients.MapDelete("/{id_key:id}", Delete).WithName("DeleteClient").ForClients().Conditional();
        clients.MapGet("/{id_key:id}/export", Export).WithName("ExportClient").ForClients();
    }

    /// <summary>List clients</summary>
    public static Task<Page<Client>> List([AsParameters] ListQuery query, ClientStore store, CancellationToken ct) =>
        store.ListAsync(query, ct);

    /// <summary>Get one client</summary>
    public static async Task<Results<Ok<Client>, Problem>> Get(
        [FromRoute(Name = "id_key")] long id, ClaimsPrincipal caller, ClientStore store, CancellationToken ct) =>
        caller.MaySee(id) && await store.FindAsync(id, ct) is { } client ? TypedResults.Ok(client) : Problem.NotFound("client", id);

    /// <summary>Get the client who is signed in</summary>
    public static async Task<Results<Ok<Client>, Problem>> GetOwn(ClaimsPrincipal caller, ClientStore store, CancellationToken ct) =>
        caller.ClientId is { } id && await store.FindAsync(id, ct) is { } client
            ? TypedResults.Ok(client)
            : new Problem(ProblemType.NotFound, "Behind these credentials there is no client.");

    /// <summary>Create a client</summary>
    /// <remarks>Registration: anybody may create a client, and sign in as that one with POST /auth/token.</remarks>
    public static async Task<CreatedAtRoute<Client>> Create(CreateClientRequest request, ClientStore store, CancellationToken ct)
    {
        var client = await store.CreateAsync(request, ct);
        return TypedResults.CreatedAtRoute(client, "GetClient", new { id_key = client.IdKey });
    }

    /// <summary>Change a client</summary>
    /// <remarks>Changes only the fields that are sent.</remarks>
    public static async Task<Results<Ok<Client>, Problem>> Update(
        [FromRoute(Name = "id_key")] long id, UpdateClientRequest request, [FromHeader(Name = IfMatch.Header)] string? ifMatch,
        ClaimsPrincipal caller, ClientStore store, CancellationToken ct) =>
        caller.MaySee(id) && await store.UpdateAsync(id, request, new IfMatch(ifMatch), ct) is { } client
            ? TypedResults.Ok(client) : Problem.NotFound("client", id);

    /// <summary>Delete a client</summary>
    /// <remarks>
    /// The client's reviews go too. A client with orders is made anonymous instead: orders and bills stay as the law wants them,
    /// but name, e-mail, telephone, password and addresses are gone and nobody can sign in any more.
    /// </remarks>
    public static async Task<Results<NoContent, Problem>> Delete(
        [FromRoute(Name = "id_key")] long id, [FromHeader(Name = IfMatch.Header)] string? ifMatch, ClaimsPrincipal caller,
        ClientErasure erasure, CancellationToken ct) =>
        caller.MaySee(id) && await erasure.EraseAsync(id, new IfMatch(ifMatch), ct)
            ? TypedResults.NoContent() : Problem.NotFound("client", id);

    /// <summary>Get everything that is kept about a client</summary>
    /// <remarks>The client with addresses, orders, their lines and bills, and reviews, in one document.</remarks>
    public static async Task<Results<Ok<ClientExport>, Problem>> Export(
        [FromRoute(Name = "id_key")] long id, ClaimsPrincipal caller, ClientStore store, CancellationToken ct) =>
        caller.MaySee(id) && await store.ExportAsync(id, ct) is { } export ? TypedResults.Ok(export) : Problem.NotFound("client", id);
}
