using System.Text.Json;
using System.Text.Json.Serialization;
using Tienda.Data;
using Tienda.Hosting;

namespace Tienda.Caching;

/// <summary>
/// The answers that all processes share, in Redis under their own names, so that what one has read the others need not; and a new process
/// begins warm. A value is a line of JSON about the answer and then the body, so that <c>redis-cli GET products:id:7</c> can be read.
/// Without Redis, or while it is away or slow, every process keeps its answers for itself.
/// </summary>
public sealed class RedisLevel(RedisServer redis, Settings settings, TimeProvider time)
{
    // What is larger is cheaper to read from the database than to send through Redis at every change.
    private const int LargestBody = 512 * 1024;

    // Another build may write other fields; another setting, products that this process must not show.
    private readonly string _writer = $"{typeof(RedisLevel).Module.ModuleVersionId:N}{(settings.AuthEnabled ? "" : "-open")}";

    public async Task<CacheEntry?> GetAsync(string key)
    {
        var value = await redis.AskAsync("GET", async database => (byte[]?)await database.StringGetAsync(key));
        return value is null ? null : Read(value);
    }

    /// <summary>Keeps an answer until it expires. Nobody waits for it.</summary>
    public void Set(string key, CacheEntry entry)
    {
        var left = TimeSpan.FromMilliseconds(entry.ExpiresAt) - (time.GetUtcNow() - DateTimeOffset.UnixEpoch);
        if (entry.Body.Length <= LargestBody && left > TimeSpan.Zero && redis.Database is not null && redis.Set(key, Write(entry), left))
        {
            entry.SharedAt = time.GetUtcNow().ToUnixTimeMilliseconds();
        }
    }

    private byte[] Write(CacheEntry entry)
    {
        var stamp = entry.Stamp!;
        var head = JsonSerializer.SerializeToUtf8Bytes(
            new KeptAnswerHead
            {
                Writer = _writer,
                Incarnation = stamp.Incarnation,
                Snapshot = stamp.Snapshot.ToString(),
                Besides = stamp.Besides is { Length: > 0 } besides ? besides : null,
                Tags = [.. entry.Tags],
                Stock = entry.Stock.Count == 0 ? null : [.. entry.Stock.Select(shown => new[] { shown.ProductId, shown.Version })],
                ExpiresAt = entry.ExpiresAt,
                Absent = entry.Absent,
                Link = entry.Link,
                Total = entry.Total,
                Corrected = entry.Corrected,
            },
            RedisJson.Default.KeptAnswerHead);
        var value = new byte[head.Length + 1 + entry.Body.Length];
        head.CopyTo(value, 0);
        value[head.Length] = (byte)'\n';
        entry.Body.CopyTo(value, head.Length + 1);
        return value;
    }

    /// <summary>The answer, or null if it is not one of this program's.</summary>
    private CacheEntry? Read(byte[] value)
    {
        try
        {
            var end = value.AsSpan().IndexOf((byte)'\n');
            if (end < 0 || JsonSerializer.Deserialize(value.AsSpan(0, end), RedisJson.Default.KeptAnswerHead) is not { } head
                || head.Writer != _writer)
            {
                return null;
            }

            return new CacheEntry(value[(end + 1)..], head.Absent, head.Link, head.Total, head.Corrected)
            {
                Stamp = new CacheStamp(head.Incarnation, Snapshot.Parse(head.Snapshot)) { Besides = head.Besides ?? [] },
                Tags = head.Tags,
                Stock = [.. (head.Stock ?? []).Select(shown => new ShownStock(shown[0], shown[1]))],
                ExpiresAt = head.ExpiresAt,
            };
        }
        catch (Exception)
        {
            // Whatever is wrong with it, it is not what this program has written.
            return null;
        }
    }
}

/// <summary>What stands before the body of an answer in Redis.</summary>
public sealed record KeptAnswerHead
{
    public required string Writer { get; init; }

    public required string Incarnation { get; init; }

    public required string Snapshot { get; init; }

    /// <summary>Transactions that the snapshot does not show and the answer does.</summary>
    public ulong[]? Besides { get; init; }

    public required string[] Tags { get; init; }

    /// <summary>Id and version of each stock that the body shows.</summary>
    public long[][]? Stock { get; init; }

    public required long ExpiresAt { get; init; }

    public string? Absent { get; init; }

    public string? Link { get; init; }

    public string? Total { get; init; }

    public string? Corrected { get; init; }
}

[JsonSerializable(typeof(KeptAnswerHead))]
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
internal sealed partial class RedisJson : JsonSerializerContext;
