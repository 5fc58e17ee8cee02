using Stoker.Engine.KvCache;

namespace Stoker.Engine.Speculation;

/// <summary>Blocks whose keys and values in a drafter's own store are those of their tokens: for whoever finds them, until they are handed out again.</summary>
internal sealed class CompletedBlocks(BlockPool pool)
{
    private readonly uint[] _handOuts = new uint[pool.Count]; // for which it was completed, by block

    public bool Has(int block) => _handOuts[block] == pool.HandOut(block);

    public void Add(int block) => _handOuts[block] = pool.HandOut(block);
}
