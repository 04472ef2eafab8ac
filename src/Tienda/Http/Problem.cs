using System.Globalization;
using System.Text.Json.Serialization;

namespace Tienda.Http;

/// <summary>The body of every error, RFC 9457 <c>application/problem+json</c>.</summary>
public sealed record ProblemBody
{
    /// <summary>A stable URI under <c>/errors</c> that the shop itself explains.</summary>
    public required string Type { get; init; }

    public required string Title { get; init; }

    public required int Status { get; init; }

    /// <summary>What was wrong with this request.</summary>
    public required string Detail { get; init; }

    /// <summary>The path that was asked for.</summary>
    public required string Instance { get; init; }

    /// <summary>The id under which the operator finds this request in the log.</summary>
    public required string RequestId { get; init; }

    /// <summary>Messages by field, such as <c>items[0].quantity</c>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, string[]>? Errors { get; init; }

    /// <summary>Of a file: what is wrong with the first 100 lines that are not valid.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<LineError>? Lines { get; init; }

    /// <summary>Of a file: how many lines are not valid.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? InvalidLines { get; init; }

    /// <summary>Of a file: the id_key of the import that came of it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? ImportId { get; init; }

    /// <summary>Of insufficient stock: each product that is short.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<Shortage>? Shortages { get; init; }
}

/// <summary>An answer that says what was wrong. The only way in which the program writes an error.</summary>
public sealed class Problem(ProblemType type, string detail) : IResult, IStatusCodeHttpResult
{
    /// <summary>Seconds after which the request may be repeated; sent with 429 and 503.</summary>
    public int RetryAfterSeconds { get; init; } = 1;

    public IReadOnlyDictionary<string, string[]>? Errors { get; init; }

    public IReadOnlyList<Shortage>? Shortages { get; init; }

    public IReadOnlyList<LineError>? Lines { get; init; }

    public long? InvalidLines { get; init; }

    public long? ImportId { get; init; }

    /// <summary>Why, for the log; the answer does not tell.</summary>
    public string? Reason { get; init; }

    public ProblemType Type => type;

    public int? StatusCode => type.Status;

    /// <summary>What was wrong with this request.</summary>
    public string Detail => detail;

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        // For the log.
        httpContext.Features.Set(this);
        var response = httpContext.Response;
        response.StatusCode = type.Status;
        response.Headers.CacheControl = "no-store";
        if (type.Status is StatusCodes.Status503ServiceUnavailable or StatusCodes.Status429TooManyRequests)
        {
            response.Headers.RetryAfter = RetryAfterSeconds.ToString(CultureInfo.InvariantCulture);
        }

        var body = new ProblemBody
        {
            Type = type.Uri,
            Title = type.Title,
            Status = type.Status,
            Detail = detail,
            Instance = httpContext.Request.Path,
            RequestId = httpContext.TraceIdentifier,
            Errors = Errors,
            Shortages = Shortages,
            Lines = Lines,
            InvalidLines = InvalidLines,
            ImportId = ImportId,
        };
        // Not the request's token: a refusal is also written when the client's wait has just ended.
        await response.WriteAsJsonAsync(body, TiendaJson.Wire, "application/problem+json", CancellationToken.None);
    }

    public static Problem NotFound(string what, long id) => new(ProblemType.NotFound, $"There is no {what} with id_key {id}.");

    /// <summary>A buyer who could grant discounts would set the price.</summary>
    public static Problem DiscountForbidden => new(ProblemType.Forbidden, "discount: only an administrator grants one.");

    public static Problem OutOfStock(long productId, long requested, int available) =>
        OutOfStock([new Shortage { ProductId = productId, Requested = requested, Available = available }]);

    public static Problem OutOfStock(IReadOnlyList<Shortage> shortages) =>
        new(ProblemType.InsufficientStock, $"Not enough in stock: product {string.Join(", ", shortages.Select(s => s.ProductId))}.")
        {
            Shortages = shortages,
        };

    public static Problem NotAFile(HttpRequest request) => new(
        ProblemType.NotAcceptable,
        $"The answer is {FileFormats.Csv} or {FileFormats.Ndjson}, which Accept: {request.Headers.Accept} does not allow.");

    /// <summary>One wrong field, found only where the value was used.</summary>
    public static Problem InvalidValue(string field, string message) =>
        new(ProblemType.InvalidValues, $"{field} {message}.") { Errors = new Dictionary<string, string[]> { [field] = [message] } };
}

/// <summary>A product of which less is there than was asked for.</summary>
public sealed record Shortage
{
    public required long ProductId { get; init; }

    /// <summary>Units that were asked for, over all lines of the request.</summary>
    public required long Requested { get; init; }

    /// <summary>Units that are there.</summary>
    public required int Available { get; init; }
}
