using System.Buffers.Binary;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;
using Tienda.Clients;
using Tienda.Hosting;
using Tienda.Http;

namespace Tienda.Security;

/// <summary>What a password turned out to be.</summary>
/// <param name="IsRight">Whether it is the one behind the hash.</param>
/// <param name="BetterHash">A stronger hash of it to keep instead, if the kept one was made with fewer iterations.</param>
public readonly record struct PasswordCheck(bool IsRight, string? BetterHash);

/// <summary>
/// Keeps passwords only as ASP.NET Core's salted, versioned PBKDF2 hash. A hash costs tens of milliseconds of processor time on purpose,
/// so at most half the cores make hashes, a short queue waits for them, and whoever comes beyond is told to come back.
/// </summary>
public sealed class Passwords : IDisposable
{
    public const int MinimumLength = 8;

    /// <summary>Bounds the work that a stranger can ask for.</summary>
    public const int MaximumLength = 200;

    /// <summary>Iterations of PBKDF2 with HMAC-SHA-512 (OWASP Password Storage Cheat Sheet, 2023).</summary>
    public const int Iterations = 210_000;

    // A hash takes some 80 ms: the last in the queue waits five seconds.
    private const int QueuePerHasher = 64;

    private readonly PasswordHasher<Client> _hasher;
    private readonly string _nobodysHash;
    private readonly SemaphoreSlim _hashers;
    private readonly int _mostAtOnce;
    private int _present;

    public Passwords(Settings settings)
    {
        _hasher = new PasswordHasher<Client>(Options.Create(new PasswordHasherOptions { IterationCount = settings.PasswordIterations }));
        _nobodysHash = NobodysHash(settings.PasswordIterations);
        var hashers = Math.Max(1, Environment.ProcessorCount / 2);
        _hashers = new SemaphoreSlim(hashers);
        _mostAtOnce = hashers * (1 + QueuePerHasher);
    }

    /// <exception cref="BusyException">The queue is full.</exception>
    public Task<string> HashAsync(string password, CancellationToken ct) =>
        InTurnAsync(() => _hasher.HashPassword(null!, password), ct);

    /// <summary>Takes the same time whether there is a hash to compare with or not.</summary>
    /// <exception cref="BusyException">The queue is full.</exception>
    public Task<PasswordCheck> CheckAsync(string? hash, string password, CancellationToken ct) => InTurnAsync(
        () => _hasher.VerifyHashedPassword(null!, hash ?? _nobodysHash, password) switch
        {
            _ when hash is null => new PasswordCheck(false, null),
            PasswordVerificationResult.Success => new PasswordCheck(true, null),
            PasswordVerificationResult.SuccessRehashNeeded => new PasswordCheck(true, _hasher.HashPassword(null!, password)),
            _ => new PasswordCheck(false, null),
        },
        ct);

    public void Dispose() => _hashers.Dispose();

    // A hash of one iteration that claims to be one of many: it costs as much to compare with, and a start nothing. The number stands
    // behind the format's and the function's, in the order of the network (PasswordHasher's version 3).
    private static string NobodysHash(int iterations)
    {
        var quick = new PasswordHasher<Client>(Options.Create(new PasswordHasherOptions { IterationCount = 1 }));
        var hash = Convert.FromBase64String(quick.HashPassword(null!, Guid.NewGuid().ToString()));
        BinaryPrimitives.WriteUInt32BigEndian(hash.AsSpan(5), (uint)iterations);
        return Convert.ToBase64String(hash);
    }

    private async Task<T> InTurnAsync<T>(Func<T> work, CancellationToken ct)
    {
        if (Interlocked.Increment(ref _present) > _mostAtOnce)
        {
            Interlocked.Decrement(ref _present);
            throw new BusyException("Too many passwords are being checked at this moment.");
        }

        try
        {
            await _hashers.WaitAsync(ct);
            try
            {
                return await Task.Run(work, ct);
            }
            finally
            {
                _hashers.Release();
            }
        }
        finally
        {
            Interlocked.Decrement(ref _present);
        }
    }
}
