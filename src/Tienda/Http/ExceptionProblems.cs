using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.Net.Http.Headers;
using Tienda.Caching;
using Tienda.Data;
using Tienda.Hosting.Workers;
using Tienda.Telemetry;

namespace Tienda.Http;

/// <summary>
/// Turns exceptions into problems: what could not be read is 4xx, an outage is 503, and only our own mistakes are 500. Unlike the
/// framework's handler it leaves the headers that stand in every answer where they are.
/// </summary>
public sealed partial class ExceptionProblems(RequestDelegate next, ILogger<ExceptionProblems> logger, Draining draining)
{
    // What the endpoint may have said of the answer that it did not give.
    private static readonly string[] HeadersOfAnswers =
    [
        HeaderNames.ContentType, HeaderNames.ContentLength, HeaderNames.ContentEncoding, HeaderNames.ContentDisposition, HeaderNames.ETag,
        HeaderNames.Link, HeaderNames.Location, HeaderNames.Vary, AnswerWriter.HitHeader, Page.TotalHeader, Page.CorrectedHeader,
    ];

    public Task InvokeAsync(HttpContext context)
    {
        try
        {
            var answering = next(context);
            return answering.IsCompletedSuccessfully ? Task.CompletedTask : AwaitAsync(context, answering);
        }
        catch (Exception exception) when (!context.Response.HasStarted)
        {
            return AnswerAsync(context, exception);
        }
    }

    private async Task AwaitAsync(HttpContext context, Task answering)
    {
        try
        {
            await answering;
        }
        catch (Exception exception) when (!context.Response.HasStarted)
        {
            await AnswerAsync(context, exception);
        }
    }

    private Task AnswerAsync(HttpContext context, Exception exception)
    {
        if (context.RequestAborted.IsCancellationRequested)
        {
            context.Response.StatusCode = StatusCodes.Status499ClientClosedRequest;
            return Task.CompletedTask;
        }

        foreach (var header in HeadersOfAnswers)
        {
            context.Response.Headers.Remove(header);
        }

        return Describe(context, exception).ExecuteAsync(context);
    }

    private Problem Describe(HttpContext context, Exception exception)
    {
        switch (exception)
        {
            case BadHttpRequestException { StatusCode: StatusCodes.Status415UnsupportedMediaType }:
                return new Problem(ProblemType.UnsupportedMediaType, FrameworkProblems.MediaTypeDetail(context.Request));
            case BadHttpRequestException { InnerException: JsonException json }:
                return new Problem(ProblemType.MalformedRequest, JsonDetail(context, json));
            case BadHttpRequestException bad:
                return new Problem(ProblemType.ForStatus(bad.StatusCode), BindingDetail(bad.Message));
        }

        // The server breaks off the reading of bodies that are still on their way.
        if (exception is OperationCanceledException && draining.IsUnderWay)
        {
            return new Problem(ProblemType.Unavailable, "The shop is stopping.");
        }

        if (exception is BusyException busy)
        {
            return new Problem(ProblemType.Unavailable, busy.Message) { Reason = busy.Message };
        }

        if (exception is PreconditionFailedException)
        {
            return new Problem(ProblemType.PreconditionFailed, $"{context.Request.Path} is no longer what {IfMatch.Header} names.");
        }

        if (DatabaseFailure.Read(exception) is { } failure && Describe(context.Request, failure) is { } problem)
        {
            return problem;
        }

        Log.Unexpected(logger, exception, context.TraceIdentifier, context.Request.Method, LoggedPath.Of(context.Request.Path));
        return new Problem(ProblemType.InternalError, "An unexpected error happened; it has been logged under the request_id.");
    }

    /// <summary>What a failure of the database means to the client, or null if it is a mistake of the program.</summary>
    private static Problem? Describe(HttpRequest request, DatabaseFailure failure)
    {
        if (failure.Constraint is { } constraint
            && ConstraintProblems.For(constraint, IsReferenced(request, failure)) is { } refused)
        {
            return refused;
        }

        if (failure.IsOutOfRange)
        {
            return new Problem(ProblemType.InvalidValues, "The values are each valid, but their sum or product is too large.");
        }

        if (failure.IsOutage)
        {
            return new Problem(ProblemType.Unavailable, failure.IsPoolExhausted
                ? "Every database connection is in use."
                : "The database cannot be reached or is overloaded.")
            {
                Reason = failure.Message,
            };
        }

        return null;
    }

    // A foreign key is violated from two sides: by the row that refers to nothing, or by the row that is still referred to. PostgreSQL
    // tells them apart only in its message, whose language is the server's. Here the request does: it writes the table of the
    // constraint, or it deletes, or writes another one.
    private static bool IsReferenced(HttpRequest request, DatabaseFailure failure) =>
        HttpMethods.IsDelete(request.Method) || !request.Path.StartsWithSegments("/" + failure.Table);

    // The framework's message names the C# type and member: Failed to bind parameter "Nullable<long> MinPrice" from "abc".
    private static string BindingDetail(string message)
    {
        if (BoundParameter().Match(message) is { Success: true } bound)
        {
            var name = JsonNamingPolicy.SnakeCaseLower.ConvertName(bound.Groups["name"].Value);
            name = name == "idempotency_key" ? IdempotencyKey.Header : name;
            return $"{name} must be {Expected(bound.Groups["type"].Value)}, but was '{bound.Groups["value"].Value}'.";
        }

        return message.Contains("no body was provided", StringComparison.Ordinal) ? "The body must be a JSON object." : message;
    }

    private static string JsonDetail(HttpContext context, JsonException json)
    {
        var path = json.Path is null or "$" ? "" : json.Path.TrimStart('$').TrimStart('.');
        if (json.Message.Contains("could not be mapped", StringComparison.Ordinal))
        {
            return $"There is no field {path}.";
        }

        if (json.Message.Contains("maximum configured depth", StringComparison.Ordinal))
        {
            return $"The body is nested deeper than {TiendaJson.MaximumDepth} levels.";
        }

        if (json.Message.StartsWith("Duplicate property", StringComparison.Ordinal))
        {
            return $"The field {path} stands twice.";
        }

        if (json.Message.StartsWith("The JSON value could not be converted", StringComparison.Ordinal))
        {
            var body = context.GetEndpoint()?.Metadata.GetMetadata<IAcceptsMetadata>()?.RequestType;
            var expected = body is null ? null : JsonTypes.TypeAt(body, path);
            return path.Length == 0 ? "The body must be a JSON object."
                : expected is null ? $"{path} has a value of the wrong type."
                : $"{path} must be {Expected(expected.Name)}.";
        }

        var place = json.LineNumber is null ? "" : $" (line {json.LineNumber + 1}, byte {json.BytePositionInLine + 1})";
        return $"The body is not valid JSON{place}.";
    }

    private static string Expected(string typeName) => typeName switch
    {
        _ when typeName.Contains("List", StringComparison.Ordinal) => "a list",
        _ when typeName.Contains("long", StringComparison.OrdinalIgnoreCase) || typeName.Contains("Int64", StringComparison.Ordinal)
            => "a whole number that fits 64 bits",
        _ when typeName.Contains("decimal", StringComparison.OrdinalIgnoreCase) => "a number",
        _ when typeName.Contains("bool", StringComparison.OrdinalIgnoreCase) => "true or false",
        _ when typeName.Contains("String", StringComparison.OrdinalIgnoreCase) => "a string of valid Unicode",
        _ when typeName.Contains("Money", StringComparison.Ordinal) => "an amount with at most two decimals, such as 19.99",
        _ when typeName.Contains("Moment", StringComparison.Ordinal) => "a time in RFC 3339, such as 2026-01-31T12:00:00Z",
        _ when typeName.Contains("Cursor", StringComparison.Ordinal) => "a cursor from a Link header of this list",
        _ when typeName.Contains("IdempotencyKey", StringComparison.Ordinal) => IdempotencyKey.Form,
        _ when typeName.Contains("Count", StringComparison.Ordinal) => "exact or estimate",
        _ => "an object",
    };

    [GeneratedRegex("^Failed to bind parameter \"(?<type>[^ ]+) (?<name>[^\"]+)\" from \"(?<value>.*)\"\\.$", RegexOptions.Singleline)]
    private static partial Regex BoundParameter();

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Error, "[{RequestId}] {Method} {Path} failed")]
        public static partial void Unexpected(ILogger logger, Exception exception, string requestId, string method, string path);
    }
}
