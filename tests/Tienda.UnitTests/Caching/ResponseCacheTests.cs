using Microsoft.Extensions.Logging.Abstractions;
using Tienda.Caching;
using Tienda.Data;
using Tienda.Hosting;
using Tienda.Telemetry;

namespace Tienda.UnitTests.Caching;

public sealed class ResponseCacheTests
{
    [Fact]
    public async Task Who_has_left_does_not_wait_for_the_next_look_at_the_log()
    {
        const string Key = "products:id:7";
        var (time, settings) = (new TestTime(), new Settings());
        using var meters = new TestMeters();
        var metrics = new CacheMetrics(meters);
        await using var redis = new RedisServer(settings, new RedisMetrics(meters), time, NullLogger<RedisServer>.Instance);
        var (memory, clock, log) = (new AnswerMemory(settings, metrics), new CacheClock(time), Snapshot.Parse("10:10:"));
        var cache = new ResponseCache(memory, new RedisLevel(redis, settings, time), clock, metrics, settings, TimeProvider.System);
        Assert.True(clock.Take(new LogPoll(null, "one", log, 0, []), time.GetTimestamp()));
        memory.Set(Key, new CacheEntry([]) { Stamp = new CacheStamp("one", log), Tags = ["product:7"] });

        // The lease has ended, and nobody knows yet why.
        time.Advance(2 * CacheClock.Lease);
        using var leaving = new CancellationTokenSource();
        var asking = cache.FindBeyondDoubtAsync(Key, leaving.Token);
        Assert.False(asking.IsCompleted);
        await leaving.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asking);
    }
}
