namespace Stoker.Engine.Tokenization.Bpe;

/// <summary>Byte-pair merging: the neighbouring pair of the lowest rank first, the leftmost on ties, until no pair merges.</summary>
internal static class Merger
{
    /// <summary>Up to here a scan for the smallest pair beats a heap; both give the same result.</summary>
    internal const int ShortPiece = 64;

    /// <summary>Merges the first symbols of the scratch in place and returns how many are left.</summary>
    public static int Merge(MergeTable merges, MergeScratch scratch, int count) =>
        count <= ShortPiece ? MergeByScan(merges, scratch, count) : MergeByHeap(merges, scratch, count);

    /// <summary>O(n²), on arrays that fit into the first-level cache.</summary>
    internal static int MergeByScan(MergeTable merges, MergeScratch scratch, int count)
    {
        var symbols = scratch.Symbols.AsSpan(0, count);
        var pairs = scratch.Pairs.AsSpan(0, count);
        for (var i = 0; i + 1 < count; i++) pairs[i] = merges.Find(symbols[i], symbols[i + 1]);
        while (count > 1)
        {
            var (at, best) = (0, pairs[0]);
            for (var i = 1; i < count - 1; i++)
            {
                // Equal ranks mean the same pair and so the same id: "less" keeps the leftmost.
                if (pairs[i] < best) (at, best) = (i, pairs[i]);
            }

            if (best == MergeTable.None) break;
            symbols[at] = (int)best;
            symbols[(at + 2)..count].CopyTo(symbols[(at + 1)..]);
            if (at + 2 < count) pairs[(at + 1)..(count - 1)].CopyTo(pairs[at..]);
            count--;
            if (at > 0) pairs[at - 1] = merges.Find(symbols[at - 1], symbols[at]);
            if (at + 1 < count) pairs[at] = merges.Find(symbols[at], symbols[at + 1]);
        }

        return count;
    }

    /// <summary>O(n log n): a heap of (rank, position); an entry whose pair has changed since is passed over.</summary>
    internal static int MergeByHeap(MergeTable merges, MergeScratch scratch, int count)
    {
        scratch.ReserveLinks(count);
        var (symbols, pairs, next, previous, heap) = (scratch.Symbols, scratch.Pairs, scratch.Next, scratch.Previous, scratch.Heap);
        for (var i = 0; i < count; i++)
        {
            (next[i], previous[i]) = (i + 1 < count ? i + 1 : -1, i - 1);
            SetPair(merges, scratch, i);
        }

        while (heap.Count > 0)
        {
            var top = RankHeap.Pop(heap);
            var (rank, at) = ((int)(top >> 32), (int)(uint)top);
            if (pairs[at] == MergeTable.None || (int)(pairs[at] >> 32) != rank) continue;
            symbols[at] = (int)pairs[at];
            var gone = next[at];
            pairs[gone] = MergeTable.None;
            next[at] = next[gone];
            if (next[at] >= 0) previous[next[at]] = at;
            SetPair(merges, scratch, at);
            if (previous[at] >= 0) SetPair(merges, scratch, previous[at]);
        }

        var left = 0;
        for (var i = 0; i >= 0; i = next[i]) symbols[left++] = symbols[i];
        return left;
    }

    private static void SetPair(MergeTable merges, MergeScratch scratch, int at)
    {
        var next = scratch.Next[at];
        var pair = next < 0 ? MergeTable.None : merges.Find(scratch.Symbols[at], scratch.Symbols[next]);
        scratch.Pairs[at] = pair;
        if (pair != MergeTable.None) RankHeap.Push(scratch.Heap, ((ulong)(pair >> 32) << 32) | (uint)at);
    }
}
