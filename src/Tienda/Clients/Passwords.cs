using Microsoft.AspNetCore.Identity;

namespace Tienda.Clients;

/// <summary>How passwords are kept: only as ASP.NET Core's salted, versioned PBKDF2 hash.</summary>
public static class Passwords
{
    public const int MinimumLength = 8;

    /// <summary>Bounds the work that a stranger can ask for.</summary>
    public const int MaximumLength = 200;

    private static readonly PasswordHasher<Client> Hasher = new();

    /// <summary>Takes tens of milliseconds of processor time, on purpose.</summary>
    public static string Hash(string password) => Hasher.HashPassword(null!, password);
}
