using System.Diagnostics.Metrics;
using Tienda.Security;

namespace Tienda.Telemetry;

/// <summary>How often each rate limit let a call pass, and how often not; counted for every request, so without allocating.</summary>
public sealed class RateLimitMetrics
{
    private readonly Kind[] _kinds;

    public RateLimitMetrics(IMeterFactory meters, RateLimitPolicies policies)
    {
        _kinds = new Kind[policies.All.Max(policy => policy.Number) + 1];
        foreach (var policy in policies.All)
        {
            // Wrong passwords are counted by account and by address, and both are called the same.
            _kinds[policy.Number] = _kinds.FirstOrDefault(kind => kind?.Name == policy.Name) ?? new Kind(policy.Name);
        }

        meters.Create(ShopMetrics.Meter).CreateObservableCounter(
            "tienda.rate_limit.requests",
            () => _kinds.Where(kind => kind is not null).Distinct().SelectMany(Read),
            "{request}",
            "Requests that a rate limit let pass or refused.");
    }

    public void Note(RateLimitPolicy policy, bool isAllowed) =>
        Interlocked.Increment(ref isAllowed ? ref _kinds[policy.Number].Allowed : ref _kinds[policy.Number].Limited);

    private static IEnumerable<Measurement<long>> Read(Kind kind)
    {
        yield return Measured(kind, Volatile.Read(ref kind.Allowed), "allowed");
        yield return Measured(kind, Volatile.Read(ref kind.Limited), "limited");
    }

    private static Measurement<long> Measured(Kind kind, long value, string result) =>
        new(value, new KeyValuePair<string, object?>("policy", kind.Name), new KeyValuePair<string, object?>("result", result));

    private sealed class Kind(string name)
    {
        public long Allowed;
        public long Limited;

        public string Name => name;
    }
}
