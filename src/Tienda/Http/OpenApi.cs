using System.Globalization;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using Scalar.AspNetCore;
using Tienda.Hosting;

namespace Tienda.Http;

/// <summary>The OpenAPI document, made from the code, and the page at /docs that shows it.</summary>
public static class OpenApi
{
    private const string ProblemMediaType = "application/problem+json";

    public static IServiceCollection AddShopOpenApi(this IServiceCollection services) => services.AddOpenApi("openapi", options =>
    {
        options.AddDocumentTransformer(Introduce);
        options.AddOperationTransformer(AddRefusals);
        options.AddSchemaTransformer(Describe);
    });

    public static void MapApiDocumentation(this IEndpointRouteBuilder routes)
    {
        routes.MapOpenApi("/openapi.json").ExcludeFromDescription();
        // Everything the page needs comes from this program: no fonts, proxies or services of others.
        routes.MapScalarApiReference("/docs", page =>
        {
            page.Title = "Tienda API";
            page.OpenApiRoutePattern = "/openapi.json";
            page.DefaultFonts = false;
            page.Telemetry = false;
        }).ExcludeFromDescription();
    }

    private static Task Introduce(OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken ct)
    {
        document.Info = new OpenApiInfo
        {
            Title = "Tienda",
            Version = BuildInfo.Version,
            Description = "A self-hosted shop back end: products, categories, clients, addresses, orders, order details, bills and reviews. "
                + "Money is a number with two decimals in the shop's one currency; times are RFC 3339 in UTC; "
                + "every GET also answers HEAD; every error is application/problem+json (RFC 9457).",
            License = new OpenApiLicense { Name = "MIT", Identifier = "MIT" },
        };
        // The address depends on who asks, and the document is compared with a committed one.
        document.Servers = [];
        return Task.CompletedTask;
    }

    // What every request of a shape can be refused with, so that no endpoint has to repeat it.
    private static async Task AddRefusals(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken ct)
    {
        var statuses = new SortedSet<int> { 503 };
        var parameters = operation.Parameters ?? [];
        if (operation.RequestBody is not null)
        {
            statuses.UnionWith([400, 413, 415, 422]);
        }

        if (parameters.Any(p => p.In == ParameterLocation.Query))
        {
            statuses.UnionWith([400, 422]);
        }

        if (parameters.Any(p => p.In == ParameterLocation.Path))
        {
            statuses.Add(404);
        }

        statuses.UnionWith(context.Description.ActionDescriptor.EndpointMetadata.OfType<RefusesWith>().Select(r => r.Status));
        var schema = await context.GetOrCreateSchemaAsync(typeof(ProblemBody), null, ct);
        context.Document?.AddComponent("ProblemBody", schema);
        operation.Responses ??= [];
        foreach (var status in statuses)
        {
            operation.Responses[status.ToString(CultureInfo.InvariantCulture)] = new OpenApiResponse
            {
                Description = string.Join(" / ", ProblemType.All.Where(t => t.Status == status).Select(t => t.Title)),
                Content = new Dictionary<string, OpenApiMediaType>
                {
                    [ProblemMediaType] = new() { Schema = new OpenApiSchemaReference("ProblemBody", context.Document) },
                },
            };
        }
    }

    private static Task Describe(OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken ct)
    {
        var type = context.JsonTypeInfo.Type;
        if (type == typeof(Money) || type == typeof(Money?))
        {
            schema.Type = JsonSchemaType.Number | (type == typeof(Money?) ? JsonSchemaType.Null : 0);
            schema.Format = "decimal";
            schema.Properties = null;
        }
        else if (type == typeof(Cursor) || type == typeof(TotalCount) || type == typeof(TotalCount?))
        {
            schema.Type = JsonSchemaType.String;
            schema.Properties = null;
            schema.Enum = type == typeof(Cursor) ? null : ["exact", "estimate"];
        }

        // Fields of the answer that a request may repeat without effect are not worth a line in the request's schema.
        if (type.GetCustomAttributes(inherit: false).OfType<IIgnoresReadOnlyFields>().Any())
        {
            var writable = type.GetProperties().Select(p => System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(p.Name)).ToHashSet();
            schema.Properties = schema.Properties?.Where(p => writable.Contains(p.Key)).ToDictionary(p => p.Key, p => p.Value);
        }

        var attributes = (context.JsonPropertyInfo?.AttributeProvider ?? context.ParameterDescription?.ParameterDescriptor as System.Reflection.ICustomAttributeProvider)
            ?.GetCustomAttributes(inherit: true) ?? [];
        if (attributes.OfType<OneOfAttribute>().FirstOrDefault() is { } oneOf)
        {
            schema.Enum = [.. oneOf.Words.Select(w => (System.Text.Json.Nodes.JsonNode)w!)];
        }

        return Task.CompletedTask;
    }
}
