using Tienda.Caching;
using Tienda.Data;

namespace Tienda.UnitTests.Caching;

public sealed class CacheClockTests
{
    private const string Now = "one";

    private readonly TestTime _time = new();
    private readonly CacheClock _clock;

    public CacheClockTests()
    {
        _clock = new CacheClock(_time);
        Poll("10:10:");
    }

    [Fact]
    public void An_answer_holds_until_something_in_it_changes()
    {
        var (seven, eight) = (Entry("10:10:", "product:7"), Entry("10:10:", "product:8"));
        _clock.Apply(Now, [new CacheEvent(10, ["product:7"])]);

        Assert.False(_clock.Holds(seven));
        Assert.True(_clock.Holds(eight));
    }

    [Fact]
    public void An_answer_that_was_read_after_the_change_holds()
    {
        _clock.Apply(Now, [new CacheEvent(10, ["product:7"])]);

        Assert.True(_clock.Holds(Entry("11:11:", "product:7")));
    }

    [Fact]
    public void An_answer_that_was_read_before_and_is_kept_after_the_change_does_not()
    {
        _clock.Apply(Now, [new CacheEvent(10, ["product:7"])]);

        Assert.False(_clock.Holds(Entry("10:11:10", "product:7")));
    }

    [Fact]
    public void Transactions_that_end_in_another_order_than_they_began_in_are_told_apart()
    {
        // 11 has ended and was seen, 10 ends after the read: one highest number would hide it.
        var entry = Entry("10:12:10", "product:7");
        _clock.Apply(Now, [new CacheEvent(11, ["product:7"])]);
        Assert.True(_clock.Holds(entry));

        _clock.Apply(Now, [new CacheEvent(10, ["product:7"])]);
        Assert.False(_clock.Holds(entry));
    }

    [Fact]
    public void Events_may_come_twice_and_late()
    {
        _clock.Apply(Now, [new CacheEvent(10, ["product:7"])]);
        Poll("12:12:", new CacheEvent(10, ["product:7"]), new CacheEvent(11, ["product:7"]));
        var entry = Entry("12:12:", "product:7");
        _clock.Hear(Now, [new CacheEvent(10, ["product:7"]), new CacheEvent(11, ["product:7"])]);

        Assert.True(_clock.Holds(entry));
    }

    [Fact]
    public void A_late_event_of_a_transaction_that_was_summed_up_still_counts()
    {
        var entry = Entry("10:10:", "product:7");
        Poll("12:12:");
        _clock.Hear(Now, [new CacheEvent(11, ["product:7"])]);

        Assert.False(_clock.Holds(entry));
    }

    [Fact]
    public void While_one_transaction_stays_open_for_long_answers_are_still_kept()
    {
        // 10 is open. A hundred others change the same tag; whoever has read all of them is right.
        for (var xid = 11UL; xid <= 110; xid++)
        {
            _clock.Apply(Now, [new CacheEvent(xid, ["products"])]);
            if (xid % 40 == 0)
            {
                Poll($"10:{xid + 1}:10");
            }
        }

        Assert.True(_clock.Holds(Entry("10:111:10", "products")));
        Assert.False(_clock.Holds(Entry("10:110:10", "products")));
        Assert.False(_clock.Holds(Entry("10:60:10", "products")));
        Assert.False(_clock.Holds(Entry("10:111:10,50", "products")));

        _clock.Apply(Now, [new CacheEvent(10, ["products"])]);
        Assert.False(_clock.Holds(Entry("10:111:10", "products")));
        Poll("111:111:");
        Assert.True(_clock.Holds(Entry("111:111:", "products")));
        Assert.False(_clock.Holds(Entry("10:111:10", "products")));
    }

    [Fact]
    public void A_crowd_of_changes_of_one_tag_does_not_make_it_forget_everything()
    {
        var xid = 10UL;
        for (var look = 0; look < 20; look++)
        {
            CacheEvent[] events = [.. Enumerable.Range(0, 5000).Select(i => new CacheEvent(xid + (ulong)i, "products"))];
            foreach (var happened in events)
            {
                _clock.Apply(Now, [happened]);
            }

            xid += 5000;
            Poll($"{xid}:{xid}:", events);
        }

        Assert.True(_clock.IsLeased);
        Assert.True(_clock.Holds(Entry($"{xid}:{xid}:", "products")));
        Assert.False(_clock.Holds(Entry($"{xid - 1}:{xid - 1}:", "products")));
    }

    [Fact]
    public void It_begins_beside_a_transaction_that_stays_open_and_a_long_log()
    {
        var clock = new CacheClock(_time);
        CacheEvent[] events = [.. Enumerable.Range(0, 100_000).Select(i => new CacheEvent(11 + (ulong)i, "products"))];
        Assert.True(clock.Take(new LogPoll(null, Now, Snapshot.Parse("10:100011:10"), 0, events), _time.GetTimestamp()));
        clock.Apply(Now, [new CacheEvent(100_011, "products")]);

        Assert.True(clock.IsLeased);
        Assert.True(clock.Holds(Entry("10:100012:10", "products")));
        Assert.False(clock.Holds(Entry("10:100011:10", "products")));
        Assert.False(clock.Holds(Entry("10:100012:10,500", "products")));
    }

    [Fact]
    public void A_message_of_a_transaction_that_cannot_be_is_passed_over()
    {
        _clock.Hear(Now, [new CacheEvent(ulong.MaxValue, "products")]);

        Assert.True(_clock.Holds(Entry("10:10:", "products")));
    }

    [Fact]
    public void Answers_are_given_only_for_a_while_after_the_log_was_asked()
    {
        Assert.True(_clock.IsLeased);
        _time.Advance(CacheClock.Lease + TimeSpan.FromMilliseconds(1));
        Assert.False(_clock.IsLeased);

        Poll("10:10:");
        Assert.True(_clock.IsLeased);
    }

    [Fact]
    public void The_lease_counts_from_the_beginning_of_the_question()
    {
        var asked = _time.GetTimestamp();
        _time.Advance(CacheClock.Lease + TimeSpan.FromMilliseconds(1));
        _clock.Take(new LogPoll(_clock.Polled, Now, Snapshot.Parse("10:10:"), 0, []), asked);

        Assert.False(_clock.IsLeased);
    }

    [Fact]
    public void It_is_cut_off_only_when_the_database_refuses()
    {
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.False(_clock.IsCutOff);

        _clock.NoteFailure(isOutage: true);
        Assert.True(_clock.IsCutOff);
        Assert.InRange(_clock.SinceLease, TimeSpan.FromSeconds(59), TimeSpan.FromSeconds(61));

        Poll("10:10:");
        Assert.False(_clock.IsCutOff);
    }

    [Fact]
    public void Another_incarnation_makes_everything_void()
    {
        var entry = Entry("10:10:", "product:7");

        Assert.False(_clock.Take(new LogPoll(_clock.Polled, "two", Snapshot.Parse("5:5:"), 0, []), _time.GetTimestamp()));
        Assert.Null(_clock.Polled);
        Assert.False(_clock.IsLeased);
        Assert.False(_clock.Holds(entry));

        Assert.True(_clock.Take(new LogPoll(_clock.Polled, "two", Snapshot.Parse("5:5:"), 0, []), _time.GetTimestamp()));
        Assert.True(_clock.IsLeased);
        Assert.False(_clock.Holds(entry));
    }

    [Theory]
    [InlineData("two")]
    [InlineData(null)]
    public void A_write_of_another_incarnation_makes_everything_void(string? incarnation)
    {
        _clock.Apply(incarnation, [new CacheEvent(3, ["product:7"])]);

        Assert.Null(_clock.Polled);
        Assert.False(_clock.IsLeased);
    }

    [Fact]
    public void A_read_of_another_incarnation_makes_everything_void()
    {
        _clock.See("two");

        Assert.False(_clock.IsLeased);
    }

    [Fact]
    public void A_look_that_began_before_everything_was_void_is_not_one_from_the_start()
    {
        var since = _clock.Polled;
        _clock.See("two");

        Assert.False(_clock.Take(new LogPoll(since, Now, Snapshot.Parse("12:12:"), 0, []), _time.GetTimestamp()));
        Assert.False(_clock.IsLeased);
    }

    [Fact]
    public void A_message_of_another_incarnation_is_somebody_elses()
    {
        var entry = Entry("10:10:", "product:7");
        _clock.Hear("two", [new CacheEvent(10, ["product:7"])]);

        Assert.True(_clock.IsLeased);
        Assert.True(_clock.Holds(entry));
    }

    [Fact]
    public void A_write_while_the_log_is_read_from_the_start_is_not_lost()
    {
        _clock.See("two");
        var asked = _time.GetTimestamp();
        _clock.Apply("two", [new CacheEvent(10, ["product:7"])]);

        Assert.True(_clock.Take(new LogPoll(_clock.Polled, "two", Snapshot.Parse("10:11:10"), 0, []), asked));
        Assert.False(_clock.Holds(Entry("10:11:10", "product:7", "two")));
    }

    [Fact]
    public void A_write_whose_incarnation_is_unknown_is_waited_for()
    {
        _clock.See("two");
        var asked = _time.GetTimestamp();
        _time.Advance(TimeSpan.FromMilliseconds(1));
        _clock.Apply(null, [new CacheEvent(10, ["product:7"])]);

        Assert.False(_clock.Take(new LogPoll(_clock.Polled, "two", Snapshot.Parse("10:11:10"), 0, []), asked));
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.True(_clock.Take(new LogPoll(_clock.Polled, "two", Snapshot.Parse("11:11:"), 0, []), _time.GetTimestamp()));
    }

    [Fact]
    public void What_was_pruned_unread_makes_everything_void()
    {
        Assert.False(_clock.Take(new LogPoll(_clock.Polled, Now, Snapshot.Parse("30:30:"), 11, []), _time.GetTimestamp()));
        Assert.Null(_clock.Polled);
    }

    [Fact]
    public void What_was_pruned_after_it_was_read_does_not()
    {
        Assert.True(_clock.Take(new LogPoll(_clock.Polled, Now, Snapshot.Parse("30:30:"), 10, []), _time.GetTimestamp()));
    }

    [Fact]
    public void An_answer_from_before_the_log_cannot_be_judged()
    {
        var clock = new CacheClock(_time);
        clock.Take(new LogPoll(null, Now, Snapshot.Parse("30:30:"), 20, []), _time.GetTimestamp());

        Assert.False(clock.Holds(Entry("19:25:", "product:7")));
        Assert.True(clock.Holds(Entry("20:25:", "product:7")));
    }

    [Fact]
    public void A_look_that_began_before_a_write_of_another_incarnation_does_not_count()
    {
        _clock.See("two");
        var asked = _time.GetTimestamp();
        _clock.Apply("three", [new CacheEvent(10, ["product:7"])]);

        Assert.False(_clock.Take(new LogPoll(null, "two", Snapshot.Parse("10:11:10"), 0, []), asked));
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.True(_clock.Take(new LogPoll(null, "three", Snapshot.Parse("10:11:10"), 0, []), _time.GetTimestamp()));
        Assert.False(_clock.Holds(Entry("10:11:10", "product:7", "three")));
    }

    private void Poll(string snapshot, params CacheEvent[] events) =>
        Assert.True(_clock.Take(new LogPoll(_clock.Polled, Now, Snapshot.Parse(snapshot), 0, events), _time.GetTimestamp()));

    private static CacheEntry Entry(string snapshot, string tag, string incarnation = Now) =>
        new([]) { Stamp = new CacheStamp(incarnation, Snapshot.Parse(snapshot)), Tags = [tag] };
}
