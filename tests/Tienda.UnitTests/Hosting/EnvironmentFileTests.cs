using Tienda.Hosting;

namespace Tienda.UnitTests.Hosting;

public sealed class EnvironmentFileTests
{
    [Theory]
    [InlineData("NAME=value", "value")]
    [InlineData("  NAME = value  ", "value")]
    [InlineData("export NAME=value", "value")]
    [InlineData("NAME=value # and why", "value")]
    [InlineData("NAME=pass#word", "pass#word")]
    [InlineData("NAME='a # b'", "a # b")]
    [InlineData("NAME=\"a b\" # and why", "a b")]
    [InlineData("NAME=a=b", "a=b")]
    [InlineData("NAME=", "")]
    [InlineData("NAME= # nothing", "")]
    [InlineData("NAME=value\r", "value")]
    [InlineData("NAME=first\nNAME=last", "last")]
    public void A_line_gives_a_name_its_value(string text, string value) => Assert.Equal(value, EnvironmentFile.Parse(text)["NAME"]);

    [Fact]
    public void Comments_and_empty_lines_say_nothing() => Assert.Empty(EnvironmentFile.Parse("\n# NAME=value\n   \n"));

    [Theory]
    [InlineData("A=1\nno assignment", "line 2")]
    [InlineData("=value", "line 1")]
    [InlineData("A B=value", "line 1")]
    [InlineData("A='never ends", "line 1")]
    public void A_line_that_is_no_assignment_is_named(string text, string where) =>
        Assert.Contains(where, Assert.Throws<FormatException>(() => EnvironmentFile.Parse(text)).Message);
}
