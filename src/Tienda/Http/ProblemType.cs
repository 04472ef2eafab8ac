namespace Tienda.Http;

/// <summary>One kind of problem: its stable name in <c>/errors/{name}</c>, its status, and what it means to a client.</summary>
/// <param name="Name">Last part of the problem's <c>type</c> URI.</param>
/// <param name="Status">The HTTP status of every answer of this kind.</param>
/// <param name="Title">The same few words at every occurrence.</param>
/// <param name="Remedy">What the client can do about it.</param>
public sealed record ProblemType(string Name, int Status, string Title, string Remedy)
{
    public string Uri => "/errors/" + Name;

    public static readonly ProblemType MalformedRequest = new("malformed-request", 400, "The request cannot be read",
        "Correct the place that the detail names: JSON syntax, a value of the wrong type, or a field that does not exist.");

    public static readonly ProblemType Unauthenticated = new("unauthenticated", 401, "Credentials are needed",
        "Sign in with POST /auth/token and send Authorization: Bearer <access_token>; if that token has expired, POST /auth/refresh. "
        + "Administrators may send X-API-Key instead.");

    public static readonly ProblemType InvalidCredentials = new("invalid-credentials", 401, "These credentials are not right",
        "Check the e-mail and the password. After a refresh token was refused, sign in again.");

    public static readonly ProblemType Forbidden = new("forbidden", 403, "This is not yours to do",
        "Leave it to an administrator of the shop; signing in as the same client again changes nothing.");

    public static readonly ProblemType NotFound = new("not-found", 404, "There is nothing here",
        "Check the path and the id. What was deleted does not come back.");

    public static readonly ProblemType MethodNotAllowed = new("method-not-allowed", 405, "This resource has no such method",
        "Use one of the methods that the Allow header lists.");

    public static readonly ProblemType NotAcceptable = new("not-acceptable", 406, "The answer is JSON",
        "Send an Accept header that allows application/json, or none; an export is text/csv or application/x-ndjson.");

    public static readonly ProblemType RequestTimeout = new("request-timeout", 408, "The request came too slowly",
        "Send the whole request at once.");

    public static readonly ProblemType Duplicate = new("duplicate", 409, "This value is taken",
        "Choose another value for the field that errors names.");

    public static readonly ProblemType InUse = new("in-use", 409, "Other records refer to this one",
        "Remove what refers to it first; set a product's active to false instead of deleting it.");

    public static readonly ProblemType InsufficientStock = new("insufficient-stock", 409, "There is not enough stock",
        "Order at most what shortages says is available, or wait for a restock.");

    public static readonly ProblemType InactiveProduct = new("inactive-product", 409, "The product is not for sale",
        "Leave out the products that the detail names.");

    public static readonly ProblemType PriceMismatch = new("price-mismatch", 409, "The price has changed",
        "Read the product again, show the new price, and repeat with it or without a price.");

    public static readonly ProblemType IllegalState = new("illegal-state", 409, "The order's state does not allow this",
        "Read the order again. PENDING goes to IN_PROGRESS, that to DELIVERED, and both of the former to CANCELED; "
        + "lines change only while PENDING without a bill.");

    public static readonly ProblemType PreconditionFailed = new("precondition-failed", 412, "It has changed since",
        "Read the record again, decide again, and repeat the write with the ETag of that answer.");

    public static readonly ProblemType PayloadTooLarge = new("payload-too-large", 413, "The body is too large",
        "Send a smaller body; the detail names the limit.");

    public static readonly ProblemType UnsupportedMediaType = new("unsupported-media-type", 415, "The body must be JSON",
        "Send Content-Type: application/json; a file for import is text/csv or application/x-ndjson.");

    public static readonly ProblemType InvalidValues = new("invalid-values", 422, "Some values are not valid",
        "Correct every field that errors lists, or of a file every line that lines lists, and send the request again.");

    public static readonly ProblemType IdempotencyKeyReused = new("idempotency-key-reused", 422, "This key belongs to another request",
        "Give every request an Idempotency-Key of its own; send the same key only to repeat the very same request.");

    public static readonly ProblemType TooManyRequests = new("too-many-requests", 429, "Too many requests",
        "Wait for the seconds that the Retry-After header names. The RateLimit headers of every answer tell what is left.");

    public static readonly ProblemType InternalError = new("internal-error", 500, "The shop made a mistake",
        "Report the request_id to the operator, who finds the cause in the log under it.");

    public static readonly ProblemType Unavailable = new("unavailable", 503, "The shop is not available for a moment",
        "Repeat the request after the seconds that the Retry-After header names.");

    /// <summary>Every type, as <c>GET /errors</c> and docs/errors.md list them.</summary>
    public static IReadOnlyList<ProblemType> All { get; } =
    [
        MalformedRequest, Unauthenticated, InvalidCredentials, Forbidden, NotFound, MethodNotAllowed, NotAcceptable, RequestTimeout,
        Duplicate, InUse, InsufficientStock, InactiveProduct, PriceMismatch, IllegalState, PreconditionFailed, PayloadTooLarge,
        UnsupportedMediaType, InvalidValues, IdempotencyKeyReused, TooManyRequests, InternalError, Unavailable,
    ];

    /// <summary>The type for a bare status that the framework set, such as 405 from routing.</summary>
    public static ProblemType ForStatus(int status) => status switch
    {
        400 => MalformedRequest,
        401 => Unauthenticated,
        403 => Forbidden,
        404 => NotFound,
        405 => MethodNotAllowed,
        406 => NotAcceptable,
        408 => RequestTimeout,
        412 => PreconditionFailed,
        413 => PayloadTooLarge,
        415 => UnsupportedMediaType,
        422 => InvalidValues,
        429 => TooManyRequests,
        503 => Unavailable,
        >= 500 => InternalError,
        _ => MalformedRequest,
    };
}
