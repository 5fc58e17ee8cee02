using System.Buffers.Binary;
using System.Numerics;

namespace Stoker.Engine.KvCache;

/// <summary>SipHash-2-4 with 128 bits of output: a keyed hash that nobody without the key can find collisions of.</summary>
/// <remarks>
/// Chosen over SHA-256 because it is keyed by nature, takes some 100 ns for a block of tokens, and needs no native
/// library, which would have to be loaded in a cold start. Its users compare the tokens on a hit all the same.
/// </remarks>
internal sealed class SipHash(ulong key0, ulong key1)
{
    public UInt128 Of(ReadOnlySpan<byte> bytes)
    {
        var state = new State(key0, key1);
        var left = bytes;
        for (; left.Length >= sizeof(ulong); left = left[sizeof(ulong)..]) state.Add(BinaryPrimitives.ReadUInt64LittleEndian(left));
        var last = (ulong)bytes.Length << 56;
        for (var index = 0; index < left.Length; index++) last |= (ulong)left[index] << (8 * index);
        return state.Finish(last);
    }

    /// <summary>The hash of the parent's 16 bytes and then the tokens', without an array of them.</summary>
    public UInt128 Of(UInt128 parent, ReadOnlySpan<int> tokens)
    {
        var state = new State(key0, key1);
        state.Add((ulong)parent);
        state.Add((ulong)(parent >> 64));
        var index = 0;
        for (; index + 1 < tokens.Length; index += 2) state.Add((uint)tokens[index] | ((ulong)(uint)tokens[index + 1] << 32));
        var last = (ulong)((2 * sizeof(ulong)) + (tokens.Length * sizeof(int))) << 56;
        return state.Finish(index < tokens.Length ? last | (uint)tokens[index] : last);
    }

    private struct State(ulong key0, ulong key1)
    {
        private ulong _v0 = key0 ^ 0x736F6D6570736575;
        private ulong _v1 = key1 ^ 0x646F72616E646F6D ^ 0xEE;
        private ulong _v2 = key0 ^ 0x6C7967656E657261;
        private ulong _v3 = key1 ^ 0x7465646279746573;

        public void Add(ulong word)
        {
            _v3 ^= word;
            Round();
            Round();
            _v0 ^= word;
        }

        public UInt128 Finish(ulong last)
        {
            Add(last);
            _v2 ^= 0xEE;
            var low = Rounds();
            _v1 ^= 0xDD;
            return new(Rounds(), low);
        }

        private ulong Rounds()
        {
            for (var round = 0; round < 4; round++) Round();
            return _v0 ^ _v1 ^ _v2 ^ _v3;
        }

        private void Round()
        {
            _v0 += _v1;
            _v1 = BitOperations.RotateLeft(_v1, 13) ^ _v0;
            _v0 = BitOperations.RotateLeft(_v0, 32);
            _v2 += _v3;
            _v3 = BitOperations.RotateLeft(_v3, 16) ^ _v2;
            _v0 += _v3;
            _v3 = BitOperations.RotateLeft(_v3, 21) ^ _v0;
            _v2 += _v1;
            _v1 = BitOperations.RotateLeft(_v1, 17) ^ _v2;
            _v2 = BitOperations.RotateLeft(_v2, 32);
        }
    }
}
