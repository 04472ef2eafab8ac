using System.Buffers.Binary;
using System.Text;

namespace Tienda.ApiTests.Telemetry;

/// <summary>A message in the encoding of Protocol Buffers, taken apart into its fields.</summary>
public sealed class ProtobufReader
{
    private readonly List<(int Field, byte[] Value, ulong Number)> _fields = [];

    public ProtobufReader(byte[] message)
    {
        for (var at = 0; at < message.Length;)
        {
            var tag = Varint(message, ref at);
            var field = (int)(tag >> 3);
            switch (tag & 7)
            {
                case 0:
                    _fields.Add((field, [], Varint(message, ref at)));
                    break;
                case 1:
                    _fields.Add((field, [], BinaryPrimitives.ReadUInt64LittleEndian(message.AsSpan(at))));
                    at += 8;
                    break;
                case 2:
                    var length = (int)Varint(message, ref at);
                    _fields.Add((field, message[at..(at + length)], 0));
                    at += length;
                    break;
                case 5:
                    _fields.Add((field, [], BinaryPrimitives.ReadUInt32LittleEndian(message.AsSpan(at))));
                    at += 4;
                    break;
                default:
                    throw new InvalidDataException($"No such type of field: {tag & 7}");
            }
        }
    }

    public IEnumerable<ProtobufReader> Messages(int field) => Values(field).Select(value => new ProtobufReader(value));

    public string Text(int field) => Values(field).Select(Encoding.UTF8.GetString).FirstOrDefault("");

    public string Hex(int field) => Convert.ToHexStringLower(Values(field).FirstOrDefault([]));

    public ulong Number(int field) => _fields.Find(found => found.Field == field).Number;

    public double Real(int field) => BitConverter.UInt64BitsToDouble(Number(field));

    /// <summary>Numbers of eight bytes in one field.</summary>
    public List<ulong> Packed(int field) => [.. Values(field).SelectMany(value => value.Chunk(8)).Select(bytes => BinaryPrimitives.ReadUInt64LittleEndian(bytes))];

    /// <summary>Attributes, as a span, a resource or a data point has them, with their values as text.</summary>
    public Dictionary<string, string> Attributes(int field) => Messages(field).ToDictionary(
        attribute => attribute.Text(1),
        attribute => attribute.Messages(2).Single() is var value && value.Text(1) is { Length: > 0 } text ? text : $"{value.Number(3)}");

    private IEnumerable<byte[]> Values(int field) => _fields.Where(found => found.Field == field).Select(found => found.Value);

    private static ulong Varint(byte[] message, ref int at)
    {
        var value = 0UL;
        for (var shift = 0; ; shift += 7)
        {
            value |= (ulong)(message[at] & 0x7f) << shift;
            if (message[at++] < 0x80)
            {
                return value;
            }
        }
    }
}
