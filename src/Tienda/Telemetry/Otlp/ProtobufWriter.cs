using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Tienda.Telemetry.Otlp;

/// <summary>Writes messages in the encoding of Protocol Buffers, as far as a histogram needs it.</summary>
public sealed class ProtobufWriter
{
    private const int VarintType = 0;
    private const int FixedType = 1;
    private const int LengthType = 2;

    private readonly ArrayBufferWriter<byte> _bytes = new();

    public byte[] ToArray() => _bytes.WrittenSpan.ToArray();

    public ProtobufWriter Number(int field, ulong value)
    {
        Tag(field, VarintType);
        Varint(value);
        return this;
    }

    public ProtobufWriter Fixed(int field, ulong value)
    {
        Tag(field, FixedType);
        Fixed(value);
        return this;
    }

    public ProtobufWriter Real(int field, double value) => Fixed(field, BitConverter.DoubleToUInt64Bits(value));

    public ProtobufWriter Text(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

    public ProtobufWriter Bytes(int field, ReadOnlySpan<byte> value)
    {
        Tag(field, LengthType);
        Varint((ulong)value.Length);
        _bytes.Write(value);
        return this;
    }

    public ProtobufWriter Message(int field, Action<ProtobufWriter> write)
    {
        var message = new ProtobufWriter();
        write(message);
        return Bytes(field, message.ToArray());
    }

    /// <summary>Several numbers of eight bytes in one field.</summary>
    public ProtobufWriter Packed(int field, IReadOnlyCollection<ulong> values)
    {
        Tag(field, LengthType);
        Varint((ulong)values.Count * sizeof(ulong));
        foreach (var value in values)
        {
            Fixed(value);
        }

        return this;
    }

    /// <summary>The first field of a number in a message, or nothing if there is none.</summary>
    public static ReadOnlySpan<byte> Find(ReadOnlySpan<byte> message, int field)
    {
        while (message.Length > 0)
        {
            var tag = ReadVarint(ref message);
            var length = (tag & 7) switch
            {
                VarintType => LengthOfVarint(message),
                FixedType => sizeof(ulong),
                LengthType => (int)ReadVarint(ref message),
                _ => sizeof(uint),
            };
            if (tag >> 3 == (ulong)field)
            {
                return message[..length];
            }

            message = message[length..];
        }

        return [];
    }

    private static ulong ReadVarint(ref ReadOnlySpan<byte> message)
    {
        var (value, length) = (0UL, LengthOfVarint(message));
        for (var i = 0; i < length; i++)
        {
            value |= (ulong)(message[i] & 0x7f) << (7 * i);
        }

        message = message[length..];
        return value;
    }

    private static int LengthOfVarint(ReadOnlySpan<byte> message) => message.IndexOfAnyInRange((byte)0, (byte)0x7f) + 1;

    private void Tag(int field, int type) => Varint(((ulong)field << 3) | (uint)type);

    private void Varint(ulong value)
    {
        for (; value > 0x7f; value >>= 7)
        {
            _bytes.Write([(byte)(value | 0x80)]);
        }

        _bytes.Write([(byte)value]);
    }

    private void Fixed(ulong value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        _bytes.Write(bytes);
    }
}
