using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Stoker.Engine.Tokenization.Tables;

/// <summary>
/// Four CRC-32C over the interleaved 8-byte words of a section. One is bound by the instruction's latency of three
/// cycles; four together read about as fast as memory gives, so a section of 15 MB is checked in a millisecond or two.
/// </summary>
/// <remarks>Finds damage, not forgery: who can write the file can write its checksum.</remarks>
internal struct SectionChecksum
{
    public const int SizeBytes = 16;

    /// <summary>Parts are summed in blocks of this size; a part's end is padded with zeros to it.</summary>
    public const int BlockBytes = 64;

    private uint _a, _b, _c, _d;

    /// <summary>Adds bytes and the zeros that fill their last block.</summary>
    public void Add(ReadOnlySpan<byte> bytes)
    {
        var whole = bytes.Length & ~(BlockBytes - 1);
        AddBlocks(bytes[..whole]);
        if (whole == bytes.Length) return;
        Span<byte> last = stackalloc byte[BlockBytes];
        last.Clear();
        bytes[whole..].CopyTo(last);
        AddBlocks(last);
    }

    public readonly void Write(Span<byte> target)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(target, _a);
        BinaryPrimitives.WriteUInt32LittleEndian(target[4..], _b);
        BinaryPrimitives.WriteUInt32LittleEndian(target[8..], _c);
        BinaryPrimitives.WriteUInt32LittleEndian(target[12..], _d);
    }

    public readonly bool Matches(ReadOnlySpan<byte> written)
    {
        Span<byte> own = stackalloc byte[SizeBytes];
        Write(own);
        return written.SequenceEqual(own);
    }

    // Not compiled ahead: that code may not use the instruction and takes five times as long.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddBlocks(ReadOnlySpan<byte> bytes)
    {
        var (a, b, c, d) = (_a, _b, _c, _d);
        for (; bytes.Length >= 32; bytes = bytes[32..])
        {
            a = BitOperations.Crc32C(a, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            b = BitOperations.Crc32C(b, BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]));
            c = BitOperations.Crc32C(c, BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]));
            d = BitOperations.Crc32C(d, BinaryPrimitives.ReadUInt64LittleEndian(bytes[24..]));
        }

        (_a, _b, _c, _d) = (a, b, c, d);
    }
}
