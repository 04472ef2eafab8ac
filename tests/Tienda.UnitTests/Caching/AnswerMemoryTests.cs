using Tienda.Caching;
using Tienda.Hosting;
using Tienda.Telemetry;

namespace Tienda.UnitTests.Caching;

/// <summary>Answers in memory are bounded in bytes, and what is asked for once does not drive out what is asked for often.</summary>
public sealed class AnswerMemoryTests : IDisposable
{
    private const int Megabytes = 4;
    private const int BodyBytes = 4000;

    private readonly TestMeters _meters = new();
    private readonly AnswerMemory _memory;

    public AnswerMemoryTests() =>
        _memory = new AnswerMemory(new Settings { Cache = new CacheSettings { MemoryMegabytes = Megabytes } }, new CacheMetrics(_meters));

    [Fact]
    public void Garbage_does_not_flush_what_is_useful_and_the_bytes_stay_bounded()
    {
        string[] useful = [.. Enumerable.Range(1, 50).Select(id => $"products:id:{id}")];
        foreach (var key in useful)
        {
            _memory.Set(key, Entry());
        }

        // A robot walks through a hundred times of what fits, while people look at what they always look at.
        var (found, asked) = (0, 0);
        var most = 0L;
        for (var page = 0; page < 40_000; page++)
        {
            _memory.Set($"products:list:skip:{page}:limit:1", Entry());
            most = Math.Max(most, _memory.Bytes);
            var key = useful[page % useful.Length];
            asked++;
            if (_memory.TryGet(key, out _))
            {
                found++;
            }
            else
            {
                _memory.Set(key, Entry());
            }
        }

        Assert.True(most <= (Megabytes * 1024 * 1024) + Entry().Size, $"{most} bytes were kept");
        Assert.True(_memory.Bytes > Megabytes * 1024 * 1024 / 4, $"only {_memory.Bytes} bytes are used");
        Assert.True(found > 0.95 * asked, $"{found} of {asked} were found");
    }

    [Fact]
    public void An_answer_that_takes_the_place_of_another_counts_once()
    {
        for (var i = 0; i < 1000; i++)
        {
            _memory.Set("products:id:1", Entry());
        }

        SpinWait.SpinUntil(() => _memory.Bytes == Entry().Size, TimeSpan.FromSeconds(5));
        Assert.Equal((1, Entry().Size), (_memory.Count, _memory.Bytes));
    }

    [Fact]
    public void What_would_take_a_quarter_of_the_memory_is_not_kept()
    {
        _memory.Set("products:list:skip:0:limit:100", new CacheEntry(new byte[Megabytes * 1024 * 1024 / 4]));

        Assert.Equal(0, _memory.Count);
    }

    public void Dispose() => _meters.Dispose();

    private static CacheEntry Entry() => new(new byte[BodyBytes]);
}
