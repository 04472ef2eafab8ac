using System.Globalization;
using System.Security.Claims;

namespace Tienda.Security;

/// <summary>Who writes: named in the log of events and in the scope of idempotency keys, and confined to what is theirs.</summary>
/// <param name="Name"><c>client:7</c>, <c>administrator:3</c>, <c>api-key</c>, or <c>anyone</c> while AUTH_ENABLED is false.</param>
/// <param name="ConfinedTo">The client whose records alone may be changed; null for an administrator.</param>
public readonly record struct Actor(string Name, long? ConfinedTo)
{
    /// <summary>Whether a client's record exists for this writer.</summary>
    public bool MaySee(long clientId) => ConfinedTo is null || ConfinedTo == clientId;
}

/// <summary>Who sends a request, as far as the shop cares: nobody in particular, a client, or an administrator.</summary>
public static class Caller
{
    /// <summary>The claim that names the client (RFC 7519 section 4.1.2).</summary>
    public const string ClientIdClaim = "sub";

    public const string RoleClaim = "role";

    public const string AdministratorRole = "administrator";

    extension(ClaimsPrincipal caller)
    {
        public bool IsAdministrator => caller.HasClaim(RoleClaim, AdministratorRole);

        /// <summary>The client who signed in; null for strangers and for an administrator's key, behind which there is no person.</summary>
        public long? ClientId =>
            caller.FindFirst(ClientIdClaim) is { } claim ? long.Parse(claim.Value, CultureInfo.InvariantCulture) : null;

        /// <summary>
        /// The client whose records alone the caller may see and change; null for an administrator, who may all. Only behind a policy that
        /// lets in nobody else.
        /// </summary>
        public long? ConfinedTo => caller.IsAdministrator
            ? null
            : caller.ClientId ?? throw new InvalidOperationException("The endpoint's policy lets strangers in.");

        /// <summary>Who writes, for a store. Only behind a policy that lets in nobody else.</summary>
        public Actor Actor => new(
            caller.ClientId is not { } id ? caller.Identity!.AuthenticationType == OpenAuthentication.Scheme ? "anyone" : "api-key"
                : string.Create(CultureInfo.InvariantCulture, $"{(caller.IsAdministrator ? "administrator" : "client")}:{id}"),
            caller.ConfinedTo);

        /// <summary>Whether the caller may see the record of a client and what belongs to it.</summary>
        public bool MaySee(long clientId) => caller.IsAdministrator || caller.ClientId == clientId;
    }
}
