using FsCheck;
using FsCheck.Fluent;
using Stoker.Engine.KvCache;

namespace Stoker.Engine.Tests.KvCache;

public sealed class BlockPoolTests
{
    private static readonly int[] Tokens = [1, 2];

    [Fact]
    public void A_block_that_can_be_found_is_handed_out_last_and_one_that_cannot_is_handed_out_first()
    {
        var pool = new BlockPool(4, new(4, blockSize: 2));
        var (findable, other) = (pool.Take(), pool.Take());
        pool.Publish(findable, PrefixCache.None, PrefixSpace.Common, Tokens);
        pool.Release(findable);
        pool.Release(other);
        pool.Find(PrefixCache.None, PrefixSpace.Common, Tokens).ShouldBe(findable);
        new[] { pool.Take(), pool.Take(), pool.Take() }.ShouldBe([other, 2, 3]);
        pool.Find(PrefixCache.None, PrefixSpace.Common, Tokens).ShouldBe(findable);
        pool.Take().ShouldBe(findable);
        pool.Find(PrefixCache.None, PrefixSpace.Common, Tokens).ShouldBe(PrefixCache.None);
    }

    [Fact]
    public void Free_blocks_that_can_be_found_are_counted()
    {
        var pool = new BlockPool(4, new(4, blockSize: 2));
        pool.CachedFreeCount.ShouldBe(0);
        var (findable, other) = (pool.Take(), pool.Take());
        pool.Publish(findable, PrefixCache.None, PrefixSpace.Common, Tokens);
        pool.CachedFreeCount.ShouldBe(0); // held
        pool.Release(findable);
        pool.Release(other);
        pool.CachedFreeCount.ShouldBe(1);
        pool.Hold(findable);
        pool.CachedFreeCount.ShouldBe(0);
        pool.Release(findable);
        pool.Retract(findable);
        pool.CachedFreeCount.ShouldBe(0);
        pool.FreeCount.ShouldBe(4);
        pool.CheckIntegrity([]);
    }

    [Fact]
    public void A_found_block_leaves_the_free_list_and_comes_back_to_its_end()
    {
        var pool = new BlockPool(3, new(3, blockSize: 2));
        int[] blocks = [pool.Take(), pool.Take(), pool.Take()];
        foreach (var block in blocks) pool.Publish(block, PrefixCache.None, new($"{block}", 0), Tokens);
        foreach (var block in blocks) pool.Release(block);
        pool.Hold(blocks[0]);
        pool.Hold(blocks[0]);
        pool.FreeCount.ShouldBe(2);
        pool.Release(blocks[0]);
        pool.FreeCount.ShouldBe(2);
        pool.Release(blocks[0]);
        new[] { pool.Take(), pool.Take(), pool.Take() }.ShouldBe([blocks[1], blocks[2], blocks[0]]);
    }

    [Fact]
    public void Of_two_blocks_with_the_same_prefix_the_one_that_is_held_is_kept_else_the_one_used_last()
    {
        var pool = new BlockPool(3, new(3, blockSize: 2));
        var (one, other) = (pool.Take(), pool.Take());
        pool.Publish(one, PrefixCache.None, PrefixSpace.Common, Tokens);
        pool.Publish(other, PrefixCache.None, PrefixSpace.Common, Tokens);
        pool.Release(other);
        pool.Find(PrefixCache.None, PrefixSpace.Common, Tokens).ShouldBe(one);
        pool.Release(one);
        pool.Take().ShouldBe(other); // of no use
        pool.Publish(other, PrefixCache.None, PrefixSpace.Common, Tokens);
        pool.Find(PrefixCache.None, PrefixSpace.Common, Tokens).ShouldBe(other); // the other one is free
        pool.Release(other);
        new[] { pool.Take(), pool.Take(), pool.Take() }.ShouldBe([one, 2, other]);
    }

    [Fact]
    public void A_retracted_block_is_not_found_and_its_children_are_not_published()
    {
        var pool = new BlockPool(3, new(3, blockSize: 2));
        var (parent, child) = (pool.Take(), pool.Take());
        pool.Publish(parent, PrefixCache.None, PrefixSpace.Common, Tokens).ShouldBeTrue();
        pool.Retract(parent);
        pool.Find(PrefixCache.None, PrefixSpace.Common, Tokens).ShouldBe(PrefixCache.None);
        pool.Publish(child, parent, PrefixSpace.Common, Tokens).ShouldBeFalse();
        pool.UsedCount.ShouldBe(2); // those that hold it go on
    }

    [Fact]
    public void A_retracted_block_that_is_free_is_handed_out_next()
    {
        var pool = new BlockPool(3, new(3, blockSize: 2));
        var block = pool.Take();
        pool.Publish(block, PrefixCache.None, PrefixSpace.Common, Tokens);
        pool.Release(block);
        pool.Retract(block);
        pool.Take().ShouldBe(block);
    }

    [Fact]
    public void A_shared_block_comes_free_with_its_last_holder()
    {
        var pool = new BlockPool(2);
        var (one, other) = (new BlockTable(pool, 2), new BlockTable(pool, 2));
        one.GrowTo(2);
        other.ShareFrom(one, 1);
        one.ExclusiveCount.ShouldBe(1);
        one.Free();
        pool.UsedCount.ShouldBe(1);
        pool.CheckIntegrity([one, other]);
        other.Free();
        pool.UsedCount.ShouldBe(0);
    }

    [Fact]
    public void A_table_frees_its_tail_first()
    {
        var pool = new BlockPool(3, new(3, blockSize: 2));
        var table = new BlockTable(pool, 3);
        table.GrowTo(3);
        for (var index = 0; index < 3; index++) pool.Publish(index, index - 1, PrefixSpace.Common, Tokens);
        table.Free();
        new[] { pool.Take(), pool.Take(), pool.Take() }.ShouldBe([2, 1, 0]);
    }

    [Fact]
    public void Misuse_is_an_error_and_not_a_corrupt_cache()
    {
        var pool = new BlockPool(1);
        Should.Throw<InvalidOperationException>(() => pool.Release(0)).Message.ShouldContain("twice");
        Should.Throw<InvalidOperationException>(() => pool.Share(0)).Message.ShouldContain("free");
        Should.Throw<InvalidOperationException>(() => pool.Hold(0)).Message.ShouldContain("not in the prefix cache");
        pool.Take();
        Should.Throw<InvalidOperationException>(() => pool.Take()).Message.ShouldContain("All 1 KV blocks");
        Should.Throw<InvalidOperationException>(() => pool.CheckIntegrity([])).Message.ShouldContain("block 0");
    }

    [Fact]
    public void Counts_hold_under_any_order_of_operations() => Prop.ForAll<byte[]>(operations =>
    {
        var pool = new BlockPool(12);
        var tables = Enumerable.Range(0, 4).Select(_ => new BlockTable(pool, 12)).ToArray();
        foreach (var operation in operations)
        {
            var (table, other, amount) = (tables[operation % 4], tables[operation / 4 % 4], operation / 16 % 6);
            if (operation >= 192) table.Free();
            else if (operation >= 96) table.GrowTo(Math.Min(table.Count + Math.Min(amount, pool.FreeCount), 12));
            else if (table.Count == 0 && table != other) table.ShareFrom(other, Math.Min(amount, other.Count));
            pool.CheckIntegrity(tables);
        }
        foreach (var table in tables) table.Free();
        return pool.FreeCount == pool.Count;
    }).QuickCheckThrowOnFailure();
}
