using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Tienda.Caching;
using Tienda.Http;
using Tienda.Security;

namespace Tienda.Orders;

/// <summary>The order routes.</summary>
public static class OrderEndpoints
{
    public static void MapOrders(this IEndpointRouteBuilder routes)
    {
        var orders = routes.MapGroup("/orders").WithTags("Orders");

        orders.MapGet("/", List).WithName("ListOrders").ForClients();
        orders.MapGet("/export", Export).WithName("ExportOrders").ForAdministrators().RoundTrips(4);
        orders.MapGet("/{id_key:id}", Get).WithName("GetOrder").ForClients().Tagged();
        orders.MapPost("/", Place).WithName("PlaceOrder").ForClients().MayForbid().MayConflict();
        orders.MapPut("/{id_key:id}", Update).WithName("PutOrder").ForClients().MayForbid().MayConflict().Conditional().RoundTrips(3);
        orders.MapPatch("/{id_key:id}", Update).WithName("PatchOrder").ForClients().MayForbid().MayConflict().Conditional().RoundTrips(3);
        orders.MapDelete("/{id_key:id}", Delete).WithName("DeleteOrder").ForClients().MayConflict().Conditional().RoundTrips(3);
        orders.MapGet("/{id_key:id}/events", ListEvents).WithName("ListOrderEvents").ForAdministrators();
        routes.MapGet("/clients/{id_key:id}/orders", ListOfClient).WithTags("Orders").WithName("ListClientOrders").ForClients();
    }

    /// <summary>List orders</summary>
    /// <remarks>Ordered by id; with <c>from</c> or <c>to</c> by date, then by id.</remarks>
    public static async Task<Results<Page<Order>, Problem>> List(
        [AsParameters] OrderQuery query, ClaimsPrincipal caller, OrderStore store, CancellationToken ct) =>
        OrderStore.CanContinue(query)
            ? await store.ListAsync(caller.ConfinedTo, query, ct)
            : Problem.InvalidValue("after", "belongs to a list in another order");

    /// <summary>Export orders to a file</summary>
    /// <remarks>
    /// An order with its lines is a line, CSV (where <c>items</c> is JSON) or NDJSON, ordered by id, all of one moment. The connection
    /// breaks if the file cannot be completed, or not within an hour. More than two at a time wait for each other.
    /// </remarks>
    public static async Task<Results<FileDownload, Problem>> Export(
        [AsParameters] OrderExportQuery query, HttpRequest request, OrderExportStore store, ExportTurns turns, CancellationToken ct) =>
        FileFormats.Wanted(request, query.Format) is { } format
            ? await turns.BeginAsync(request, format, "orders", async () => (await store.ReadAsync(query, format, ct), null), ct)
            : Problem.NotAFile(request);

    /// <summary>Get one order with its lines</summary>
    public static async Task<Results<Ok<Order>, Problem>> Get(
        [FromRoute(Name = "id_key")] long id, ClaimsPrincipal caller, OrderStore store, CancellationToken ct) =>
        await store.FindAsync(id, caller.ConfinedTo, ct) is { } order ? TypedResults.Ok(order) : Problem.NotFound("order", id);

    /// <summary>Place an order</summary>
    /// <remarks>
    /// Stock is taken for every line or for none, prices are frozen, and with <c>payment_type</c> the order is billed, all at once.
    /// Insufficient stock is a 409 whose <c>shortages</c> tells what is there.
    /// </remarks>
    public static async Task<Results<CreatedAtRoute<Order>, Problem>> Place(
        PlaceOrderRequest request,
        [FromHeader(Name = IdempotencyKey.Header)] IdempotencyKey? idempotencyKey,
        ClaimsPrincipal caller, OrderQueue orders, HttpResponse response, CancellationToken ct)
    {
        if (request.Discount > 0 && !caller.IsAdministrator)
        {
            return Problem.DiscountForbidden;
        }

        var outcome = await orders.PlaceAsync(
            request with { ClientId = request.ClientId ?? caller.ClientId }, caller.Actor, idempotencyKey, ct);
        response.TellReplay(outcome.Replayed);
        return outcome switch
        {
            { Record: { } order } => TypedResults.CreatedAtRoute(order, "GetOrder", new { id_key = order.IdKey }),
            _ => outcome.Refusal!.ToProblem(),
        };
    }

    /// <summary>Change an order</summary>
    /// <remarks>Changes only the fields that are sent. <c>{"status": 4}</c> cancels: the stock goes back and the bill is voided.</remarks>
    public static async Task<Results<Ok<Order>, Problem>> Update(
        [FromRoute(Name = "id_key")] long id, UpdateOrderRequest request, [FromHeader(Name = IfMatch.Header)] string? ifMatch,
        ClaimsPrincipal caller, OrderStore store, CancellationToken ct) =>
        await store.UpdateAsync(id, request, new IfMatch(ifMatch), caller.Actor, ct) switch
        {
            { Record: { } order } => TypedResults.Ok(order),
            { Refusal: { } refusal } => refusal.ToProblem(),
            _ => Problem.NotFound("order", id),
        };

    /// <summary>Delete an order</summary>
    /// <remarks>Only while PENDING, which gives its stock back, or CANCELED, and only if it never had a bill.</remarks>
    public static async Task<Results<NoContent, Problem>> Delete(
        [FromRoute(Name = "id_key")] long id, [FromHeader(Name = IfMatch.Header)] string? ifMatch, ClaimsPrincipal caller,
        OrderStore store, CancellationToken ct) =>
        await store.DeleteAsync(id, new IfMatch(ifMatch), caller.Actor, ct) switch
        {
            { Record: not null } => TypedResults.NoContent(),
            { Refusal: { } refusal } => refusal.ToProblem(),
            _ => Problem.NotFound("order", id),
        };

    /// <summary>List what was done to an order</summary>
    /// <remarks>Who changed what, and when, in the order in which it happened; also of an order that was deleted since.</remarks>
    public static async Task<Results<Page<OrderEvent>, Problem>> ListEvents(
        [FromRoute(Name = "id_key")] long id, [AsParameters] ListQuery query, OrderStore store, CancellationToken ct) =>
        await store.ListEventsAsync(id, query, ct) is { } page ? page : Problem.NotFound("order", id);

    /// <summary>List the orders of one client</summary>
    public static async Task<Results<Page<Order>, Problem>> ListOfClient(
        [FromRoute(Name = "id_key")] long id, [AsParameters] ListQuery query, ClaimsPrincipal caller, OrderStore store,
        CancellationToken ct) =>
        caller.MaySee(id) && await store.ListOfClientAsync(id, query, ct) is { } page ? page : Problem.NotFound("client", id);
}
