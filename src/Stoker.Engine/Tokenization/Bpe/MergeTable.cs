using System.Numerics;
using System.Runtime.InteropServices;
using Stoker.Engine.Native;

namespace Stoker.Engine.Tokenization.Bpe;

/// <summary>One slot: two ids, and rank and result of their merge. A left id of -1 marks a free one.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct MergeEntry(int Left, int Right, long RankAndId)
{
    public const int SizeBytes = 16;
}

/// <summary>
/// Which two neighbouring ids merge, at which rank, into which id. One open hash table of 16-byte entries, at most two
/// thirds full: with 280,000 merges that is 8 MB, of which text touches little.
/// </summary>
internal sealed class MergeTable(FlatArray<MergeEntry> entries, ulong key)
{
    /// <summary>No merge: higher than every real (rank, id) pair.</summary>
    public const long None = long.MaxValue;

    /// <summary>
    /// Rank in the upper and the new id in the lower half, so that the smallest value is the merge to do first; <see
    /// cref="None"/> when the two do not merge.
    /// </summary>
    public long Find(int left, int right)
    {
        var slots = entries.Span;
        var slot = (int)ByteHash.Of(key, left, right);
        for (var probe = 0; probe < slots.Length; probe++) // a written table always has a free slot; a forged one may not
        {
            ref readonly var entry = ref slots[slot & (slots.Length - 1)];
            if (entry.Left == left && entry.Right == right) return entry.RankAndId;
            if (entry.Left < 0) return None;
            slot++;
        }

        return None;
    }

    /// <summary>Collects merges.</summary>
    internal sealed class Builder
    {
        private readonly FlatArray<MergeEntry> _entries;
        private readonly ulong _key;

        public Builder(int capacity, ulong key)
        {
            var slots = BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, capacity * 3L / 2));
            (_entries, _key) = (FlatArray<MergeEntry>.Allocate((int)slots), key);
            _entries.Writable().Fill(new MergeEntry(-1, -1, None));
        }

        /// <summary>Adds a merge; of one pair given twice the later counts.</summary>
        public void Set(int left, int right, int rank, int id)
        {
            var entries = _entries.Writable();
            var mask = entries.Length - 1;
            var slot = (int)ByteHash.Of(_key, left, right) & mask;
            while (entries[slot].Left >= 0 && (entries[slot].Left != left || entries[slot].Right != right))
            {
                slot = (slot + 1) & mask;
            }
            entries[slot] = new MergeEntry(left, right, ((long)rank << 32) | (uint)id);
        }

        public FlatArray<MergeEntry> Entries => _entries;

        public MergeTable Build() => new(_entries, _key);
    }
}
