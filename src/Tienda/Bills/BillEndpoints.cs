using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Tienda.Caching;
using Tienda.Http;
using Tienda.Security;

namespace Tienda.Bills;

/// <summary>The bill routes. There is none to change or delete a bill.</summary>
public static class BillEndpoints
{
    public static void MapBills(this IEndpointRouteBuilder routes)
    {
        var bills = routes.MapGroup("/bills").WithTags("Bills");

        bills.MapGet("/", List).WithName("ListBills").ForClients();
        bills.MapGet("/{id_key:id}", Get).WithName("GetBill").ForClients().Tagged();
        bills.MapPost("/", Create).WithName("CreateBill").ForClients().MayForbid().MayConflict().RoundTrips(3);
        bills.MapPost("/{id_key:id}/void", Void).WithName("VoidBill").ForAdministrators().Conditional();
    }

    /// <summary>List bills</summary>
    public static Task<Page<Bill>> List(
        [AsParameters] ListQuery query, ClaimsPrincipal caller, BillStore store, CancellationToken ct) =>
        store.ListAsync(caller.ConfinedTo, query, ct);

    /// <summary>Get one bill</summary>
    public static async Task<Results<Ok<Bill>, Problem>> Get(
        [FromRoute(Name = "id_key")] long id, ClaimsPrincipal caller, BillStore store, CancellationToken ct) =>
        await store.FindAsync(id, caller.ConfinedTo, ct) is { } bill ? TypedResults.Ok(bill) : Problem.NotFound("bill", id);

    /// <summary>Bill an order</summary>
    public static async Task<Results<CreatedAtRoute<Bill>, Problem>> Create(
        CreateBillRequest request,
        [FromHeader(Name = IdempotencyKey.Header)] IdempotencyKey? idempotencyKey,
        ClaimsPrincipal caller, BillStore store, HttpResponse response, CancellationToken ct)
    {
        if (request.Discount > 0 && !caller.IsAdministrator)
        {
            return Problem.DiscountForbidden;
        }

        var outcome = await store.CreateAsync(request, caller.Actor, idempotencyKey, ct);
        response.TellReplay(outcome.Replayed);
        return outcome switch
        {
            { Record: { } bill } => TypedResults.CreatedAtRoute(bill, "GetBill", new { id_key = bill.IdKey }),
            _ => outcome.Refusal!.ToProblem(),
        };
    }

    /// <summary>Void a bill</summary>
    /// <remarks>The bill stays and keeps its number; the order can be billed again. Voiding twice changes nothing.</remarks>
    public static async Task<Results<Ok<Bill>, Problem>> Void(
        [FromRoute(Name = "id_key")] long id, [FromHeader(Name = IfMatch.Header)] string? ifMatch, ClaimsPrincipal caller,
        BillStore store, CancellationToken ct) =>
        await store.VoidAsync(id, new IfMatch(ifMatch), caller.Actor, ct) is { } bill
            ? TypedResults.Ok(bill) : Problem.NotFound("bill", id);
}
