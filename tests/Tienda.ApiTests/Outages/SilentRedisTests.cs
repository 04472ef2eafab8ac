using System.Net;
using StackExchange.Redis;

namespace Tienda.ApiTests.Outages;

/// <summary>Redis is connected to and says no more.</summary>
public sealed class SilentRedisTests(ShopApp shop)
{
    private const string Channel = "tienda:cache";

    [Fact]
    public async Task A_Redis_that_falls_silent_when_it_is_first_listened_to_is_listened_to_later()
    {
        await using var redis = await TestRedis.StartAsync();
        await using var wire = new Wire(new IPEndPoint(IPAddress.Loopback, redis.Port));
        wire.CutAt(Channel);
        await using var workers = await ShopWorkers.StartAsync(
            await shop.Postgres.CreateDatabaseAsync($"own_{Guid.NewGuid():N}"),
            1,
            new() { ["REDIS_HOST"] = "127.0.0.1", ["REDIS_PORT"] = $"{wire.Port}" });
        await Eventually.HoldsAsync(() => wire.IsCut);

        // The client waits five seconds for an answer.
        await Task.Delay(TimeSpan.FromSeconds(7), TestContext.Current.CancellationToken);
        wire.Restore();

        await workers.Http.GottenAsync("/products?limit=1").ShouldBeAsync(200);
        await using var client = await redis.ConnectAsync();
        await Eventually.HoldsAsync(() => client.GetSubscriber().Publish(RedisChannel.Literal(Channel), "hello") == 1);
    }
}
