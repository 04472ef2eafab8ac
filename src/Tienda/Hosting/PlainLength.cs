using System.Text;
using Microsoft.Net.Http.Headers;

namespace Tienda.Hosting;

/// <summary>
/// Reads a Content-Length as digits and nothing else. The server takes +2 for 2, where proxies refuse it or see no length at all, and
/// shows afterwards only the number; the encoding of a header's text is the one place where its own characters can be seen.
/// </summary>
public sealed class PlainLength : Encoding
{
    // No number, so that the server refuses the request.
    private const char None = 'x';

    private static readonly PlainLength Instance = new();

    /// <summary>The text of every other header stays UTF-8.</summary>
    public static Encoding? Select(string header) => header == HeaderNames.ContentLength ? Instance : null;

    public override int GetChars(ReadOnlySpan<byte> bytes, Span<char> chars)
    {
        var count = Math.Min(bytes.Length, chars.Length);
        for (var i = 0; i < count; i++)
        {
            chars[i] = char.IsAsciiDigit((char)bytes[i]) && bytes.Length < chars.Length ? (char)bytes[i] : None;
        }

        return count;
    }

    public override int GetChars(byte[] bytes, int byteIndex, int byteCount, char[] chars, int charIndex) =>
        GetChars(bytes.AsSpan(byteIndex, byteCount), chars.AsSpan(charIndex));

    public override int GetCharCount(byte[] bytes, int index, int count) => count;

    public override int GetMaxCharCount(int byteCount) => byteCount;

    public override int GetByteCount(char[] chars, int index, int count) => count;

    public override int GetMaxByteCount(int charCount) => charCount;

    public override int GetBytes(char[] chars, int charIndex, int charCount, byte[] bytes, int byteIndex) =>
        ASCII.GetBytes(chars, charIndex, charCount, bytes, byteIndex);
}
