using Microsoft.AspNetCore.Http;
using Tienda.Telemetry;

namespace Tienda.UnitTests.Telemetry;

public sealed class LoggedPathTests
{
    [Theory]
    [InlineData("", "/")]
    [InlineData("/products/9223372036854775807/reviews", "/products/9223372036854775807/reviews")]
    [InlineData("/errors/idempotency-key-reused", "/errors/idempotency-key-reused")]
    [InlineData("/a b\n", "/a%20b%0A")]
    [InlineData("/clients/ana@example.com", "/clients/...")]
    [InlineData("/clients/ana@example.com/orders/", "/clients/.../orders/")]
    [InlineData("/x/0123456789012345678901234567890123456789", "/x/0123456789012345678901234567890123456789")]
    [InlineData("/x/01234567890123456789012345678901234567890/y", "/x/.../y")]
    public void A_path_is_shown_without_what_may_be_somebodys(string path, string shown) =>
        Assert.Equal(shown, LoggedPath.Of(new PathString(path)));

    [Fact]
    public void An_exception_is_shown_without_the_values_in_its_message()
    {
        var shown = ExceptionText.Of(Assert.Throws<AggregateException>(Fail));

        Assert.StartsWith("System.AggregateException: It", shown, StringComparison.Ordinal);
        Assert.Contains("System.FormatException: The input string '...' was not in a correct format.", shown, StringComparison.Ordinal);
        Assert.Contains("at Tienda.UnitTests.Telemetry.LoggedPathTests", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("ana@", shown, StringComparison.Ordinal);
    }

    private static void Fail() =>
        throw new AggregateException("It's over", new FormatException("The input string 'ana@example.com' was not in a correct format."));
}
