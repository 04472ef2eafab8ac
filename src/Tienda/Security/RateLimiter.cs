using System.Buffers.Binary;
using System.Globalization;
using Tienda.Telemetry;

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
public sealed class RateLimiter(SharedCounters counters, RateLeases leases, RateLimitMetrics metrics, TimeProvider time)
{
    // The call that each host lets through before it is leased is at most a tenth of what two hosts may.
    private const int LeastCallsForCredit = 20;

    public ValueTask<RateVerdict> TakeAsync(RateLimitPolicy policy, RateSubject subject)
    {
        var key = KeyOf(policy, subject);
        var now = Now();
        var answer = Take(policy, key, now);
        switch (answer.Taken)
        {
            case Taken.NeedsLease:
                return LeaseAndTakeAsync(policy, subject, key, answer);
            case Taken.PassedOnCredit:
                _ = leases.AskAsync(policy, subject, key, answer);
                break;
        }

        return ValueTask.FromResult(Verdict(policy, answer, now));
    }

    /// <summary>Takes back a call that turned out not to count.</summary>
    public void GiveBack(RateLimitPolicy policy, RateSubject subject) => counters.GiveBack(KeyOf(policy, subject), Now());

    private async ValueTask<RateVerdict> LeaseAndTakeAsync(
        RateLimitPolicy policy, RateSubject subject, long key, CounterAnswer answer)
    {
        // Every lease brings a call or the news that there is none, so this ends; others may take the call first.
        var now = 0L;
        while (answer.Taken == Taken.NeedsLease)
        {
            await leases.AskAsync(policy, subject, key, answer);
            answer = Take(policy, key, now = Now());
        }

        return Verdict(policy, answer, now);
    }

    private CounterAnswer Take(RateLimitPolicy policy, long key, long now) =>
        counters.Take(
            key, policy.Calls, policy.PeriodSeconds * 1000L, now, leases.AreAvailable,
            onCredit: !policy.Strict && policy.Calls >= LeastCallsForCredit);

    private long KeyOf(RateLimitPolicy policy, RateSubject subject)
    {
        Span<byte> bytes = stackalloc byte[2 + sizeof(ulong)];
        (bytes[0], bytes[1]) = (policy.Number, subject.Kind);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[2..], subject.Id);
        return counters.FingerprintOf(bytes);
    }

    private RateVerdict Verdict(RateLimitPolicy policy, CounterAnswer answer, long now)
    {
        var isDenied = answer.Taken == Taken.Denied;
        metrics.Note(policy, !isDenied);
        return new RateVerdict(
            policy, isDenied ? -1 : answer.Remaining, (int)Math.Max(1, (answer.WindowEnd - now + 999) / 1000));
    }

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
    private const string Policies = "RateLimit-Policy";
    private const string Limits = "RateLimit";
    private const string Limit = "X-RateLimit-Limit";
    private const string Remaining = "X-RateLimit-Remaining";
    private const string Reset = "X-RateLimit-Reset";

    /// <summary>Whether the request was counted.</summary>
    public static bool AreIn(IHeaderDictionary headers) => headers.ContainsKey(Limits);

    public static void Write(IHeaderDictionary headers, RateVerdict verdict)
    {
        var (left, seconds) = Texts(verdict);
        headers[Policies] = verdict.Policy.Header;
        headers[Limits] = string.Concat(verdict.Policy.LeftPrefix, left, ";t=", seconds);
        WriteOlder(headers, verdict.Policy, left, seconds);
    }

    /// <summary>Adds a second limit that the request was counted by. The older headers know only one: the tighter.</summary>
    public static void Add(IHeaderDictionary headers, RateVerdict own)
    {
        headers[Policies] = $"{headers[Policies]}, {own.Policy.Header}";
        var (left, seconds) = Texts(own);
        headers[Limits] = $"{headers[Limits]}, {own.Policy.LeftPrefix}{left};t={seconds}";
        if (own.Remaining < int.Parse(headers[Remaining].ToString(), CultureInfo.InvariantCulture))
        {
            WriteOlder(headers, own.Policy, left, seconds);
        }
    }

    private static void WriteOlder(IHeaderDictionary headers, RateLimitPolicy policy, string left, string seconds)
    {
        headers[Limit] = policy.CallsText;
        headers[Remaining] = left;
        headers[Reset] = seconds;
    }

    // The runtime keeps the texts of numbers below 300.
    private static (string Left, string Seconds) Texts(RateVerdict verdict) =>
        (verdict.Remaining.ToString(CultureInfo.InvariantCulture), verdict.ResetSeconds.ToString(CultureInfo.InvariantCulture));
}
