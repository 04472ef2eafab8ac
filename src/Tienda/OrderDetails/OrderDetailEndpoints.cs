using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Tienda.Caching;
using Tienda.Http;
using Tienda.Security;

namespace Tienda.OrderDetails;

/// <summary>The routes of the lines of orders.</summary>
public static class OrderDetailEndpoints
{
    public static void MapOrderDetails(this IEndpointRouteBuilder routes)
    {
        var details = routes.MapGroup("/order_details").WithTags("Order details");

        details.MapGet("/", List).WithName("ListOrderDetails").ForClients();
        details.MapGet("/{id_key:id}", Get).WithName("GetOrderDetail").ForClients().Tagged();
        details.MapPost("/", Create).WithName("CreateOrderDetail").ForClients().MayConflict().RoundTrips(3);
        details.MapPut("/{id_key:id}", Update).WithName("PutOrderDetail").ForClients().MayConflict().Conditional().RoundTrips(3);
        details.MapPatch("/{id_key:id}", Update).WithName("PatchOrderDetail").ForClients().MayConflict().Conditional().RoundTrips(3);
        details.MapDelete("/{id_key:id}", Delete).WithName("DeleteOrderDetail").ForClients().MayConflict().Conditional().RoundTrips(3);
        routes.MapGet("/orders/{id_key:id}/order_details", ListOfOrder)
            .WithTags("Order details").WithName("ListOrderOrderDetails").ForClients();
    }

    /// <summary>List order details</summary>
    public static Task<Page<OrderDetail>> List(
        [AsParameters] ListQuery query, ClaimsPrincipal caller, OrderDetailStore store, CancellationToken ct) =>
        store.ListAsync(caller.ConfinedTo, query, ct);

    /// <summary>Get one order detail</summary>
    public static async Task<Results<Ok<OrderDetail>, Problem>> Get(
        [FromRoute(Name = "id_key")] long id, ClaimsPrincipal caller, OrderDetailStore store, CancellationToken ct) =>
        await store.FindAsync(id, caller.ConfinedTo, ct) is { } line ? TypedResults.Ok(line) : Problem.NotFound("order detail", id);

    /// <summary>Add a line to an order</summary>
    /// <remarks>Only while the order is PENDING and has no bill. Takes the stock and updates the order's total.</remarks>
    public static async Task<Results<CreatedAtRoute<OrderDetail>, Problem>> Create(
        CreateOrderDetailRequest request,
        [FromHeader(Name = IdempotencyKey.Header)] IdempotencyKey? idempotencyKey,
        ClaimsPrincipal caller, OrderDetailStore store, HttpResponse response, CancellationToken ct)
    {
        var outcome = await store.CreateAsync(request, caller.Actor, idempotencyKey, ct);
        response.TellReplay(outcome.Replayed);
        return outcome switch
        {
            { Record: { } line } => TypedResults.CreatedAtRoute(line, "GetOrderDetail", new { id_key = line.IdKey }),
            _ => outcome.Refusal!.ToProblem(),
        };
    }

    /// <summary>Change a line of an order</summary>
    /// <remarks>Only while the order is PENDING and has no bill. The difference is taken from stock or given back.</remarks>
    public static async Task<Results<Ok<OrderDetail>, Problem>> Update(
        [FromRoute(Name = "id_key")] long id, UpdateOrderDetailRequest request, [FromHeader(Name = IfMatch.Header)] string? ifMatch,
        ClaimsPrincipal caller, OrderDetailStore store, CancellationToken ct) =>
        await store.UpdateAsync(id, request, new IfMatch(ifMatch), caller.Actor, ct) switch
        {
            { Record: { } line } => TypedResults.Ok(line),
            { Refusal: { } refusal } => refusal.ToProblem(),
            _ => Problem.NotFound("order detail", id),
        };

    /// <summary>Remove a line from an order</summary>
    /// <remarks>Only while the order is PENDING and has no bill. Gives the stock back and updates the order's total.</remarks>
    public static async Task<Results<NoContent, Problem>> Delete(
        [FromRoute(Name = "id_key")] long id, [FromHeader(Name = IfMatch.Header)] string? ifMatch, ClaimsPrincipal caller,
        OrderDetailStore store, CancellationToken ct) =>
        await store.DeleteAsync(id, new IfMatch(ifMatch), caller.Actor, ct) switch
        {
            { Record: not null } => TypedResults.NoContent(),
            { Refusal: { } refusal } => refusal.ToProblem(),
            _ => Problem.NotFound("order detail", id),
        };

    /// <summary>List the lines of one order</summary>
    public static async Task<Results<Page<OrderDetail>, Problem>> ListOfOrder(
        [FromRoute(Name = "id_key")] long id, [AsParameters] ListQuery query, ClaimsPrincipal caller, OrderDetailStore store,
        CancellationToken ct) =>
        await store.ListOfOrderAsync(id, caller.ConfinedTo, query, ct) is { } page ? page : Problem.NotFound("order", id);
}
