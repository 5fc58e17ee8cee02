using FsCheck;
using FsCheck.Fluent;
using Stoker.Engine.KvCache;

namespace Stoker.Engine.Tests.KvCache;

public sealed class PrefixCacheTests
{
    private const int None = PrefixCache.None;
    private static readonly int[] NoReferences = new int[16];
    private readonly PrefixCache _cache = new(16, blockSize: 2);

    [Fact]
    public void A_block_is_found_behind_its_own_parent_only()
    {
        _cache.Publish(0, None, PrefixSpace.Common, [1, 2]);
        _cache.Publish(1, None, PrefixSpace.Common, [3, 4]);
        _cache.Publish(2, 0, PrefixSpace.Common, [5, 6]);
        Find(0, [5, 6]).ShouldBe(2);
        Find(1, [5, 6]).ShouldBe(None);
        Find(None, [5, 6]).ShouldBe(None);
        Find(0, [5, 7]).ShouldBe(None);
    }

    [Theory]
    [InlineData(null, 0)]
    [InlineData("one", 0)]
    [InlineData("oneone", 0)]
    [InlineData("other", 0)]
    [InlineData(null, 1)]
    [InlineData("one", 1)]
    [InlineData("one", ulong.MaxValue)]
    public void Nothing_is_found_across_salts_and_addons(string? salt, ulong adapter)
    {
        var spaces = new PrefixSpace[] { new(null, 0), new("one", 0), new("oneone", 0), new("other", 0), new(null, 1), new("one", 1), new("one", ulong.MaxValue), new("One", 0) };
        var mine = new PrefixSpace(salt, adapter);
        for (var index = 0; index < spaces.Length; index++)
        {
            if (spaces[index] != mine) _cache.Publish(index, None, spaces[index], [1, 2]);
        }

        Find(None, [1, 2], mine).ShouldBe(None);
        _cache.Publish(10, None, mine, [1, 2]);
        Find(None, [1, 2], new(salt, adapter)).ShouldBe(10);
    }

    [Fact]
    public void A_salt_of_any_length_counts_to_its_last_character()
    {
        var salt = new string('s', 200);
        _cache.Publish(0, None, new(salt, 0), [1, 2]);
        Find(None, [1, 2], new(salt[..^1] + "t", 0)).ShouldBe(None);
        Find(None, [1, 2], new(salt, 0)).ShouldBe(0);
    }

    [Fact]
    public void Where_all_hashes_collide_the_tokens_and_the_parent_decide()
    {
        var cache = new PrefixCache(16, blockSize: 2, (_, _) => 42);
        cache.Publish(0, None, PrefixSpace.Common, [1, 2]);
        cache.Publish(1, None, PrefixSpace.Common, [3, 4]);
        cache.Publish(2, 0, PrefixSpace.Common, [5, 6]);
        cache.Find(1, PrefixSpace.Common, [5, 6], NoReferences).ShouldBe(None); // same tokens, same hash, another parent
        cache.Find(None, new("salt", 0), [1, 2], NoReferences).ShouldBe(None);
        cache.Find(None, PrefixSpace.Common, [1, 3], NoReferences).ShouldBe(None);
        cache.Find(0, PrefixSpace.Common, [5, 6], NoReferences).ShouldBe(2);
        cache.Forget(1);
        cache.CheckIntegrity();
        cache.Find(None, PrefixSpace.Common, [1, 2], NoReferences).ShouldBe(0);
    }

    [Fact]
    public void Children_of_one_block_are_found_behind_its_twin()
    {
        _cache.Publish(0, None, PrefixSpace.Common, [1, 2]);
        _cache.Publish(1, 0, PrefixSpace.Common, [3, 4]);
        _cache.Publish(2, None, PrefixSpace.Common, [1, 2]);
        _cache.Forget(0);
        Find(None, [1, 2]).ShouldBe(2);
        Find(2, [3, 4]).ShouldBe(1);
    }

    [Fact]
    public void A_prefix_that_is_computed_anew_is_not_confused_with_one_that_is_gone()
    {
        _cache.Publish(0, None, PrefixSpace.Common, [1, 2]);
        _cache.Publish(1, 0, PrefixSpace.Common, [3, 4]);
        _cache.Forget(0);
        _cache.Publish(0, None, PrefixSpace.Common, [9, 9]); // the block has another prefix now
        Find(0, [3, 4]).ShouldBe(None);
    }

    [Fact]
    public void Two_caches_have_two_keys()
    {
        var hashes = Enumerable.Range(0, 2).Select(_ => PrefixCache.NewHash()(0, [1, 2])).Distinct();
        hashes.Count().ShouldBe(2);
    }

    [Fact]
    public void Misuse_is_an_error()
    {
        _cache.Publish(0, None, PrefixSpace.Common, [1, 2]);
        Should.Throw<InvalidOperationException>(() => _cache.Publish(0, None, PrefixSpace.Common, [3, 4])).Message.ShouldContain("already");
        Should.Throw<ArgumentException>(() => _cache.Publish(1, None, PrefixSpace.Common, [3])); // half filled
        _cache.Publish(1, 5, PrefixSpace.Common, [3, 4]).ShouldBeFalse(); // nobody finds its parent
    }

    /// <summary>
    /// Pool and cache against lists and a dictionary: the free list's order, what is found, who holds what.
    /// </summary>
    [Theory]
    [InlineData(128)]
    [InlineData(1)]
    [InlineData(0)]
    public void Pool_and_cache_do_what_a_plain_model_does(int hashBits) => Prop.ForAll<byte[]>(operations =>
    {
        var model = new Model(hashBits);
        foreach (var operation in operations) model.Do(operation);
    }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(128)]
    [InlineData(1)]
    public void Long_runs_do_so_too(int hashBits) => Prop.ForAll<int>(seed =>
    {
        var (model, random) = (new Model(hashBits), new Random(seed));
        for (var step = 0; step < 400; step++) model.Do((byte)random.Next(256));
    }).QuickCheckThrowOnFailure();

    private int Find(int parent, int[] tokens, PrefixSpace? space = null) =>
        _cache.Find(parent, space ?? PrefixSpace.Common, tokens, NoReferences);

    private sealed class Model
    {
        private const int Blocks = 8;
        private readonly BlockPool _pool;
        private readonly List<int> _free = [.. Enumerable.Range(0, Blocks)]; // in the order of handing out
        private readonly string?[] _prefix = new string?[Blocks]; // of what can be found: its space and all tokens
        private readonly List<Holder> _holders = [];
        private readonly PrefixSpace[] _spaces = [PrefixSpace.Common, new("salt", 0), new(null, 3)];
        private int _lost;

        public Model(int hashBits)
        {
            var (hash, mask) = (new SipHash(3, 4), hashBits == 128 ? UInt128.MaxValue : (UInt128.One << hashBits) - 1);
            _pool = new(Blocks, new(Blocks, blockSize: 2, (parent, tokens) => hash.Of(parent, tokens) & mask));
        }

        public void Do(byte operation)
        {
            var which = operation / 4;
            switch (operation % 4)
            {
                case 0: Begin(_spaces[which % 3]); break;
                case 1 when _holders.Count > 0: Grow(_holders[which % _holders.Count], token: which % 2); break;
                case 2 when _holders.Count > 0: Grow(_holders[which % _holders.Count], token: which % 2); break;
                case 3 when _holders.Count > 0: End(_holders[which % _holders.Count], retract: which % 8 == 0); break;
                default: break;
            }

            _pool.FreeCount.ShouldBe(_free.Count);
            _pool.FindableCount.ShouldBe(_prefix.Count(prefix => prefix is not null));
            _pool.CheckIntegrity(_holders.Select(holder => holder.Table));
        }

        /// <summary>A sequence that begins with all that is found of a text of ones.</summary>
        private void Begin(PrefixSpace space)
        {
            var (holder, found) = (new Holder(space, new(_pool, 64)), new List<int>());
            for (var block = None; ; found.Add(block))
            {
                var prefix = $"{space}{string.Concat(Enumerable.Repeat("1 1 ", found.Count + 1))}";
                block = _pool.Find(block, space, [1, 1]);
                var expected = Enumerable.Range(0, Blocks).Where(other => _prefix[other] == prefix).ToList();
                if (expected.Count == 0) block.ShouldBe(None);
                else expected.ShouldContain(block);
                if (expected.Exists(other => !_free.Contains(other))) _free.ShouldNotContain(block);
                if (block == None) break;
            }

            holder.Table.BeginWith([.. found]);
            foreach (var block in found) _free.Remove(block);
            _holders.Add(holder);
        }

        /// <summary>It computes one more block and lets others find it.</summary>
        private void Grow(Holder holder, int token)
        {
            if (_free.Count == 0) return;
            holder.Table.GrowTo(holder.Table.Count + 1);
            var block = holder.Table.BlockSpan[^1];
            block.ShouldBe(_free[0]);
            _free.RemoveAt(0);
            Lose(block);
            var parent = holder.Table.Count == 1 ? None : holder.Table.BlockSpan[^2];
            var before = parent == None ? holder.Space.ToString() : _prefix[parent];
            _pool.Publish(block, parent, holder.Space, [token, token]).ShouldBe(before is not null);
            if (before is not null) _prefix[block] = $"{before}{token} {token} ";
        }

        /// <summary>With the last block of a prefix those behind it are out of reach, also when it is computed anew.</summary>
        private void Lose(int block)
        {
            var lost = _prefix[block];
            _prefix[block] = null;
            if (lost is null || _prefix.Contains(lost)) return;
            _lost++; // twins among them stay twins
            for (var other = 0; other < Blocks; other++)
            {
                if (_prefix[other]?.StartsWith(lost, StringComparison.Ordinal) is true) _prefix[other] = $"({_lost}){_prefix[other]}";
            }
        }

        private void End(Holder holder, bool retract)
        {
            int[] blocks = [.. holder.Table.Blocks];
            if (retract)
            {
                foreach (var block in blocks) _pool.Retract(block);
                foreach (var block in blocks) Lose(block);
            }

            holder.Table.Free();
            _holders.Remove(holder);
            foreach (var block in blocks.Reverse())
            {
                if (_holders.Exists(other => other.Table.Blocks.Contains(block))) continue;
                var twins = Enumerable.Range(0, Blocks).Where(other => other != block && _prefix[block] is { } prefix && _prefix[other] == prefix).ToList();
                if (twins.Exists(twin => !_free.Contains(twin)))
                {
                    _prefix[block] = null;
                }
                else if (twins is [var twin])
                {
                    _prefix[twin] = null;
                    _free.Remove(twin);
                    _free.Insert(0, twin);
                }

                twins.Count(_free.Contains).ShouldBeLessThanOrEqualTo(1, "a prefix is kept twice");
                if (_prefix[block] is null) _free.Insert(0, block);
                else _free.Add(block);
            }
        }

        private sealed class Holder(PrefixSpace space, BlockTable table)
        {
            public PrefixSpace Space { get; } = space;

            public BlockTable Table { get; } = table;
        }
    }
}
