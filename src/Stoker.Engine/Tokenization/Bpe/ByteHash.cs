using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;

namespace Stoker.Engine.Tokenization.Bpe;

/// <summary>
/// A fast hash of short byte strings, keyed per process so that nobody can prepare text whose pieces all collide.
/// </summary>
internal static class ByteHash
{
    private const ulong Multiplier = 0x9E3779B97F4A7C15;
    private static readonly ulong Key = BinaryPrimitives.ReadUInt64LittleEndian(RandomNumberGenerator.GetBytes(8));

    public static uint Of(ReadOnlySpan<byte> bytes)
    {
        var hash = Key ^ (ulong)bytes.Length;
        while (bytes.Length >= 8)
        {
            hash = Mix(hash ^ BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[8..];
        }

        var tail = 0ul;
        for (var i = 0; i < bytes.Length; i++) tail |= (ulong)bytes[i] << (i * 8);
        return (uint)(Mix(Mix(hash ^ tail)) >> 32);
    }

    public static uint Of(int left, int right) => (uint)(Mix(Key ^ (((ulong)(uint)left << 32) | (uint)right)) >> 32);

    private static ulong Mix(ulong value)
    {
        value *= Multiplier;
        return BitOperations.RotateLeft(value, 32) ^ value;
    }
}
