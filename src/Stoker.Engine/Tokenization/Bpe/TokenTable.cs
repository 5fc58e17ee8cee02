using System.Numerics;
using Stoker.Engine.Native;
using Stoker.Engine.Tokenization.Tables;

namespace Stoker.Engine.Tokenization.Bpe;

/// <summary>Byte strings by id, and ids by byte string through an open hash table that is at most half full.</summary>
/// <param name="strings">The byte strings.</param>
/// <param name="slots">Id + 1; 0 is free.</param>
/// <param name="flags">By id.</param>
/// <param name="key">Of the hash.</param>
internal sealed class TokenTable(TokenStrings strings, FlatInts slots, FlatArray<TokenFlags> flags, ulong key)
{
    /// <summary>Highest id + 1.</summary>
    public int Size => strings.Size;

    public ulong Key => key;

    public TokenStrings Strings => strings;

    public FlatInts Slots => slots;

    public FlatArray<TokenFlags> Flags => flags;

    public bool Has(int id) => Has(id, TokenFlags.Present);

    public bool Has(int id, TokenFlags flag) => (uint)id < (uint)flags.Length && (flags[id] & flag) != 0;

    /// <summary>The bytes of the id; empty for an id that has none.</summary>
    public ReadOnlySpan<byte> this[int id] => strings[id];

    /// <summary>The id of a byte string, or -1.</summary>
    public int Find(ReadOnlySpan<byte> bytes) => Find(bytes, ByteHash.Of(key, bytes));

    /// <summary>The id of a byte string that the model may make of text, or -1.</summary>
    public int FindPiece(ReadOnlySpan<byte> bytes, uint hash) =>
        Find(bytes, hash) is >= 0 and var id && Has(id, TokenFlags.Piece) ? id : -1;

    private int Find(ReadOnlySpan<byte> bytes, uint hash)
    {
        var all = slots.Span;
        var slot = (int)hash;
        for (var probe = 0; probe < all.Length; probe++) // a written table always has a free slot; a forged one may not
        {
            var id = all[slot & (all.Length - 1)] - 1;
            if (id < 0) return -1;
            if (strings[id].SequenceEqual(bytes)) return id;
            slot++;
        }

        return -1;
    }

    /// <summary>Makes the hash over all ids that have a flag.</summary>
    /// <param name="strings">By id.</param>
    /// <param name="flags">By id.</param>
    /// <param name="indexed">The flag.</param>
    /// <param name="key">Of the hash.</param>
    /// <param name="twice">An id whose bytes a lower one has already, which stays; or -1.</param>
    public static TokenTable Index(TokenStrings strings, FlatArray<TokenFlags> flags, TokenFlags indexed, ulong key, out int twice)
    {
        var count = 0;
        foreach (var flag in flags.Span) count += (flag & indexed) != 0 ? 1 : 0;
        var slots = FlatInts.Allocate((int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, count * 2L)));
        var writable = slots.Writable();
        var mask = slots.Length - 1;
        twice = -1;
        for (var id = 0; id < strings.Size; id++)
        {
            if ((flags[id] & indexed) == 0) continue;
            var bytes = strings[id];
            var slot = (int)ByteHash.Of(key, bytes) & mask;
            while (writable[slot] != 0 && !strings[writable[slot] - 1].SequenceEqual(bytes)) slot = (slot + 1) & mask;
            if (writable[slot] == 0) writable[slot] = id + 1;
            else if (twice < 0) twice = id;
        }

        return new TokenTable(strings, slots, flags, key);
    }
}
