using Tienda.Caching;
using Tienda.Hosting;

namespace Tienda.Inspection.Checks;

/// <summary>Redis, if the settings name one.</summary>
public static class RedisChecks
{
    // How long a request waits for it (RedisServer.Patience) is much more; this is what a network next door needs.
    private const double GoodMs = 5;
    private const double BadMs = 100;
    private const double FullPercent = 80;

    public static async Task AddAsync(CheckList list, RedisAddress address, CancellationToken ct)
    {
        var checks = list.Of("redis");
        RedisLook redis;
        try
        {
            redis = await RedisLook.TakeAsync(address, ct);
        }
        catch (CommandException away)
        {
            checks.Add(
                "reachable", "Redis reachable", Verdict.Fail, "no", "yes",
                $"{address}: {away.Message}. The shop goes on without it, but each worker reads for itself. "
                + "Look at REDIS_HOST, REDIS_PORT and REDIS_PASSWORD.");
            return;
        }

        checks.Add("reachable", "Redis reachable", Verdict.Pass, $"yes, version {redis.Version}", "yes", "");
        checks.Add(
            "latency", "Redis latency", redis.LatencyMs < GoodMs ? Verdict.Pass : redis.LatencyMs < BadMs ? Verdict.Warn : Verdict.Fail,
            $"{Screen.Number(redis.LatencyMs, 2)} ms", $"< {GoodMs} ms", "It is far away or busy: put it next to the shop.");
        checks.Add(
            "maxmemory", "Redis maxmemory", redis.MaximumBytes == 0 ? Verdict.Warn : Verdict.Pass,
            redis.MaximumBytes == 0 ? "no limit" : Screen.Bytes(redis.MaximumBytes), "a limit",
            "It grows until the system ends it: set maxmemory in redis.conf, such as 256mb.");
        // What the shop keeps there has a time to live, so that the policies for such keys do as well.
        var throwsAway = redis.Policy.Split('-')[0] is "allkeys" or "volatile";
        checks.Add(
            "policy", "Redis maxmemory-policy", throwsAway || redis.MaximumBytes == 0 ? Verdict.Pass : Verdict.Warn, redis.Policy,
            "allkeys-lfu or allkeys-lru",
            "When it is full it refuses what is new, and keeps what nobody asks for: set maxmemory-policy allkeys-lfu.");
        var used = redis.MaximumClients is > 0 and var most ? 100.0 * redis.Clients / most : 0;
        checks.Add(
            "clients", "Redis clients", used < FullPercent ? Verdict.Pass : Verdict.Warn,
            redis.MaximumClients is { } limit ? $"{redis.Clients} of {Screen.Whole(limit)}" : Screen.Whole(redis.Clients),
            $"< {FullPercent} % of maxclients",
            "Each worker has two connections. Raise maxclients, or see who has the others: redis-cli CLIENT LIST.");
    }
}
