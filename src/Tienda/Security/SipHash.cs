using System.Buffers.Binary;
using System.Numerics;

namespace Tienda.Security;

/// <summary>
/// SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012): a keyed hash of 64 bits that is made for tables whose
/// keys strangers choose. Some twenty nanoseconds for an address, where a hash that is meant for signatures takes half a microsecond.
/// </summary>
public static class SipHash
{
    public static ulong Hash(ulong key0, ulong key1, ReadOnlySpan<byte> data)
    {
        var state = (
            V0: key0 ^ 0x736f6d6570736575,
            V1: key1 ^ 0x646f72616e646f6d,
            V2: key0 ^ 0x6c7967656e657261,
            V3: key1 ^ 0x7465646279746573);
        // The last word is what is left and, in its highest byte, the length.
        var last = (ulong)data.Length << 56;
        for (; data.Length >= sizeof(ulong); data = data[sizeof(ulong)..])
        {
            Compress(ref state, BinaryPrimitives.ReadUInt64LittleEndian(data));
        }

        for (var i = 0; i < data.Length; i++)
        {
            last |= (ulong)data[i] << (8 * i);
        }

        Compress(ref state, last);
        state.V2 ^= 0xff;
        for (var i = 0; i < 4; i++)
        {
            Round(ref state);
        }

        return state.V0 ^ state.V1 ^ state.V2 ^ state.V3;
    }

    private static void Compress(ref (ulong V0, ulong V1, ulong V2, ulong V3) state, ulong word)
    {
        state.V3 ^= word;
        Round(ref state);
        Round(ref state);
        state.V0 ^= word;
    }

    private static void Round(ref (ulong V0, ulong V1, ulong V2, ulong V3) state)
    {
        var (v0, v1, v2, v3) = state;
        v0 += v1;
        v2 += v3;
        v1 = BitOperations.RotateLeft(v1, 13) ^ v0;
        v3 = BitOperations.RotateLeft(v3, 16) ^ v2;
        v0 = BitOperations.RotateLeft(v0, 32);
        v2 += v1;
        v0 += v3;
        v1 = BitOperations.RotateLeft(v1, 17) ^ v2;
        v3 = BitOperations.RotateLeft(v3, 21) ^ v0;
        v2 = BitOperations.RotateLeft(v2, 32);
        state = (v0, v1, v2, v3);
    }
}
