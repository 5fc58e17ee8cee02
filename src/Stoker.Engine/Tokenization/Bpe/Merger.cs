namespace Stoker.Engine.Tokenization.Bpe;

/// <summary>
/// Byte-pair merging: the neighbouring pair of the lowest rank first, the leftmost on ties, until no pair merges.
/// </summary>
internal static class Merger
{
    /// <summary>Up to here a scan for the smallest pair is faster; both give the same result.</summary>
    internal const int ShortPiece = 64;

    /// <summary>Merges the first symbols of the scratch in place and returns how many are left.</summary>
    public static int Merge(MergeTable merges, MergeScratch scratch, int count) =>
        count <= ShortPiece ? MergeByScan(merges, scratch, count) : MergeByRank(merges, scratch, count);

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

    /// <summary>
    /// O(n log n): places gathered by rank. A place whose pair has changed since it was noted is passed over.
    /// </summary>
    internal static int MergeByRank(MergeTable merges, MergeScratch scratch, int count)
    {
        scratch.ReserveLinks(count);
        for (var i = 0; i < count; i++)
        {
            (scratch.Next[i], scratch.Previous[i]) = (i + 1 < count ? i + 1 : -1, i - 1);
            SetPair(merges, scratch, i);
        }

        while (scratch.Buckets.Lowest is < int.MaxValue and var rank)
        {
            var places = scratch.Buckets.TakeLowest();
            for (var i = 0; i < places.Count; i++)
            {
                if (!MergeAt(merges, scratch, places[i], rank)) continue;

                // In a trained vocabulary what a merge makes has a higher rank than the merge. A file made by hand may
                // differ; then the rest of this rank waits.
                if (scratch.Buckets.Lowest > rank) continue;
                while (++i < places.Count) scratch.Buckets.Add(rank, places[i]);
            }

            scratch.Buckets.Recycle(places);
        }

        var left = 0;
        for (var i = 0; i >= 0; i = scratch.Next[i]) scratch.Symbols[left++] = scratch.Symbols[i];
        return left;
    }

    /// <summary>Merges the pair at a place; false when another pair, or none, stands there by now.</summary>
    private static bool MergeAt(MergeTable merges, MergeScratch scratch, int at, int rank)
    {
        var (pairs, next, previous) = (scratch.Pairs, scratch.Next, scratch.Previous);
        if ((int)(pairs[at] >> 32) != rank || pairs[at] == MergeTable.None) return false;
        scratch.Symbols[at] = (int)pairs[at];
        var gone = next[at];
        pairs[gone] = MergeTable.None;
        next[at] = next[gone];
        if (next[at] >= 0) previous[next[at]] = at;
        SetPair(merges, scratch, at);
        if (previous[at] >= 0) SetPair(merges, scratch, previous[at]);
        return true;
    }

    private static void SetPair(MergeTable merges, MergeScratch scratch, int at)
    {
        var next = scratch.Next[at];
        var pair = next < 0 ? MergeTable.None : merges.Find(scratch.Symbols[at], scratch.Symbols[next]);
        scratch.Pairs[at] = pair;
        if (pair != MergeTable.None) scratch.Buckets.Add((int)(pair >> 32), at);
    }
}
