using Tienda.Clients;
using Tienda.Http;

namespace Tienda.Security;

/// <summary>Who wants to sign in.</summary>
public sealed record SignInRequest
{
    /// <summary>The e-mail address of the client, in any case.</summary>
    [MustBeSent, Text(1, 254)]
    public string? Email { get; init; }

    /// <summary>The client's password, at most 200 characters.</summary>
    [MustBeSent, Text(1, Passwords.MaximumLength)]
    public string? Password { get; init; }
}

/// <summary>A session to go on with, or to end.</summary>
public sealed record SessionRequest
{
    /// <summary>The refresh token of the last answer of /auth/token or /auth/refresh.</summary>
    [MustBeSent, Text(1, 200)]
    public string? RefreshToken { get; init; }
}

/// <summary>What a client needs to be recognised.</summary>
public sealed record SignedIn
{
    /// <summary>Goes into <c>Authorization: Bearer</c>.</summary>
    public required string AccessToken { get; init; }

    /// <summary>Gets the next access token, once, within 30 days; the answer brings the next refresh token.</summary>
    public required string RefreshToken { get; init; }

    /// <summary>Always Bearer (RFC 6750).</summary>
    public string TokenType { get; init; } = "Bearer";

    /// <summary>Seconds for which the access token is valid.</summary>
    public required int ExpiresIn { get; init; }

    public required Client Client { get; init; }
}
