using System.Numerics;
using System.Runtime.InteropServices;

namespace Stoker.Engine.Weights.Packed;

/// <summary>CRC-32C of bytes: finds what disks and copies break, at memory speed. It is no defence against a forger.</summary>
/// <remarks>
/// An instruction on x86-64 and Arm, so that checking at open costs some 0.1 ms a megabyte; a cryptographic hash would
/// load a library on the way to the first token.
/// </remarks>
internal static class Checksum
{
    /// <param name="before">The checksum of what comes before these bytes; 0 for nothing.</param>
    public static uint Of(ReadOnlySpan<byte> bytes, uint before = 0)
    {
        var crc = ~before;
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (var word in words) crc = BitOperations.Crc32C(crc, BitConverter.IsLittleEndian ? word : Swap(word));
        foreach (var rest in bytes[(words.Length * sizeof(ulong))..]) crc = BitOperations.Crc32C(crc, rest);
        return ~crc;
    }

    private static ulong Swap(ulong word) => System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(word);
}
