using FsCheck;
using FsCheck.Fluent;
using Stoker.Engine.KvCache;

namespace Stoker.Engine.Tests.KvCache;

public sealed class BlockPoolTests
{
    [Fact]
    public void A_freed_block_is_handed_out_last()
    {
        var pool = new BlockPool(3);
        var first = pool.Take();
        pool.Release(first);
        new[] { pool.Take(), pool.Take(), pool.Take() }.ShouldBe([1, 2, first]);
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
        var pool = new BlockPool(3);
        var table = new BlockTable(pool, 3);
        table.GrowTo(3);
        table.Free();
        new[] { pool.Take(), pool.Take(), pool.Take() }.ShouldBe([2, 1, 0]);
    }

    [Fact]
    public void Misuse_is_an_error_and_not_a_corrupt_cache()
    {
        var pool = new BlockPool(1);
        Should.Throw<InvalidOperationException>(() => pool.Release(0)).Message.ShouldContain("twice");
        Should.Throw<InvalidOperationException>(() => pool.Share(0)).Message.ShouldContain("free");
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
