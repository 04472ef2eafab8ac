using System.Globalization;
using System.Text;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Tienda.Hosting;

namespace Tienda.Security;

/// <summary>
/// Issues access tokens: JSON Web Tokens (RFC 7519) signed with HMAC-SHA-256 under JWT_SECRET, which every worker and host checks
/// without asking anybody. They cannot be taken back, so they are short-lived.
/// </summary>
public sealed class AccessTokens(Settings settings, TimeProvider time)
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(15);

    // What the clocks of two hosts may differ by.
    private static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(30);

    private const string Issuer = "tienda";

    private readonly JsonWebTokenHandler _handler = new() { SetDefaultTimesOnTokenCreation = false };

    public string Issue(long clientId, bool administrator)
    {
        var now = time.GetUtcNow().UtcDateTime;
        var claims = new Dictionary<string, object> { [Caller.ClientIdClaim] = clientId.ToString(CultureInfo.InvariantCulture) };
        if (administrator)
        {
            claims[Caller.RoleClaim] = Caller.AdministratorRole;
        }

        return _handler.CreateToken(new SecurityTokenDescriptor
        {
            Issuer = Issuer,
            Audience = Issuer,
            IssuedAt = now,
            Expires = now + Lifetime,
            Claims = claims,
            SigningCredentials = new SigningCredentials(Key(settings), SecurityAlgorithms.HmacSha256),
        });
    }

    /// <summary>What a token must fulfil: this shop's signature by this one algorithm, issuer, audience, and time.</summary>
    public static TokenValidationParameters Rules(Settings settings) => new()
    {
        IssuerSigningKey = Key(settings),
        ValidAlgorithms = [SecurityAlgorithms.HmacSha256],
        ValidIssuer = Issuer,
        ValidAudience = Issuer,
        ClockSkew = ClockSkew,
        NameClaimType = Caller.ClientIdClaim,
        RoleClaimType = Caller.RoleClaim,
    };

    private static SymmetricSecurityKey Key(Settings settings) => new(Encoding.UTF8.GetBytes(settings.JwtSecret
        ?? throw new InvalidOperationException("JWT_SECRET is not set.")));
}
