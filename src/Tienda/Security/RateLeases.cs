using System.Collections.Concurrent;
using System.Globalization;
using StackExchange.Redis;
using Tienda.Caching;

namespace Tienda.Security;

/// <summary>
/// Agrees with the other hosts, through one counter in Redis for each key and window, on how many calls each may let through. A host
/// leases calls in chunks: as many as it has let through so far, from one to a tenth of the limit. So a busy key costs a round trip
/// for every tenth of its calls, and what a host leases and does not use is small. A key's first call of a window does not wait for its
/// lease if the limit is 20 or more; that is the only way in which more calls than the limit can pass, one for each host.
/// </summary>
public sealed class RateLeases(RedisServer redis, SharedCounters counters, TimeProvider time)
{
    // Counts and grants in one step; the window begins with its first call.
    private const string Lease =
        """
        local used = tonumber(redis.call('GET', KEYS[1]) or '0')
        local granted = math.max(0, math.min(tonumber(ARGV[1]), tonumber(ARGV[2]) - used))
        if used == 0 then
            redis.call('SET', KEYS[1], granted, 'PX', ARGV[3])
        elseif granted > 0 then
            redis.call('INCRBY', KEYS[1], granted)
        end
        return {granted, used + granted, redis.call('PTTL', KEYS[1])}
        """;

    private readonly ConcurrentDictionary<long, Task> _asking = new();

    /// <summary>Whether calls are leased at present. If not, each host counts for itself.</summary>
    public bool AreAvailable => redis.Database is not null;

    /// <summary>Asks for a key's next lease, or joins who asks for it already. Never throws; the counters have what came of it.</summary>
    public Task AskAsync(RateLimitPolicy policy, RateSubject subject, long key, CounterAnswer answer)
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var asking = _asking.GetOrAdd(key, asked.Task);
        if (asking == asked.Task)
        {
            _ = RunAsync(policy, subject, key, answer, asked);
        }

        return asking;
    }

    private async Task RunAsync(RateLimitPolicy policy, RateSubject subject, long key, CounterAnswer answer, TaskCompletionSource asked)
    {
        try
        {
            var chunk = policy.Strict ? 1 : Math.Clamp(answer.Used, 1, Math.Max(1, policy.Calls / 10));
            var name = string.Create(CultureInfo.InvariantCulture, $"tienda:rate:{policy.Number}:{subject.Kind}:{subject.Id:x}");
            var reply = await redis.AskAsync("EVAL", async database => (RedisResult[]?)await database
                .ScriptEvaluateAsync(Lease, [name], [answer.Owed + chunk, policy.Calls, policy.PeriodSeconds * 1000L]));
            if (reply is not null)
            {
                counters.Grant(key, (int)reply[0], (int)reply[1], (long)reply[2], time.GetUtcNow().ToUnixTimeMilliseconds());
            }
        }
        finally
        {
            _asking.TryRemove(key, out _);
            asked.SetResult();
        }
    }
}
