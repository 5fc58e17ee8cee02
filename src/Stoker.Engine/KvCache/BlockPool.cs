using System.Diagnostics;

namespace Stoker.Engine.KvCache;

/// <summary>
/// Who holds which block of the KV store: the free list and a reference count for each block. One thread uses it.
/// </summary>
/// <remarks>
/// The free list is first in, first out: a block that was just freed is handed out last, which is the order that a
/// prefix cache on top of it needs.
/// </remarks>
internal sealed class BlockPool
{
    private readonly int[] _references;
    private readonly int[] _free; // a ring
    private int _firstFree;

    public BlockPool(int blockCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blockCount);
        (_references, _free, FreeCount) = (new int[blockCount], new int[blockCount], blockCount);
        for (var block = 0; block < blockCount; block++) _free[block] = block;
    }

    public int Count => _references.Length;

    public int FreeCount { get; private set; }

    public int UsedCount => Count - FreeCount;

    /// <summary>
    /// A free block, held once. The caller has counted before: an empty pool is a bug here, not a state.
    /// </summary>
    public int Take()
    {
        if (FreeCount == 0)
        {
            throw new InvalidOperationException($"All {Count} KV blocks are taken; the plan of the step was wrong.");
        }

        var block = _free[_firstFree];
        _firstFree = (_firstFree + 1) % Count;
        FreeCount--;
        _references[block] = 1;
        return block;
    }

    /// <summary>One more holder of a block that somebody holds.</summary>
    public void Share(int block)
    {
        if (_references[block] == 0)
        {
            throw new InvalidOperationException($"KV block {block} is free and cannot be shared.");
        }

        _references[block]++;
    }

    /// <summary>One holder less; the last one frees the block.</summary>
    public void Release(int block)
    {
        if (_references[block] == 0) throw new InvalidOperationException($"KV block {block} is released twice.");
        if (--_references[block] > 0) return;
        _free[(_firstFree + FreeCount) % Count] = block;
        FreeCount++;
    }

    public int References(int block) => _references[block];

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
        var free = new HashSet<int>();
        for (var index = 0; index < FreeCount; index++) Check(free.Add(_free[(_firstFree + index) % Count]), "a block is free twice");
        for (var block = 0; block < Count; block++)
        {
            Check(_references[block] == expected[block], $"block {block} counts {_references[block]} holders, {expected[block]} hold it");
            Check(free.Contains(block) == (expected[block] == 0), $"block {block} is both free and held, or neither");
        }
    }

    [StackTraceHidden]
    private static void Check(bool holds, string otherwise)
    {
        if (!holds) throw new InvalidOperationException($"KV block pool: {otherwise}.");
    }
}
