using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc.Infrastructure;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using Scalar.AspNetCore;
using Tienda.Caching;
using Tienda.Hosting;
using Tienda.Products;
using Tienda.Security;

namespace Tienda.Http;

/// <summary>The OpenAPI document, made from the code, and the page at /docs that shows it.</summary>
public static class OpenApi
{
    /// <summary>Where the page is.</summary>
    public const string Page = "/docs";

    private const string ClientScheme = "client";
    private const string AdministratorScheme = "administrator";
    private const string ProblemMediaType = "application/problem+json";

    // The order in which the page shows them.
    private static readonly string[] Tags =
    [
        "Shop", "Sign-in", "Products", "Categories", "Reviews", "Clients", "Addresses", "Orders", "Order details", "Bills",
        "Errors", "Health",
    ];

    public static IServiceCollection AddShopOpenApi(this IServiceCollection services) => services.AddOpenApi(options =>
    {
        options.AddDocumentTransformer(Introduce);
        options.AddOperationTransformer(AddRefusals);
        options.AddOperationTransformer(DescribeParameters);
        options.AddSchemaTransformer(DescribeSchema);
    });

    public static void MapApiDocumentation(this IEndpointRouteBuilder routes)
    {
        routes.MapOpenApi("/openapi.json").ForAnyoneUnasked().ExcludeFromDescription();
        // Everything the page needs comes from this program: no fonts, proxies or services of others.
        routes.MapScalarApiReference(Page, page =>
        {
            page.Title = "Tienda API";
            page.OpenApiRoutePattern = "/openapi.json";
            page.DefaultFonts = false;
            page.Telemetry = false;
            page.ShowDeveloperTools = DeveloperToolsVisibility.Never;
            page.Agent = new ScalarAgentOptions { Disabled = true };
            page.DynamicBaseServerUrl = true;
            page.DynamicNonce = true;
        }).ForAnyoneUnasked().ExcludeFromDescription();
    }

    private static Task Introduce(OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken ct)
    {
        document.Info = new OpenApiInfo
        {
            Title = "Tienda",
            Version = BuildInfo.Version,
            Description = "A self-hosted shop back end: products, categories, clients, addresses, orders, order details, bills, reviews. "
                + "Money is a number with two decimals in the shop's one currency; times are RFC 3339 in UTC; "
                + "every GET also answers HEAD; every error is application/problem+json (RFC 9457).",
            License = new OpenApiLicense { Name = "MIT", Identifier = "MIT" },
        };
        // The address depends on who asks, and the document is compared with a committed one.
        document.Servers = [];
        document.Components ??= new OpenApiComponents();
        document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
        {
            [ClientScheme] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = "bearer",
                BearerFormat = "JWT",
                Description = "The access_token of POST /auth/token.",
            },
            [AdministratorScheme] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.ApiKey,
                In = ParameterLocation.Header,
                Name = ApiKeyAuthentication.Header,
                Description = "The administrator's key, ADMIN_API_KEY.",
            },
        };
        document.Tags = Tags.Select(name => new OpenApiTag { Name = name }).ToHashSet();
        return Task.CompletedTask;
    }

    // What every request of a shape can be refused with, so that no endpoint has to repeat it.
    private static async Task AddRefusals(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken ct)
    {
        var statuses = new SortedSet<int> { 503 };
        var metadata = context.Description.ActionDescriptor.EndpointMetadata;
        if (!metadata.OfType<IgnoresCredentials>().Any())
        {
            statuses.Add(401);
        }

        if (!context.Description.RelativePath!.StartsWith("health", StringComparison.Ordinal))
        {
            statuses.Add(429);
        }

        if (metadata.OfType<IAuthorizeData>().LastOrDefault() is { } access)
        {
            operation.Security =
            [
                new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(ClientScheme, context.Document)] = [] },
                new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(AdministratorScheme, context.Document)] = [] },
            ];
            if (access.Policy == Access.Administrators)
            {
                statuses.Add(403);
            }
        }

        var parameters = operation.Parameters ?? [];
        if (operation.RequestBody is not null)
        {
            statuses.UnionWith([400, 408, 413, 415, 422]);
        }

        if (parameters.Any(p => p.In == ParameterLocation.Query))
        {
            statuses.UnionWith([400, 422]);
        }

        if (parameters.Any(p => p.In == ParameterLocation.Path))
        {
            statuses.Add(404);
        }

        statuses.UnionWith(metadata.OfType<RefusesWith>().Select(r => r.Status));
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

    /// <summary>Gives query parameters their names on the wire, and what their attributes say of their values.</summary>
    private static Task DescribeParameters(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken ct)
    {
        foreach (var parameter in (operation.Parameters ?? []).OfType<OpenApiParameter>())
        {
            if (parameter.In == ParameterLocation.Path)
            {
                parameter.Description ??= "The record's id_key.";
                if (parameter.Schema is OpenApiSchema { Type: JsonSchemaType.Integer } id)
                {
                    id.Minimum = "1";
                }

                continue;
            }

            if (parameter.In == ParameterLocation.Header)
            {
                if (parameter.Name == IfMatch.Header)
                {
                    parameter.Description = "The ETag of the record as it was read: it is changed only if it is still that one, else 412.";
                }
                else
                {
                    OpenApiHeaders.DescribeKey(operation, parameter);
                }

                continue;
            }

            var source = context.Description.ParameterDescriptions.Single(p => p.Name == parameter.Name);
            parameter.Name = JsonNamingPolicy.SnakeCaseLower.ConvertName(parameter.Name!);
            var property = (source.ParameterDescriptor as IParameterInfoParameterDescriptor)?.ParameterInfo;
            if (property?.ParameterType == typeof(TotalCount?))
            {
                parameter.Schema = new OpenApiSchema { Type = JsonSchemaType.String, Enum = ["exact", "estimate"] };
            }
            else if (property?.GetCustomAttributes(inherit: true).OfType<OneOfAttribute>().FirstOrDefault() is { } oneOf
                && parameter.Schema is OpenApiSchema schema)
            {
                schema.Enum = [.. oneOf.Words.Select(word => (JsonNode)word)];
            }
        }

        var metadata = context.Description.ActionDescriptor.EndpointMetadata;
        if (metadata.OfType<Cacheable>().Any())
        {
            OpenApiHeaders.DescribeCaching(operation);
        }

        if (metadata.OfType<Tagged>().Any())
        {
            OpenApiHeaders.DescribeEtag(operation, isRead: HttpMethods.IsGet(context.Description.HttpMethod!));
        }

        if (operation.Parameters?.Any(p => p.Name == "after") is true)
        {
            OpenApiHeaders.DescribePage(operation);
        }

        if (operation.Parameters?.Any(p => p.Name == "search") is true)
        {
            OpenApiHeaders.DescribeCorrection(operation);
        }

        return Task.CompletedTask;
    }

    private static Task DescribeSchema(OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken ct)
    {
        var type = Nullable.GetUnderlyingType(context.JsonTypeInfo.Type) ?? context.JsonTypeInfo.Type;
        if (type == typeof(Money))
        {
            Replace(schema, JsonSchemaType.Number, null);
        }
        else if (type == typeof(Moment))
        {
            Replace(schema, JsonSchemaType.String, "date-time");
        }
        else if (type == typeof(FacetCount))
        {
            Replace(schema, JsonSchemaType.Integer | JsonSchemaType.String, null);
        }
        else if (type == typeof(Cursor))
        {
            Replace(schema, JsonSchemaType.String, null);
        }
        else if (type == typeof(decimal))
        {
            // The generator says double, which is what the shop never uses for money.
            schema.Format = null;
        }

        if (!type.GetCustomAttributes(inherit: false).OfType<IIgnoresReadOnlyFields>().Any())
        {
            // Only requests refuse unknown fields; an answer may gain some.
            schema.AdditionalPropertiesAllowed = true;
        }
        else
        {
            // Fields of the answer that a request may repeat without effect are not worth a line in its schema.
            var writable = type.GetProperties().Select(p => JsonNamingPolicy.SnakeCaseLower.ConvertName(p.Name)).ToHashSet();
            schema.Properties = schema.Properties?.Where(p => writable.Contains(p.Key)).ToDictionary(p => p.Key, p => p.Value);
        }

        if (context.JsonPropertyInfo?.AttributeProvider is { } property
            && (property.IsDefined(typeof(MustBeSentAttribute), true) || property.IsDefined(typeof(NotNullIfSentAttribute), true)))
        {
            schema.Type &= ~JsonSchemaType.Null;
        }

        return Task.CompletedTask;
    }

    private static void Replace(OpenApiSchema schema, JsonSchemaType type, string? format)
    {
        schema.Type = type;
        schema.Format = format;
        schema.Properties = null;
        schema.Required = null;
    }
}
