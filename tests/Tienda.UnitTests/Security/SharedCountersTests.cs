using System.IO.MemoryMappedFiles;
using System.Net;
using System.Text;
using Tienda.Security;

namespace Tienda.UnitTests.Security;

public sealed class SharedCountersTests : IDisposable
{
    private const long Now = 1_800_000_000_000;
    private const int Period = 60_000;

    private readonly string _folder = Directory.CreateTempSubdirectory("tienda-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_window_begins_with_the_first_call_and_ends_a_period_later()
    {
        using var counters = SharedCounters.OpenPrivate();

        Assert.Equal([Taken.Passed, Taken.Passed, Taken.Denied], Enumerable.Range(0, 3).Select(i => Take(counters, "a", 2, Now + i).Taken));
        Assert.Equal(Taken.Denied, Take(counters, "a", 2, Now + Period - 1).Taken);
        Assert.Equal(Taken.Passed, Take(counters, "a", 2, Now + Period).Taken);
        Assert.Equal(Taken.Passed, Take(counters, "b", 2, Now).Taken);
    }

    [Fact]
    public void A_clock_that_is_set_back_ends_the_window()
    {
        using var counters = SharedCounters.OpenPrivate();
        Assert.Equal([Taken.Passed, Taken.Denied], Enumerable.Range(0, 2).Select(_ => Take(counters, "a", 1, Now).Taken));

        // Workers need not look at the clock in the order in which they count.
        Assert.Equal(Taken.Denied, Take(counters, "a", 1, Now - 20).Taken);
        Assert.Equal(Taken.Passed, Take(counters, "a", 1, Now - (5 * 60 * 60 * 1000)).Taken);
    }

    [Fact]
    public void What_is_left_and_when_the_window_ends_is_told()
    {
        using var counters = SharedCounters.OpenPrivate();

        Assert.Equal((1, Now + Period), Told(Take(counters, "a", 2, Now)));
        Assert.Equal((0, Now + Period), Told(Take(counters, "a", 2, Now + 5)));
        Assert.Equal((0, Now + Period), Told(Take(counters, "a", 2, Now + 9)));

        static (int, long) Told(CounterAnswer answer) => (answer.Remaining, answer.WindowEnd);
    }

    [Fact]
    public async Task Many_threads_over_two_mappings_of_one_file_count_exactly()
    {
        using var one = SharedCounters.Open(_folder);
        using var two = SharedCounters.Open(_folder);
        var passed = new int[50];

        await Parallel.ForAsync(0, 20_000, TestContext.Current.CancellationToken, (i, _) =>
        {
            var key = i % passed.Length;
            if (Take(i / passed.Length % 2 == 0 ? one : two, $"key {key}", 123, Now).Taken == Taken.Passed)
            {
                Interlocked.Increment(ref passed[key]);
            }

            return ValueTask.CompletedTask;
        });

        Assert.All(passed, count => Assert.Equal(123, count));
    }

    [Fact]
    public void A_call_that_is_given_back_can_be_taken_again()
    {
        using var counters = SharedCounters.OpenPrivate();
        var key = counters.FingerprintOf("a"u8);
        Take(counters, "a", 1, Now);

        counters.GiveBack(key, Now);

        Assert.Equal(Taken.Passed, Take(counters, "a", 1, Now).Taken);
        Assert.Equal(Taken.Denied, Take(counters, "a", 1, Now).Taken);
    }

    [Fact]
    public void The_lock_of_a_process_that_died_is_taken_over()
    {
        using (SharedCounters.Open(_folder))
        {
        }

        LockEverySet();
        using var counters = SharedCounters.Open(_folder);

        Assert.Equal(Taken.Passed, Take(counters, "a", 1, Now).Taken);
        Assert.Equal(Taken.Denied, Take(counters, "a", 1, Now).Taken);
    }

    [Fact]
    public void Garbage_in_the_file_counts_as_free()
    {
        using (SharedCounters.Open(_folder))
        {
        }

        var path = Path.Combine(_folder, "rate-limits-2");
        var bytes = File.ReadAllBytes(path);
        Array.Fill(bytes, (byte)0x7f, 256, bytes.Length - 256);
        File.WriteAllBytes(path, bytes);
        using var counters = SharedCounters.Open(_folder);

        Assert.Equal([Taken.Passed, Taken.Passed, Taken.Denied], Enumerable.Range(0, 3).Select(_ => Take(counters, "a", 2, Now).Taken));
    }

    [Fact]
    public void A_flood_of_new_keys_does_not_free_one_that_has_used_its_calls_up()
    {
        using var counters = SharedCounters.OpenPrivate();
        for (var i = 0; i < 10; i++)
        {
            Take(counters, "busy", 10, Now);
        }

        for (var i = 0; i < 300_000; i++)
        {
            Take(counters, $"flood {i}", 10, Now);
        }

        Assert.Equal(Taken.Denied, Take(counters, "busy", 10, Now).Taken);
    }

    [Fact]
    public void With_leases_only_what_was_granted_passes_beyond_the_first_call()
    {
        using var counters = SharedCounters.OpenPrivate();
        var key = counters.FingerprintOf("a"u8);

        Assert.Equal(Taken.PassedOnCredit, Leased().Taken);
        Assert.Equal(Taken.NeedsLease, Leased().Taken);
        counters.Grant(key, granted: 3, usedEverywhere: 8, leftMs: 10_000, Now);
        Assert.Equal([Taken.Passed, Taken.Passed, Taken.NeedsLease], Enumerable.Range(0, 3).Select(_ => Leased().Taken));
        counters.Grant(key, granted: 2, usedEverywhere: 10, leftMs: 10_000, Now);
        Assert.Equal([Taken.Passed, Taken.Passed, Taken.Denied], Enumerable.Range(0, 3).Select(_ => Leased().Taken));
        Assert.Equal(Now + 10_000, Leased().WindowEnd);
        // Alone again, the host still knows what the others have used.
        Assert.Equal(Taken.Denied, Take(counters, "a", 10, Now).Taken);

        CounterAnswer Leased() => counters.Take(key, 10, Period, Now, leased: true, onCredit: true);
    }

    [Theory]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true)]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:3::1", false)]
    [InlineData("::ffff:192.0.2.1", "192.0.2.1", true)]
    [InlineData("192.0.2.1", "192.0.2.2", false)]
    public void An_address_of_version_6_is_counted_by_its_network(string one, string other, bool together) =>
        Assert.Equal(together, RateSubject.OfAddress(IPAddress.Parse(one)) == RateSubject.OfAddress(IPAddress.Parse(other)));

    [Fact]
    public void An_account_is_one_in_any_case() =>
        Assert.Equal(RateSubject.OfEmail("Ana@Example.com"), RateSubject.OfEmail(" ana@example.COM"));

    private static CounterAnswer Take(SharedCounters counters, string key, int limit, long now) =>
        counters.Take(counters.FingerprintOf(Encoding.UTF8.GetBytes(key)), limit, Period, now, leased: false, onCredit: false);

    private void LockEverySet()
    {
        using var file = MemoryMappedFile.CreateFromFile(Path.Combine(_folder, "rate-limits-2"));
        using var view = file.CreateViewAccessor();
        for (var set = 256L; set + 256 <= 256 + (16_384L * 256); set += 256)
        {
            view.Write(set, 4711L);
        }
    }
}
