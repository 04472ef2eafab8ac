using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Tienda.Http;

namespace Tienda.Addresses;

/// <summary>The address routes.</summary>
public static class AddressEndpoints
{
    public static void MapAddresses(this IEndpointRouteBuilder routes)
    {
        var addresses = routes.MapGroup("/addresses").WithTags("Addresses");

        addresses.MapGet("/", List).WithName("ListAddresses");
        addresses.MapGet("/{id_key:long:min(1)}", Get).WithName("GetAddress");
        addresses.MapPost("/", Create).WithName("CreateAddress");
        addresses.MapPut("/{id_key:long:min(1)}", Update).WithName("PutAddress").MayConflict();
        addresses.MapPatch("/{id_key:long:min(1)}", Update).WithName("PatchAddress").MayConflict();
        addresses.MapDelete("/{id_key:long:min(1)}", Delete).WithName("DeleteAddress").MayConflict();

        routes.MapGet("/clients/{id_key:long:min(1)}/addresses", ListOfClient).WithName("ListClientAddresses").WithTags("Addresses");
    }

    /// <summary>List addresses</summary>
    public static Task<Page<Address>> List([AsParameters] ListQuery query, AddressStore store, CancellationToken ct) =>
        store.ListAsync(query, ct);

    /// <summary>Get one address</summary>
    public static async Task<Results<Ok<Address>, Problem>> Get(
        [FromRoute(Name = "id_key")] long id, AddressStore store, CancellationToken ct) =>
        await store.FindAsync(id, ct) is { } address ? TypedResults.Ok(address) : Problem.NotFound("address", id);

    /// <summary>Create an address</summary>
    public static async Task<CreatedAtRoute<Address>> Create(CreateAddressRequest request, AddressStore store, CancellationToken ct)
    {
        var address = await store.CreateAsync(request, ct);
        return TypedResults.CreatedAtRoute(address, "GetAddress", new { id_key = address.IdKey });
    }

    /// <summary>Change an address</summary>
    /// <remarks>Changes only the fields that are sent. An address that orders were sent to stays with its client.</remarks>
    public static async Task<Results<Ok<Address>, Problem>> Update(
        [FromRoute(Name = "id_key")] long id, UpdateAddressRequest request, AddressStore store, CancellationToken ct) =>
        await store.UpdateAsync(id, request, ct) is { } address ? TypedResults.Ok(address) : Problem.NotFound("address", id);

    /// <summary>Delete an address</summary>
    /// <remarks>An address that orders were sent to cannot be deleted.</remarks>
    public static async Task<Results<NoContent, Problem>> Delete(
        [FromRoute(Name = "id_key")] long id, AddressStore store, CancellationToken ct) =>
        await store.DeleteAsync(id, ct) ? TypedResults.NoContent() : Problem.NotFound("address", id);

    /// <summary>List the addresses of a client</summary>
    public static async Task<Results<Page<Address>, Problem>> ListOfClient(
        [FromRoute(Name = "id_key")] long id, [AsParameters] ListQuery query, AddressStore store, CancellationToken ct) =>
        await store.ListOfClientAsync(id, query, ct) is { } addresses ? addresses : Problem.NotFound("client", id);
}
