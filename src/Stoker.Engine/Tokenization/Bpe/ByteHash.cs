using System.Buffers.Binary;
using System.Numerics;

namespace Stoker.Engine.Tokenization.Bpe;

/// <summary>
/// A fast hash of short byte strings and of pairs of ids, keyed so that nobody can prepare a vocabulary whose entries
/// all collide. Written tables hold its values: a change of it is a new version of the tables.
/// </summary>
internal static class ByteHash
{
    private const ulong Multiplier = 0x9E3779B97F4A7C15;

    public static uint Of(ulong key, ReadOnlySpan<byte> bytes)
    {
        var hash = key ^ (ulong)bytes.Length;
        while (bytes.Length >= 8)
        {
            hash = Mix(hash ^ BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[8..];
        }

        var tail = 0ul;
        for (var i = 0; i < bytes.Length; i++) tail |= (ulong)bytes[i] << (i * 8);
        return (uint)(Mix(Mix(hash ^ tail)) >> 32);
    }

    public static uint Of(ulong key, int left, int right) => (uint)(Mix(key ^ (((ulong)(uint)left << 32) | (uint)right)) >> 32);

    private static ulong Mix(ulong value)
    {
        value *= Multiplier;
        return BitOperations.RotateLeft(value, 32) ^ value;
    }
}
