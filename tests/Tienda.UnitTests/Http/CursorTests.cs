using System.Text;
using System.Text.Encodings.Web;
using Tienda.Http;

namespace Tienda.UnitTests.Http;

public sealed class CursorTests
{
    [Theory]
    [InlineData(1, "id", "")]
    [InlineData(long.MaxValue, "name", "Café: 50 % / ñandú 😀")]
    [InlineData(7, "price", "-12.50")]
    public void A_cursor_is_read_back_as_it_was_written(long id, string sort, string key)
    {
        var cursor = new Cursor(id, sort, key);

        Assert.Equal(cursor, Cursor.Parse(cursor.ToString(), null));
        Assert.Equal(cursor.ToString(), UrlEncoder.Default.Encode(cursor.ToString()));
    }

    [Theory]
    [InlineData("7")]
    [InlineData("7:id")]
    [InlineData("-7:id:")]
    [InlineData("x:id:")]
    [InlineData("99999999999999999999:id:")]
    [InlineData("7:name:a\0b")]
    public void What_no_list_gave_out_is_refused(string content) =>
        Assert.False(Cursor.TryParse(System.Buffers.Text.Base64Url.EncodeToString(Encoding.UTF8.GetBytes(content)), null, out _));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("***")]
    [InlineData("Nzpp=ZDo")]
    public void What_is_no_base64url_is_refused(string? text) => Assert.False(Cursor.TryParse(text, null, out _));
}
