using Tienda.Inspection;

namespace Tienda.UnitTests.Inspection;

public sealed class TextTableTests
{
    [Fact]
    public void Figures_stand_on_the_right_and_nothing_is_left_at_the_end_of_a_line()
    {
        var table = new TextTable(new("name"), new("calls", true), new("text"));
        table.Add("list", "1,234", "SELECT");
        table.Add("a", "7", "");

        Assert.Equal(
            """
            name  calls  text
            ----  -----  ------
            list  1,234  SELECT
            a         7
            """.Split('\n'),
            table.Lines(80, coloured: false));
    }

    [Theory]
    [InlineData(60)]
    [InlineData(80)]
    [InlineData(200)]
    public void The_last_column_is_cut_to_the_screen_and_no_other(int width)
    {
        var table = new TextTable(new("calls", true), new("text"));
        table.Add(new Cell("1,234,567", Tone.Bad), new string('x', 150));

        var lines = table.Lines(width, coloured: false).ToList();
        Assert.All(lines, line => Assert.True(line.Length <= width));
        Assert.StartsWith("1,234,567  xxx", lines[2], StringComparison.Ordinal);
        Assert.EndsWith(width < 161 ? "x…" : "xx", lines[2], StringComparison.Ordinal);
    }

    [Fact]
    public void Colours_do_not_move_columns()
    {
        var table = new TextTable(new("a", true), new("b"));
        table.Add(new Cell("1", Tone.Good), "2");
        table.AddNote("  remark", Tone.Doubtful);

        Assert.Equal(["\e[32m1\e[0m  2", "\e[33m  remark\e[0m"], table.Lines(80, coloured: true).Skip(2));
    }

    [Theory]
    [InlineData(0.0004, "0.4 ms")]
    [InlineData(0.5, "500 ms")]
    [InlineData(1.26, "1.3 s")]
    [InlineData(600, "10 min")]
    [InlineData(10_000, "3 h")]
    [InlineData(864_000, "10 days")]
    public void Ages_have_the_unit_that_suits_them(double seconds, string text) => Assert.Equal(text, Screen.Age(seconds));

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1023, "1023 B")]
    [InlineData(1536, "1.5 KiB")]
    [InlineData(200L << 20, "200 MiB")]
    public void Sizes_are_counted_as_PostgreSQL_counts(long bytes, string text) => Assert.Equal(text, Screen.Bytes(bytes));
}
