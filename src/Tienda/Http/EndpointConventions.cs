namespace Tienda.Http;

/// <summary>What an endpoint declares about itself beside its signature.</summary>
public static class EndpointConventions
{
    /// <summary>A write that the present state of the shop can refuse: 409.</summary>
    public static RouteHandlerBuilder MayConflict(this RouteHandlerBuilder endpoint) => endpoint.WithMetadata(new RefusesWith(409));

    /// <summary>What the body shows instead of a password or a token can be wrong: 401.</summary>
    public static RouteHandlerBuilder MayRefuseCredentials(this RouteHandlerBuilder endpoint) =>
        endpoint.WithMetadata(new RefusesWith(401));

    /// <summary>The caller may use the endpoint, but not send every value: 403.</summary>
    public static RouteHandlerBuilder MayForbid(this RouteHandlerBuilder endpoint) => endpoint.WithMetadata(new RefusesWith(403));

    /// <summary>The most round trips to PostgreSQL; a test holds an example of each endpoint to it. One if undeclared.</summary>
    public static RouteHandlerBuilder RoundTrips(this RouteHandlerBuilder endpoint, int most) =>
        endpoint.WithMetadata(new RoundTripBudget(most));
}

/// <summary>A problem status that the endpoint can answer, for the OpenAPI document.</summary>
public sealed record RefusesWith(int Status);

/// <summary>See <see cref="EndpointConventions.RoundTrips"/>.</summary>
public sealed record RoundTripBudget(int Most);
