using System.Runtime.InteropServices;
using Stoker.Engine.KvCache;

namespace Stoker.Engine.Tests.KvCache;

public sealed class SipHashTests
{
    private static readonly SipHash Hash = new(0x0706050403020100, 0x0F0E0D0C0B0A0908);

    /// <summary>Published vectors of SipHash-2-4-128: the key 00..0f, the input 00, 01, 02 and so on.</summary>
    [Theory]
    [InlineData(0, "A3817F04BA25A8E66DF67214C7550293")]
    [InlineData(1, "DA87C1D86B99AF44347659119B22FC45")]
    [InlineData(63, "5150D1772F50834A503E069A973FBD7C")]
    public void Bytes_hash_to_the_published_values(int length, string expected)
    {
        byte[] input = [.. Enumerable.Range(0, length).Select(index => (byte)index)];
        Bytes(Hash.Of(input)).ShouldBe(expected);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(32)]
    public void Parent_and_tokens_hash_as_their_bytes_do(int tokenCount)
    {
        int[] tokens = [.. Enumerable.Range(0, tokenCount).Select(index => (index * 77_777_777) - 5)];
        var parent = new UInt128(0x1122334455667788, 0x99AABBCCDDEEFF00);
        byte[] bytes = [0x00, 0xFF, 0xEE, 0xDD, 0xCC, 0xBB, 0xAA, 0x99, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11];
        Hash.Of(parent, tokens).ShouldBe(Hash.Of([.. bytes, .. MemoryMarshal.AsBytes(tokens.AsSpan())]));
    }

    [Fact]
    public void Another_key_gives_other_hashes() =>
        new SipHash(1, 2).Of(0, [1, 2, 3]).ShouldNotBe(new SipHash(1, 3).Of(0, [1, 2, 3]));

    private static string Bytes(UInt128 hash)
    {
        var bytes = new byte[16];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt128LittleEndian(bytes, hash);
        return Convert.ToHexString(bytes);
    }
}
