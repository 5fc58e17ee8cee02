namespace Stoker.Engine.KvCache;

/// <summary>The blocks of one sequence, in the order of its positions.</summary>
/// <param name="maxBlocks">The most it will ever have; the array is made with the first of them.</param>
internal sealed class BlockTable(BlockPool pool, int maxBlocks)
{
    private int[]? _array; // none while a sequence waits

    /// <summary>
    /// For the forward pass: entry i holds positions i*BlockSize and on; entries from <see cref="Count"/> on mean
    /// nothing.
    /// </summary>
    public int[] Array => _array ??= new int[maxBlocks];

    public int Count { get; private set; }

    public ReadOnlySpan<int> BlockSpan => _array.AsSpan(0, Count);

    public IEnumerable<int> Blocks => Array.Take(Count);

    /// <summary>Blocks that come free when this table lets go: those that nobody shares.</summary>
    public int ExclusiveCount
    {
        get
        {
            var exclusive = 0;
            foreach (var block in BlockSpan)
            {
                if (pool.References(block) == 1) exclusive++;
            }
            return exclusive;
        }
    }

    /// <summary>Takes free blocks until there are <paramref name="count"/>.</summary>
    public void GrowTo(int count)
    {
        while (Count < count) Array[Count++] = pool.Take();
    }

    /// <summary>Gives back the last ones, which nobody else holds; nothing where there are no more than <paramref name="count"/>.</summary>
    public void ShrinkTo(int count)
    {
        while (Count > count) pool.Release(Array[--Count]);
    }

    /// <summary>Begins with another sequence's first blocks, whose tokens are the same and final.</summary>
    public void ShareFrom(BlockTable other, int count)
    {
        if (Count != 0) throw new InvalidOperationException("Only an empty block table can begin with shared blocks.");
        for (; Count < count; Count++)
        {
            pool.Share(other.Array[Count]);
            Array[Count] = other.Array[Count];
        }
    }

    /// <summary>Begins with blocks that were found in the prefix cache.</summary>
    public void BeginWith(ReadOnlySpan<int> found)
    {
        if (Count != 0) throw new InvalidOperationException("Only an empty block table can begin with found blocks.");
        foreach (var block in found)
        {
            pool.Hold(block);
            Array[Count++] = block;
        }
    }

    /// <summary>Lets all go, the tail first: shared heads then live longest in the free list.</summary>
    public void Free()
    {
        while (Count > 0) pool.Release(Array[--Count]);
        _array = null;
    }
}
