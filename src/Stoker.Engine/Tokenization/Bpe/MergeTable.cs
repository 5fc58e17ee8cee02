using System.Numerics;

namespace Stoker.Engine.Tokenization.Bpe;

/// <summary>
/// Which two neighbouring ids merge, at which rank, into which id. One open hash table of 16-byte entries, at most half
/// full.
/// </summary>
internal sealed class MergeTable
{
    /// <summary>No merge: higher than every real (rank, id) pair.</summary>
    public const long None = long.MaxValue;

    private readonly Entry[] _entries;
    private readonly int _mask;

    public MergeTable(int capacity)
    {
        _entries = new Entry[BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, capacity * 2))];
        Array.Fill(_entries, new Entry(-1, -1, None));
        _mask = _entries.Length - 1;
    }

    /// <summary>
    /// Rank in the upper and the new id in the lower half, so that the smallest value is the merge to do first; <see
    /// cref="None"/> when the two do not merge.
    /// </summary>
    public long Find(int left, int right)
    {
        for (var slot = (int)ByteHash.Of(left, right) & _mask; ; slot = (slot + 1) & _mask)
        {
            ref readonly var entry = ref _entries[slot];
            if (entry.Left == left && entry.Right == right) return entry.RankAndId;
            if (entry.Left < 0) return None;
        }
    }

    /// <summary>Adds a merge; of one pair given twice the later counts.</summary>
    public void Set(int left, int right, int rank, int id)
    {
        var slot = (int)ByteHash.Of(left, right) & _mask;
        while (_entries[slot].Left >= 0 && (_entries[slot].Left != left || _entries[slot].Right != right))
        {
            slot = (slot + 1) & _mask;
        }
        _entries[slot] = new Entry(left, right, ((long)rank << 32) | (uint)id);
    }

    private readonly record struct Entry(int Left, int Right, long RankAndId);
}
