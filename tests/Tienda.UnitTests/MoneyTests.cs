namespace Tienda.UnitTests;

public sealed class MoneyTests
{
    [Theory]
    [InlineData("10.50", 1050)]
    [InlineData("0.01", 1)]
    [InlineData("-3", -300)]
    public void An_amount_is_read_as_minor_units(string text, long minorUnits)
    {
        Assert.True(Money.TryParse(text, null, out var money));
        Assert.Equal(minorUnits, money.MinorUnits);
    }

    [Theory]
    [InlineData("10,50")]
    [InlineData("1,000")]
    [InlineData("1.999")]
    [InlineData("1e3")]
    [InlineData("")]
    [InlineData("99999999999999999999999")]
    public void What_could_be_misread_is_refused(string text) => Assert.False(Money.TryParse(text, null, out _));
}
