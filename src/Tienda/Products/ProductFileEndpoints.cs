using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Tienda.Caching;
using Tienda.Data;
using Tienda.Http;
using Tienda.Security;

namespace Tienda.Products;

/// <summary>The routes of files of products.</summary>
public static class ProductFileEndpoints
{
    public static IServiceCollection AddProductFiles(this IServiceCollection services) => services
        .AddSingleton<ProductExportStore>()
        .AddSingleton<ProductImportStore>()
        .AddSingleton<ImportRecordStore>()
        .AddSingleton<ImportUpkeepStore>()
        .AddSingleton<ProductFiles>()
        .AddSingleton<ProductImports>()
        .AddHostedService(provider => provider.GetRequiredService<ProductImports>());

    public static void MapProductFiles(this IEndpointRouteBuilder routes)
    {
        var products = routes.MapGroup("/products").WithTags("Products");

        products.MapPost("/import", Import).WithName("ImportProducts").ForAdministrators().RoundTrips(12)
            .Accepts<string>(FileFormats.Csv, FileFormats.Ndjson).WithMetadata(new DisableRequestSizeLimitAttribute());
        products.MapGet("/imports", ListImports).WithName("ListProductImports").ForAdministrators();
        products.MapGet("/imports/{id_key:id}", GetImport).WithName("GetProductImport").ForAdministrators().Tagged();
        products.MapDelete("/imports/{id_key:id}", EndImport).WithName("EndProductImport").ForAdministrators().Conditional().RoundTrips(3);
        products.MapGet("/export", Export).WithName("ExportProducts").ForAdministrators().RoundTrips(6);
    }

    /// <summary>Import products from a file</summary>
    /// <remarks>
    /// A record a line, CSV with the names of the columns in the first or NDJSON, in the fields that an export has. A line whose sku (or,
    /// if it has none, id_key) is that of a product changes the fields that it has, any other one makes a product. When all lines were
    /// found valid the answer is 202, and they are applied a portion at a time: Location tells how far that is. If not, nothing is changed,
    /// <c>lines</c> says what is wrong, and <c>import_id</c> under which id that is kept. A dry run answers 200.
    /// </remarks>
    public static async Task<Results<AcceptedAtRoute<ProductImport>, Ok<ProductImport>, Problem>> Import(
        [AsParameters] ImportQuery query, HttpRequest request, ClaimsPrincipal caller, ProductFiles files, ProductImports imports)
    {
        if (FileFormats.OfBody(request) is not { } format)
        {
            return new Problem(ProblemType.UnsupportedMediaType, FrameworkProblems.MediaTypeDetail(request));
        }

        ProductImport import;
        try
        {
            // Not a handler's token, which ends when any other answer would have been given.
            import = await files.ReceiveAsync(
                request.Body, format, query, caller.Actor.Name, request.HttpContext.RequestAborted);
        }
        catch
        {
            // What has come of it is to be forgotten.
            imports.Begin();
            throw;
        }

        if (import.IsUnderWay)
        {
            imports.Begin();
            return TypedResults.AcceptedAtRoute(import, "GetProductImport", new { id_key = import.IdKey });
        }

        return import.Status == "checked"
            ? TypedResults.Ok(import)
            : new Problem(
                ProblemType.InvalidValues, $"{import.InvalidLines} of {import.Lines} lines are not valid; nothing was imported.")
            {
                Lines = import.Errors,
                InvalidLines = import.InvalidLines,
                ImportId = import.IdKey,
            };
    }

    /// <summary>List imports</summary>
    /// <remarks>Also those whose file has not come to its end, or was refused. Kept for 30 days.</remarks>
    public static Task<Page<ProductImport>> ListImports(
        [AsParameters] ImportListQuery query, ImportRecordStore store, CancellationToken ct) => store.ListAsync(query, ct);

    /// <summary>Tell what has become of an import</summary>
    /// <remarks>Kept for 30 days.</remarks>
    public static async Task<Results<Ok<ProductImport>, Problem>> GetImport(
        [FromRoute(Name = "id_key")] long id, ImportRecordStore store, HttpResponse response, CancellationToken ct)
    {
        var import = await store.FindAsync(id, ct);
        if (import is null)
        {
            return Problem.NotFound("import", id);
        }

        if (import.IsUnderWay)
        {
            response.Headers.RetryAfter = "1";
        }

        return TypedResults.Ok(import);
    }

    /// <summary>End an import</summary>
    /// <remarks>
    /// What was applied stays, the rest is not applied any more; its status is <c>abandoned</c> then. One that has ended already is
    /// answered as it is.
    /// </remarks>
    public static async Task<Results<Ok<ProductImport>, Problem>> EndImport(
        [FromRoute(Name = "id_key")] long id, [FromHeader(Name = IfMatch.Header)] string? ifMatch, ImportRecordStore store,
        ProductImports imports, CancellationToken ct)
    {
        var import = await store.EndAsync(id, new IfMatch(ifMatch), ct);
        if (import?.Status == "abandoned")
        {
            // Its lines are to be forgotten, and the next one's turn has come.
            imports.Begin();
        }

        return import is null ? Problem.NotFound("import", id) : TypedResults.Ok(import);
    }

    /// <summary>Export products to a file</summary>
    /// <remarks>
    /// A record a line, CSV or NDJSON, ordered by id, all of one moment, inactive products too. The connection breaks if the file cannot be
    /// completed, or not within an hour. More than two at a time wait for each other.
    /// </remarks>
    public static async Task<Results<FileDownload, Problem>> Export(
        [AsParameters] ProductExportQuery query, HttpRequest request, ProductExportStore store, ExportTurns turns, CacheFill fill,
        CancellationToken ct) =>
        FileFormats.Wanted(request, query.Format) is { } format
            ? await turns.BeginAsync(request, format, "products", () => store.ReadAsync(query, format, fill, ct), ct)
            : Problem.NotAFile(request);
}
