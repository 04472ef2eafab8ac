using System.Buffers;
using System.Globalization;
using System.Text;

namespace Tienda.Telemetry;

/// <summary>A line in UTF-8 that is put together without a string: what of an interpolated one would be boxed is not.</summary>
public ref struct Utf8Line : IDisposable
{
    private readonly byte[] _bytes;
    private int _length;

    /// <param name="longest">Bytes; what does not fit is left out.</param>
    public Utf8Line(int longest)
    {
        _bytes = ArrayPool<byte>.Shared.Rent(longest);
    }

    public readonly ReadOnlySpan<byte> Written => _bytes.AsSpan(0, _length);

    public void Append(ReadOnlySpan<byte> text)
    {
        if (text.TryCopyTo(_bytes.AsSpan(_length)))
        {
            _length += text.Length;
        }
    }

    public void Append(string text)
    {
        if (Encoding.UTF8.TryGetBytes(text, _bytes.AsSpan(_length), out var written))
        {
            _length += written;
        }
    }

    public void Append<T>(T value, ReadOnlySpan<char> format) where T : IUtf8SpanFormattable
    {
        if (value.TryFormat(_bytes.AsSpan(_length), out var written, format, CultureInfo.InvariantCulture))
        {
            _length += written;
        }
    }

    /// <summary>A number with one decimal: many times as fast as the general formatting of a double.</summary>
    public void AppendTenths(long tenths)
    {
        Append(tenths / 10, "");
        Append("."u8);
        Append(tenths % 10, "");
    }

    public readonly void Dispose() => ArrayPool<byte>.Shared.Return(_bytes);
}
