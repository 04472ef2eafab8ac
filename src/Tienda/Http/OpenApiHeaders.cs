using Microsoft.OpenApi;
using Tienda.Caching;

namespace Tienda.Http;

/// <summary>The headers of answers in the OpenAPI document.</summary>
public static class OpenApiHeaders
{
    /// <summary>Of what the cache answers.</summary>
    public static void DescribeCaching(OpenApiOperation operation)
    {
        Add(operation, "ETag", "Names this answer; send it as If-None-Match, or the one of a record as If-Match.");
        Add(operation, AnswerWriter.HitHeader, "true if it was answered without asking the database.", JsonSchemaType.Boolean);
        AddNotModified(operation);
    }

    /// <summary>Of a record that no cache keeps.</summary>
    public static void DescribeEtag(OpenApiOperation operation, bool isRead)
    {
        Add(operation, "ETag", "Names the record as it is now; send it as If-Match.");
        if (isRead)
        {
            AddNotModified(operation);
        }
    }

    /// <summary>Of every list that takes the part that is wanted.</summary>
    public static void DescribePage(OpenApiOperation operation)
    {
        Add(operation, "Link", "The next page, if there is one: <…>; rel=\"next\".");
        Add(operation, Page.TotalHeader, "How many records there are, if count was asked for.", JsonSchemaType.Integer);
    }

    /// <summary>Of whatever searches.</summary>
    public static void DescribeCorrection(OpenApiOperation operation) =>
        Add(operation, Page.CorrectedHeader, "What was searched for instead.");

    /// <summary>The Idempotency-Key and what tells that it was known.</summary>
    public static void DescribeKey(OpenApiOperation operation, OpenApiParameter parameter)
    {
        parameter.Description = "Chosen by the sender. Repeating the request under the same key within 24 hours answers what was answered "
            + "first and does nothing twice; another request under it is 422.";
        parameter.Schema = new OpenApiSchema { Type = JsonSchemaType.String, MinLength = 1, MaxLength = IdempotencyKey.MaximumLength };
        Add(operation, IdempotencyKey.ReplayedHeader, "true if this answer was given before.", JsonSchemaType.Boolean);
    }

    private static void AddNotModified(OpenApiOperation operation) =>
        operation.Responses!["304"] = new OpenApiResponse { Description = "The answer is still the one that If-None-Match names." };

    private static void Add(
        OpenApiOperation operation, string name, string description, JsonSchemaType type = JsonSchemaType.String)
    {
        foreach (var (status, answer) in operation.Responses ?? [])
        {
            if (status is "200" or "201" && answer is OpenApiResponse success)
            {
                success.Headers ??= new Dictionary<string, IOpenApiHeader>();
                success.Headers[name] = new OpenApiHeader { Description = description, Schema = new OpenApiSchema { Type = type } };
            }
        }
    }
}
