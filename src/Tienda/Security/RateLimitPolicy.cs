using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Tienda.Hosting;

namespace Tienda.Security;

/// <summary>A limit: so many calls of one subject in a window that begins with its first call.</summary>
/// <param name="Number">Tells the policies' counters apart.</param>
/// <param name="Strict">Whether every call is agreed on with the other hosts, a round trip to Redis; the act costs more.</param>
public sealed record RateLimitPolicy(byte Number, string Name, int Calls, int PeriodSeconds, bool Strict)
{
    /// <summary>As an item of the header RateLimit-Policy.</summary>
    public string Header { get; } = string.Create(CultureInfo.InvariantCulture, $"\"{Name}\";q={Calls};w={PeriodSeconds}");

    /// <summary>Before the calls that are left, as an item of the header RateLimit.</summary>
    public string LeftPrefix { get; } = $"\"{Name}\";r=";

    public string CallsText { get; } = Calls.ToString(CultureInfo.InvariantCulture);
}

/// <summary>The limits of the shop, from the settings.</summary>
public sealed class RateLimitPolicies(Settings settings)
{
    private const int AttemptsPeriodSeconds = 60;

    /// <summary>Every request, by address or by account (RATE_LIMIT_CALLS per RATE_LIMIT_PERIOD).</summary>
    public RateLimitPolicy Default { get; } = new(1, "default", settings.RateLimitCalls, settings.RateLimitPeriodSeconds, false);

    /// <summary>Signing in, right or wrong, and refreshing, by address.</summary>
    public RateLimitPolicy SignIn { get; } = Share(2, "sign-in", settings, 5);

    /// <summary>New clients, by address.</summary>
    public RateLimitPolicy Registration { get; } = Share(3, "registration", settings, 10);

    /// <summary>Writing reviews, by account.</summary>
    public RateLimitPolicy Reviews { get; } = Share(4, "reviews", settings, 10);

    /// <summary>Wrong passwords for one account, whoever tries. Stays on without RATE_LIMIT_ENABLED.</summary>
    public RateLimitPolicy WrongPasswordsOfAccount { get; } =
        new(5, "wrong-passwords", settings.WrongPasswordsPerAccount, AttemptsPeriodSeconds, true);

    /// <summary>Wrong passwords from one address, for whatever accounts. Stays on without RATE_LIMIT_ENABLED.</summary>
    public RateLimitPolicy WrongPasswordsOfAddress { get; } =
        new(6, "wrong-passwords", settings.WrongPasswordsPerAddress, AttemptsPeriodSeconds, true);

    public IReadOnlyList<RateLimitPolicy> All =>
        [Default, SignIn, Registration, Reviews, WrongPasswordsOfAccount, WrongPasswordsOfAddress];

    private static RateLimitPolicy Share(byte number, string name, Settings settings, int part) =>
        new(number, name, Math.Max(1, settings.RateLimitCalls / part), settings.RateLimitPeriodSeconds, true);
}

/// <summary>Who is counted.</summary>
/// <param name="Kind">What <paramref name="Id"/> is: an IPv4 address, an IPv6 network, a client, or a hash of an e-mail.</param>
public readonly record struct RateSubject(byte Kind, ulong Id)
{
    private const byte Nowhere = 0;
    private const byte Ipv4 = 4;
    private const byte Ipv6 = 6;
    private const byte Client = 1;
    private const byte Email = 2;

    /// <summary>An IPv4 address, or the /64 of an IPv6 one: whoever has one of the latter has 2^64 of them.</summary>
    public static RateSubject OfAddress(IPAddress? address)
    {
        if (address is null)
        {
            return new RateSubject(Nowhere, 0);
        }

        Span<byte> bytes = stackalloc byte[16];
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        plain.TryWriteBytes(bytes, out _);
        return plain.AddressFamily == AddressFamily.InterNetwork
            ? new RateSubject(Ipv4, BitConverter.ToUInt32(bytes))
            : new RateSubject(Ipv6, BitConverter.ToUInt64(bytes));
    }

    public static RateSubject OfClient(long id) => new(Client, (ulong)id);

    /// <summary>An account by its e-mail in any case, whether there is such an account or not.</summary>
    public static RateSubject OfEmail(string email) =>
        new(Email, BitConverter.ToUInt64(SHA256.HashData(Encoding.UTF8.GetBytes(email.Trim().ToLowerInvariant()))));
}
