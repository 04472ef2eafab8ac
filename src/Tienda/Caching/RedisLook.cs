using System.Diagnostics;
using System.Globalization;
using StackExchange.Redis;
using Tienda.Hosting;

namespace Tienda.Caching;

/// <summary>What a Redis server says of itself.</summary>
public sealed record RedisLook
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    public required string Version { get; init; }

    /// <summary>Of a question and its answer: the middle one of five.</summary>
    public required double LatencyMs { get; init; }

    /// <summary>How much it may keep; 0 for as much as there is.</summary>
    public required long MaximumBytes { get; init; }

    public required long UsedBytes { get; init; }

    /// <summary>What it throws away when that is full: maxmemory-policy.</summary>
    public required string Policy { get; init; }

    public required long Clients { get; init; }

    /// <summary>How many it takes; null if it is too old to tell.</summary>
    public required long? MaximumClients { get; init; }

    /// <summary>Looks at a server.</summary>
    /// <exception cref="CommandException">It cannot be asked; the message says why.</exception>
    public static async Task<RedisLook> TakeAsync(RedisAddress address, CancellationToken ct)
    {
        var options = new ConfigurationOptions
        {
            EndPoints = { { address.Host, address.Port } },
            Password = address.Password,
            DefaultDatabase = address.Database,
            ClientName = "tienda-inspector",
            // The client takes INFO for an administrator's.
            AllowAdmin = true,
            ConnectTimeout = (int)Patience.TotalMilliseconds,
            ConnectRetry = 1,
        };
        try
        {
            await using var redis = await ConnectionMultiplexer.ConnectAsync(options).WaitAsync(2 * Patience, ct);
            var database = redis.GetDatabase();
            await database.PingAsync().WaitAsync(Patience, ct);
            var took = new List<double>();
            for (var i = 0; i < 5; i++)
            {
                var asked = Stopwatch.GetTimestamp();
                await database.PingAsync().WaitAsync(Patience, ct);
                took.Add(Stopwatch.GetElapsedTime(asked).TotalMilliseconds);
            }

            took.Sort();
            return Read((await database.ExecuteAsync("INFO").WaitAsync(Patience, ct)).ToString(), Math.Round(took[2], 2));
        }
        catch (Exception away) when (away is RedisException or TimeoutException)
        {
            throw new CommandException(away.Message.Split('\n')[0]);
        }
    }

    private static RedisLook Read(string info, double latencyMs)
    {
        var facts = info.Split('\n', StringSplitOptions.TrimEntries)
            .Select(line => line.Split(':', 2))
            .Where(fact => fact.Length == 2)
            .DistinctBy(fact => fact[0])
            .ToDictionary(fact => fact[0], fact => fact[1]);
        return new RedisLook
        {
            Version = facts.GetValueOrDefault("redis_version", "unknown"),
            LatencyMs = latencyMs,
            MaximumBytes = Number(facts, "maxmemory") ?? 0,
            UsedBytes = Number(facts, "used_memory") ?? 0,
            Policy = facts.GetValueOrDefault("maxmemory_policy", "unknown"),
            Clients = Number(facts, "connected_clients") ?? 0,
            MaximumClients = Number(facts, "maxclients"),
        };
    }

    private static long? Number(Dictionary<string, string> facts, string name) =>
        facts.TryGetValue(name, out var text) && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;
}
