using System.Text;
using Tienda.Caching;
using Tienda.Data;

namespace Tienda.UnitTests.Caching;

/// <summary>An answer that is behind by sales is brought up to date with what they have left, and by nothing else.</summary>
public sealed class StockRenewalTests
{
    private const string Now = "one";

    private readonly TestTime _time = new();
    private readonly CacheClock _clock;

    public StockRenewalTests()
    {
        _clock = new CacheClock(_time);
        Poll("10:10:");
    }

    [Fact]
    public void A_sale_changes_the_stock_that_the_answer_shows()
    {
        var entry = Entry("10:10:", (7, 3, 50), (8, 1, 60));
        _clock.Apply(Now, [Sale(10, (7, 4, 49))]);

        Assert.False(_clock.Holds(entry));
        var renewed = _clock.Renew(entry)!;
        Assert.True(_clock.Holds(renewed));
        Assert.Equal(Body((7, 49), (8, 60)), Text(renewed));
        Assert.NotEqual(entry.Etag, renewed.Etag);
    }

    [Fact]
    public void Sales_that_were_heard_of_in_another_order_are_put_in_theirs()
    {
        var entry = Entry("10:10:", (7, 3, 50));
        _clock.Hear(Now, [Sale(12, (7, 5, 9))]);
        Assert.Null(_clock.Renew(entry));

        _clock.Hear(Now, [Sale(10, (7, 4, 100000))]);
        var renewed = _clock.Renew(entry)!;
        Assert.Equal(Body((7, 9)), Text(renewed));

        // What it shows already is not taken again.
        _clock.Hear(Now, [Sale(10, (7, 4, 100000))]);
        Assert.True(_clock.Holds(renewed));
        Poll("13:13:", Sale(10, (7, 4, 100000)), Sale(12, (7, 5, 9)));
        Assert.True(_clock.Holds(renewed));
    }

    [Fact]
    public void Two_sales_of_one_transaction_count_both()
    {
        var entry = Entry("10:10:", (7, 3, 50), (8, 1, 60));
        _clock.Apply(Now, [Sale(10, (7, 4, 40)), Sale(10, (8, 2, 59)), Sale(10, (7, 5, 30))]);

        Assert.Equal(Body((7, 30), (8, 59)), Text(_clock.Renew(entry)!));
    }

    [Fact]
    public void A_sale_that_the_rows_show_already_and_the_stamp_does_not_is_not_taken_back()
    {
        var entry = Entry("10:10:", (7, 5, 30));
        _clock.Apply(Now, [Sale(10, (7, 4, 40)), Sale(11, (7, 5, 30))]);

        Assert.Equal(Body((7, 30)), Text(_clock.Renew(entry)!));
    }

    [Fact]
    public void A_change_of_anything_else_beside_the_sale_is_read_anew()
    {
        var entry = Entry("10:10:", (7, 3, 50));
        _clock.Apply(Now, [Sale(10, (7, 4, 49)), new CacheEvent(10, "product:7", "products")]);

        Assert.Null(_clock.Renew(entry));
    }

    [Fact]
    public void An_answer_that_depends_on_what_is_in_stock_is_read_anew_when_that_changes()
    {
        var (all, inStock) = (Entry("10:10:", (7, 3, 1)), Entry("10:10:", ["products:stock"], (7, 3, 1)));
        _clock.Apply(Now, [new CacheEvent(10, ["product:7", "products:stock"], [new StockChange(7, 4, 0)])]);

        Assert.Equal(Body((7, 0)), Text(_clock.Renew(all)!));
        Assert.Null(_clock.Renew(inStock));
    }

    [Fact]
    public void A_sale_whose_commit_is_in_doubt_is_no_news_of_the_stock()
    {
        var entry = Entry("10:10:", (7, 3, 50));
        _clock.Apply(Now, [new CacheEvent(10, "product:7")]);
        Assert.Null(_clock.Renew(entry));

        // The log has only what was committed.
        Poll("11:11:", Sale(10, (7, 4, 49)));
        Assert.Equal(Body((7, 49)), Text(_clock.Renew(entry)!));
        Assert.True(_clock.Holds(Entry("11:11:", (7, 4, 49))));
    }

    [Fact]
    public void While_the_database_cannot_be_asked_a_commit_that_is_in_doubt_changes_nothing()
    {
        var entry = Entry("10:10:", (7, 3, 50));
        _clock.Apply(Now, [Sale(10, (7, 4, 49))]);
        _clock.Hear(Now, [new CacheEvent(11, "product:7") { IsInDoubt = true }]);
        Assert.Null(_clock.Renew(entry));
        var certain = _clock.Certain(entry)!;
        Assert.Equal(Body((7, 49)), Text(certain));
        Assert.Same(certain, _clock.Certain(certain));
        Assert.False(_clock.Holds(certain));

        _clock.Apply(Now, [new CacheEvent(12, "product:7")]);
        Assert.Null(_clock.Certain(certain));
    }

    [Fact]
    public void What_was_in_doubt_is_certain_when_a_look_shows_that_it_has_ended()
    {
        var entry = Entry("10:10:", (7, 3, 50));
        _clock.Apply(Now, [new CacheEvent(10, "product:7") { IsInDoubt = true }]);
        Poll("10:12:10");
        Assert.Same(entry, _clock.Certain(entry));
        Poll("12:12:");
        Assert.Null(_clock.Certain(entry));

        // Heard of when it was known already.
        Poll("14:14:", new CacheEvent(13, "product:7"));
        _clock.Apply(Now, [new CacheEvent(13, "product:7") { IsInDoubt = true }]);
        Assert.Null(_clock.Certain(Entry("13:13:", (7, 3, 50))));
    }

    [Fact]
    public void An_absence_is_read_anew()
    {
        _clock.Apply(Now, [Sale(10, (7, 4, 49))]);

        Assert.Null(_clock.Renew(Entry("10:10:", ["product:7"])));
        Assert.Null(_clock.Renew(Entry("10:10:", ["product:7"], (8, 1, 60))));
    }

    [Fact]
    public void An_answer_moves_on_with_the_log_as_long_as_it_is_asked_for()
    {
        var entry = Entry("10:10:", (7, 3, 50));
        var left = Entry("10:10:", (7, 3, 50));
        for (var sale = 0; sale < 200; sale++)
        {
            var xid = 10 + (ulong)sale;
            _clock.Apply(Now, [Sale(xid, (7, 4 + sale, 1000 - sale))]);
            entry = _clock.Renew(entry)!;
            Poll($"{xid + 1}:{xid + 1}:");
            Assert.True(_clock.Holds(entry));
        }

        Assert.Equal(Body((7, 801)), Text(entry));
        Assert.Empty(entry.Stamp!.Besides);
        Assert.Null(_clock.Renew(left));
    }

    [Fact]
    public void Of_many_sales_at_once_an_answer_follows_the_last_moments()
    {
        // One transaction stays open, so that nothing can be summed up to one number.
        var entry = Entry("10:10:", (7, 3, 0));
        for (var sale = 0; sale < 1000; sale++)
        {
            var xid = 11 + (ulong)sale;
            _clock.Apply(Now, [Sale(xid, (7, 4 + sale, sale))]);
            if (sale % 50 == 49)
            {
                entry = _clock.Renew(entry)!;
                Poll($"10:{xid + 1}:10");
            }
        }

        Assert.True(_clock.Holds(entry));
        Assert.Equal(Body((7, 999)), Text(entry));
        _clock.Apply(Now, [new CacheEvent(10, "product:7")]);
        Assert.False(_clock.Holds(entry));
        Assert.Null(_clock.Renew(entry));
    }

    [Fact]
    public void Texts_that_look_like_a_stock_are_left_alone()
    {
        var body = """[{"name":"\"stock\":1","stock":2,"z":"{\"stock\":3}"},{"stock":4}]"""u8;

        var written = StockInJson.Write(body, [new StockNow(default, 2147483647), new StockNow(default, null)]);

        Assert.Equal("""[{"name":"\"stock\":1","stock":2147483647,"z":"{\"stock\":3}"},{"stock":4}]""", Encoding.UTF8.GetString(written!));
        Assert.Null(StockInJson.Write(body, [new StockNow(default, 1)]));
        Assert.Null(StockInJson.Write(body, [new StockNow(default, 1), new StockNow(default, 1), new StockNow(default, 1)]));
    }

    private void Poll(string snapshot, params CacheEvent[] events)
    {
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.True(_clock.Take(new LogPoll(_clock.Polled, Now, Snapshot.Parse(snapshot), 0, events), _time.GetTimestamp()));
    }

    private static CacheEvent Sale(ulong xid, (long Product, long Version, int Stock) sale) =>
        new(xid, [CacheTag.Product(sale.Product)], [new StockChange(sale.Product, sale.Version, sale.Stock)]);

    private static CacheEntry Entry(string snapshot, params (long Product, long Version, int Stock)[] shown) => Entry(snapshot, [], shown);

    private static CacheEntry Entry(string snapshot, string[] tags, params (long Product, long Version, int Stock)[] shown) =>
        new(Encoding.UTF8.GetBytes(Body([.. shown.Select(s => (s.Product, s.Stock))])))
        {
            Stamp = new CacheStamp(Now, Snapshot.Parse(snapshot)),
            Tags = [.. tags, .. shown.Select(s => CacheTag.Product(s.Product))],
            Stock = [.. shown.Select(s => new ShownStock(s.Product, s.Version))],
        };

    private static string Body(params (long Product, int Stock)[] shown) =>
        $"[{string.Join(',', shown.Select(s => $$"""{"id_key":{{s.Product}},"stock":{{s.Stock}},"category_id":null}"""))}]";

    private static string Text(CacheEntry entry) => Encoding.UTF8.GetString(entry.Body);
}
