using Tienda.Data;

namespace Tienda.UnitTests.Caching;

public sealed class SnapshotTests
{
    private static readonly Snapshot Read = Snapshot.Parse("10:20:12,15");

    [Theory]
    [InlineData(9, true)]
    [InlineData(10, true)]
    [InlineData(12, false)]
    [InlineData(13, true)]
    [InlineData(15, false)]
    [InlineData(19, true)]
    [InlineData(20, false)]
    public void Shows_what_had_ended(ulong xid, bool shown) => Assert.Equal(shown, Read.Shows(xid));

    [Theory]
    [InlineData("10:20:12,15", true)]
    [InlineData("12:20:12", false)] // nothing shows 15 there, but here it is still running
    [InlineData("10:19:12,15", true)]
    [InlineData("10:21:12,15", false)]
    [InlineData("10:20:12,13,15", true)]
    [InlineData("9:12:9", true)]
    public void Compares_with_another(string other, bool showsAllOfIt) => Assert.Equal(showsAllOfIt, Read.ShowsAllOf(Snapshot.Parse(other)));

    [Theory]
    [InlineData("1:1:")]
    [InlineData("10:20:12,15")]
    public void Is_written_as_it_is_read(string text) => Assert.Equal(text, Snapshot.Parse(text).ToString());

    [Theory]
    [InlineData("")]
    [InlineData("1:2")]
    [InlineData("a:b:c")]
    [InlineData("-1:2:")]
    public void What_is_no_snapshot_is_refused(string text) => Assert.Throws<FormatException>(() => Snapshot.Parse(text));
}
