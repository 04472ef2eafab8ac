using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Tienda.Http;

namespace Tienda.Bills;

/// <summary>The bill routes. There is none to change or delete a bill.</summary>
public static class BillEndpoints
{
    public static void MapBills(this IEndpointRouteBuilder routes)
    {
        var bills = routes.MapGroup("/bills").WithTags("Bills");

        bills.MapGet("/", List).WithName("ListBills");
        bills.MapGet("/{id_key:long:min(1)}", Get).WithName("GetBill");
        bills.MapPost("/", Create).WithName("CreateBill").MayConflict().RoundTrips(3);
        bills.MapPost("/{id_key:long:min(1)}/void", Void).WithName("VoidBill");
    }

    /// <summary>List bills</summary>
    public static Task<Page<Bill>> List([AsParameters] ListQuery query, BillStore store, CancellationToken ct) =>
        store.ListAsync(query, ct);

    /// <summary>Get one bill</summary>
    public static async Task<Results<Ok<Bill>, Problem>> Get(
        [FromRoute(Name = "id_key")] long id, BillStore store, CancellationToken ct) =>
        await store.FindAsync(id, ct) is { } bill ? TypedResults.Ok(bill) : Problem.NotFound("bill", id);

    /// <summary>Bill an order</summary>
    public static async Task<Results<CreatedAtRoute<Bill>, Problem>> Create(
        CreateBillRequest request, BillStore store, CancellationToken ct) =>
        await store.CreateAsync(request, ct) switch
        {
            { Record: { } bill } => TypedResults.CreatedAtRoute(bill, "GetBill", new { id_key = bill.IdKey }),
            var refused => refused.Refusal!.ToProblem(),
        };

    /// <summary>Void a bill</summary>
    /// <remarks>The bill stays and keeps its number; the order can be billed again. Voiding twice changes nothing.</remarks>
    public static async Task<Results<Ok<Bill>, Problem>> Void(
        [FromRoute(Name = "id_key")] long id, BillStore store, CancellationToken ct) =>
        await store.VoidAsync(id, ct) is { } bill ? TypedResults.Ok(bill) : Problem.NotFound("bill", id);
}
