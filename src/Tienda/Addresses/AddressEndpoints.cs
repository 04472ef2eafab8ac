using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Tienda.Caching;
using Tienda.Http;
using Tienda.Security;

namespace Tienda.Addresses;

/// <summary>The address routes.</summary>
public static class AddressEndpoints
{
    public static void MapAddresses(this IEndpointRouteBuilder routes)
    {
        var addresses = routes.MapGroup("/addresses").WithTags("Addresses");

        addresses.MapGet("/", List).WithName("ListAddresses").ForClients();
        addresses.MapGet("/{id_key:id}", Get).WithName("GetAddress").ForClients().Tagged();
        addresses.MapPost("/", Create).WithName("CreateAddress").ForClients();
        addresses.MapPut("/{id_key:id}", Update).WithName("PutAddress").ForClients().MayConflict().Conditional();
        addresses.MapPatch("/{id_key:id}", Update).WithName("PatchAddress").ForClients().MayConflict().Conditional();
        addresses.MapDelete("/{id_key:id}", Delete).WithName("DeleteAddress").ForClients().MayConflict().Conditional();

        routes.MapGet("/clients/{id_key:id}/addresses", ListOfClient)
            .WithName("ListClientAddresses").ForClients().WithTags("Addresses");
    }

    /// <summary>List addresses</summary>
    public static Task<Page<Address>> List(
        [AsParameters] ListQuery query, ClaimsPrincipal caller, AddressStore store, CancellationToken ct) =>
        store.ListAsync(caller.ConfinedTo, query, ct);

    /// <summary>Get one address</summary>
    public static async Task<Results<Ok<Address>, Problem>> Get(
        [FromRoute(Name = "id_key")] long id, ClaimsPrincipal caller, AddressStore store, CancellationToken ct) =>
        await store.FindAsync(id, caller.ConfinedTo, ct) is { } address ? TypedResults.Ok(address) : Problem.NotFound("address", id);

    /// <summary>Create an address</summary>
    public static async Task<CreatedAtRoute<Address>> Create(
        CreateAddressRequest request, ClaimsPrincipal caller, AddressStore store, CancellationToken ct)
    {
        var address = await store.CreateAsync(request with { ClientId = request.ClientId ?? caller.ClientId }, ct);
        return TypedResults.CreatedAtRoute(address, "GetAddress", new { id_key = address.IdKey });
    }

    /// <summary>Change an address</summary>
    /// <remarks>Changes only the fields that are sent. An address that orders were sent to stays with its client.</remarks>
    public static async Task<Results<Ok<Address>, Problem>> Update(
        [FromRoute(Name = "id_key")] long id, UpdateAddressRequest request, [FromHeader(Name = IfMatch.Header)] string? ifMatch,
        ClaimsPrincipal caller, AddressStore store, CancellationToken ct) =>
        await store.UpdateAsync(id, request, new IfMatch(ifMatch), caller.ConfinedTo, ct) is { } address
            ? TypedResults.Ok(address) : Problem.NotFound("address", id);

    /// <summary>Delete an address</summary>
    /// <remarks>An address that orders were sent to cannot be deleted.</remarks>
    public static async Task<Results<NoContent, Problem>> Delete(
        [FromRoute(Name = "id_key")] long id, [FromHeader(Name = IfMatch.Header)] string? ifMatch, ClaimsPrincipal caller,
        AddressStore store, CancellationToken ct) =>
        await store.DeleteAsync(id, new IfMatch(ifMatch), caller.ConfinedTo, ct)
            ? TypedResults.NoContent() : Problem.NotFound("address", id);

    /// <summary>List the addresses of a client</summary>
    public static async Task<Results<Page<Address>, Problem>> ListOfClient(
        [FromRoute(Name = "id_key")] long id, [AsParameters] ListQuery query, ClaimsPrincipal caller, AddressStore store,
        CancellationToken ct) =>
        caller.MaySee(id) && await store.ListOfClientAsync(id, query, ct) is { } addresses ? addresses : Problem.NotFound("client", id);
}
