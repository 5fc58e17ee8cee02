using System.Diagnostics;

namespace Stoker.Engine.KvCache;

/// <summary>
/// Who holds which block of the KV store: the free list and a reference count for each block. One thread uses it.
/// </summary>
/// <remarks>
/// The free list is the prefix cache's memory. A block that can be found stays so when nobody holds it any more, until
/// it is handed out again, and the list hands out what was freed longest ago first. Blocks that are of no use (half
/// filled, without a prefix cache, or with another block of the same prefix) go to the front of the list and are
/// handed out before all others.
/// </remarks>
internal sealed class BlockPool
{
    /// <summary>References, hand-outs, the free list's two links, and who plans with the block.</summary>
    public const int BytesPerBlock = (4 * sizeof(int)) + sizeof(long);

    private readonly PrefixCache? _prefixes;
    private readonly int[] _references;
    private readonly uint[] _handOuts;
    private readonly int[] _next, _previous; // the free list in the order of handing out; entry Count is both its ends

    /// <param name="prefixes">Null: what is free is forgotten.</param>
    public BlockPool(int blockCount, PrefixCache? prefixes = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blockCount);
        (_references, _prefixes, FreeCount) = (new int[blockCount], prefixes, blockCount);
        (_next, _previous, _handOuts) = (new int[blockCount + 1], new int[blockCount + 1], new uint[blockCount]);
        for (var block = 0; block <= blockCount; block++)
        {
            (_next[block], _previous[(block + 1) % (blockCount + 1)]) = ((block + 1) % (blockCount + 1), block);
        }
    }

    public int Count => _references.Length;

    public int FreeCount { get; private set; }

    public int UsedCount => Count - FreeCount;

    public bool HasPrefixes => _prefixes is not null;

    /// <summary>Blocks that can be found, free ones and held ones.</summary>
    public int FindableCount => _prefixes?.Count ?? 0;

    /// <summary>Free blocks that can be found.</summary>
    public int CachedFreeCount { get; private set; }

    /// <summary>
    /// A free block, held once. The caller has counted before: an empty pool is a bug here, not a state.
    /// </summary>
    public int Take()
    {
        if (FreeCount == 0)
        {
            throw new InvalidOperationException($"All {Count} KV blocks are taken; the plan of the step was wrong.");
        }

        var block = _next[Count];
        Unlink(block);
        _prefixes?.Forget(block);
        (_references[block], _handOuts[block]) = (1, _handOuts[block] + 1);
        return block;
    }

    /// <summary>How often the block was handed out as a free one, from 1 on: what it holds is of the last time.</summary>
    public uint HandOut(int block) => _handOuts[block];

    /// <summary>One more holder of a block that somebody holds.</summary>
    public void Share(int block)
    {
        if (_references[block] == 0)
        {
            throw new InvalidOperationException($"KV block {block} is free and cannot be shared.");
        }

        _references[block]++;
    }

    /// <summary>One more holder of a block that was found, whether somebody holds it or it is free.</summary>
    public void Hold(int block)
    {
        if (_prefixes?.Has(block) is not true)
        {
            throw new InvalidOperationException($"KV block {block} is not in the prefix cache: what it holds is not known.");
        }

        if (_references[block]++ == 0) Unlink(block);
    }

    /// <summary>One holder less; the last one frees the block.</summary>
    public void Release(int block)
    {
        if (_references[block] == 0) throw new InvalidOperationException($"KV block {block} is released twice.");
        if (--_references[block] > 0) return;
        DropTwin(block);
        LinkAfter(_prefixes?.Has(block) is true ? _previous[Count] : Count, block);
    }

    public int References(int block) => _references[block];

    /// <inheritdoc cref="PrefixCache.Find"/>
    public int Find(int parent, PrefixSpace space, ReadOnlySpan<int> tokens) =>
        _prefixes?.Find(parent, space, tokens, _references) ?? PrefixCache.None;

    /// <inheritdoc cref="PrefixCache.Publish"/>
    public bool Publish(int block, int parent, PrefixSpace space, ReadOnlySpan<int> tokens)
    {
        if (_references[block] == 0) throw new InvalidOperationException($"KV block {block} is free and cannot be published.");
        return _prefixes?.Publish(block, parent, space, tokens) ?? false;
    }

    /// <summary>What the block holds is doubtful: nobody finds it any more. Those that hold it go on.</summary>
    public void Retract(int block)
    {
        if (_prefixes?.Has(block) is not true) return;
        var isFree = _references[block] == 0;
        if (isFree) Unlink(block);
        _prefixes.Forget(block);
        if (isFree) LinkAfter(Count, block);
    }

    /// <summary>
    /// Every block is free or held exactly as often as <paramref name="tables"/> say; throws where it is not.
    /// </summary>
    public void CheckIntegrity(IEnumerable<BlockTable> tables)
    {
        var expected = new int[Count];
        foreach (var table in tables)
        {
            foreach (var block in table.Blocks) expected[block]++;
        }
        var free = FreeBlocks();
        Check(free.Count == FreeCount, $"{free.Count} blocks are in the free list, {FreeCount} are counted");
        var cached = free.Count(block => _prefixes?.Has(block) is true);
        Check(cached == CachedFreeCount, $"{cached} free blocks can be found, {CachedFreeCount} are counted");
        for (var block = 0; block < Count; block++)
        {
            Check(_references[block] == expected[block], $"block {block} counts {_references[block]} holders, {expected[block]} hold it");
            Check(free.Contains(block) == (expected[block] == 0), $"block {block} is both free and held, or neither");
        }
        _prefixes?.CheckIntegrity();
    }

    /// <summary>Of two blocks with one prefix only one is kept: one that is held, else the one used last.</summary>
    private void DropTwin(int block)
    {
        if (_prefixes?.Has(block) is not true) return;
        var twin = _prefixes.TwinOf(block, _references);
        if (twin == PrefixCache.None) return;
        if (_references[twin] > 0) _prefixes.Forget(block);
        else Retract(twin);
    }

    private HashSet<int> FreeBlocks()
    {
        var free = new HashSet<int>();
        for (var block = _next[Count]; block != Count; block = _next[block])
        {
            Check(free.Add(block), "a block is free twice");
            Check(_previous[_next[block]] == block, "the free list is broken");
        }
        return free;
    }

    private void LinkAfter(int place, int block)
    {
        (_next[block], _previous[block]) = (_next[place], place);
        _previous[_next[place]] = block;
        _next[place] = block;
        FreeCount++;
        if (_prefixes?.Has(block) is true) CachedFreeCount++;
    }

    private void Unlink(int block)
    {
        (_next[_previous[block]], _previous[_next[block]]) = (_next[block], _previous[block]);
        FreeCount--;
        if (_prefixes?.Has(block) is true) CachedFreeCount--;
    }

    [StackTraceHidden]
    private static void Check(bool holds, string otherwise)
    {
        if (!holds) throw new InvalidOperationException($"KV block pool: {otherwise}.");
    }
}
