using System.Buffers.Binary;
using System.Globalization;

namespace Tienda.Security;

/// <summary>Whether a call passes, and what its sender is told about the limit.</summary>
/// <param name="Left">Calls left in the window, or -1 if there was none left for this one.</param>
/// <param name="ResetSeconds">Seconds until the window ends, rounded up.</param>
public readonly record struct RateVerdict(RateLimitPolicy Policy, int Left, int ResetSeconds)
{
    public bool Allowed => Left >= 0;

    public int Remaining => Math.Max(Left, 0);
}

/// <summary>
/// Counts calls: exactly over the workers of this host, and with Redis over all hosts, where each host leases calls in advance so that
/// hardly any request waits for a round trip. Without Redis, or while it is away, every host counts for itself.
/// </summary>
public sealed class RateLimiter(SharedCounters counters, RateLeases leases, TimeProvider time)
{
    // The call that each host lets through before it is leased is at most a tenth of what two hosts may.
    private const int LeastCallsForCredit = 20;

    public ValueTask<RateVerdict> TakeAsync(RateLimitPolicy policy, RateSubject subject)
    {
        var key = KeyOf(policy, subject);
        var answer = Take(policy, key, leases.AreAvailable);
        switch (answer.Taken)
        {
            case Taken.NeedsLease:
                return LeaseAndTakeAsync(policy, subject, key, answer);
            case Taken.PassedOnCredit:
                _ = leases.AskAsync(policy, subject, key, answer);
                break;
        }

        return ValueTask.FromResult(Verdict(policy, answer));
    }

    /// <summary>Takes back a call that turned out not to count.</summary>
    public void GiveBack(RateLimitPolicy policy, RateSubject subject) => counters.GiveBack(KeyOf(policy, subject), Now());

    private async ValueTask<RateVerdict> LeaseAndTakeAsync(
        RateLimitPolicy policy, RateSubject subject, long key, CounterAnswer answer)
    {
        // Every lease brings a call or the news that there is none, so this ends; others may take the call first.
        while (answer.Taken == Taken.NeedsLease)
        {
            await leases.AskAsync(policy, subject, key, answer);
            answer = Take(policy, key, leases.AreAvailable);
        }

        return Verdict(policy, answer);
    }

    private CounterAnswer Take(RateLimitPolicy policy, long key, bool leased) =>
        counters.Take(
            key, policy.Calls, policy.PeriodSeconds * 1000L, Now(), leased,
            onCredit: !policy.Strict && policy.Calls >= LeastCallsForCredit);

    private long KeyOf(RateLimitPolicy policy, RateSubject subject)
    {
        Span<byte> bytes = stackalloc byte[2 + sizeof(ulong)];
        (bytes[0], bytes[1]) = (policy.Number, subject.Kind);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[2..], subject.Id);
        return counters.FingerprintOf(bytes);
    }

    private RateVerdict Verdict(RateLimitPolicy policy, CounterAnswer answer) => new(
        policy,
        answer.Taken == Taken.Denied ? -1 : answer.Remaining,
        (int)Math.Max(1, (answer.WindowEnd - Now() + 999) / 1000));

    private long Now() => time.GetUtcNow().ToUnixTimeMilliseconds();
}

/// <summary>
/// Slows the guessing of passwords: an attempt is counted for its account and its address before the password is looked at, however
/// many come at once, and given back if it was right.
/// </summary>
public sealed class SignInAttempts(RateLimiter limiter, RateLimitPolicies policies)
{
    /// <summary>Begins an attempt, or answers the verdict that forbids it.</summary>
    public async ValueTask<RateVerdict> BeginAsync(RateSubject account, RateSubject address)
    {
        var byAddress = await limiter.TakeAsync(policies.WrongPasswordsOfAddress, address);
        if (!byAddress.Allowed)
        {
            return byAddress;
        }

        var byAccount = await limiter.TakeAsync(policies.WrongPasswordsOfAccount, account);
        if (!byAccount.Allowed)
        {
            limiter.GiveBack(policies.WrongPasswordsOfAddress, address);
        }

        return byAccount;
    }

    /// <summary>The password was right, or nobody looked at it.</summary>
    public void TakeBack(RateSubject account, RateSubject address)
    {
        limiter.GiveBack(policies.WrongPasswordsOfAddress, address);
        limiter.GiveBack(policies.WrongPasswordsOfAccount, account);
    }
}

/// <summary>How a verdict is told: draft-ietf-httpapi-ratelimit-headers-11, and the older headers that many clients read.</summary>
public static class RateLimitHeaders
{
    public static void Write(IHeaderDictionary headers, CountedRequest counted)
    {
        var tightest = counted.Default;
        if (counted.Own is { } own)
        {
            headers["RateLimit-Policy"] = $"{tightest.Policy.Header}, {own.Policy.Header}";
            headers["RateLimit"] = $"{Left(tightest)}, {Left(own)}";
            tightest = own.Remaining < tightest.Remaining ? own : tightest;
        }
        else
        {
            headers["RateLimit-Policy"] = tightest.Policy.Header;
            headers["RateLimit"] = Left(tightest);
        }

        headers["X-RateLimit-Limit"] = tightest.Policy.CallsText;
        headers["X-RateLimit-Remaining"] = tightest.Remaining.ToString(CultureInfo.InvariantCulture);
        headers["X-RateLimit-Reset"] = tightest.ResetSeconds.ToString(CultureInfo.InvariantCulture);
    }

    private static string Left(RateVerdict verdict) =>
        string.Create(CultureInfo.InvariantCulture, $"\"{verdict.Policy.Name}\";r={verdict.Remaining};t={verdict.ResetSeconds}");
}
