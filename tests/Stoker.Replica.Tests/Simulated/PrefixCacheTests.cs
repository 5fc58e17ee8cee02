using Stoker.Replica.Simulated;

namespace Stoker.Replica.Tests.Simulated;

public sealed class PrefixCacheTests
{
    [Fact]
    public void Matches_whole_blocks_as_far_as_prompts_begin_alike()
    {
        var cache = new PrefixCache(1024);
        cache.Insert(PrefixCache.KeysOf([.. Enumerable.Range(0, 70)]));
        cache.Count.ShouldBe(4); // 70 tokens are four full blocks
        cache.Match(PrefixCache.KeysOf([.. Enumerable.Range(0, 200)])).ShouldBe(4);
        cache.Match(PrefixCache.KeysOf([.. Enumerable.Range(0, 31), 9, .. Enumerable.Range(32, 40)])).ShouldBe(1);
        // the same block behind another beginning is another
        cache.Match(PrefixCache.KeysOf([.. Enumerable.Range(16, 64)])).ShouldBe(0);
    }

    [Fact]
    public void Drops_the_least_recently_used_and_of_one_prompt_its_tail_first()
    {
        var cache = new PrefixCache(4 * PrefixCache.BlockTokens);
        var (first, second) = (PrefixCache.KeysOf([.. Enumerable.Range(0, 48)]), PrefixCache.KeysOf([.. Enumerable.Range(500, 32)]));
        cache.Insert(first);
        cache.Insert(second);
        cache.Count.ShouldBe(4);
        cache.Match(first).ShouldBe(2);
        cache.Match(second).ShouldBe(2);
    }

    [Fact]
    public void Holds_nothing_when_it_has_no_room()
    {
        var cache = new PrefixCache(0);
        cache.Insert(PrefixCache.KeysOf([.. Enumerable.Range(0, 64)]));
        cache.Count.ShouldBe(0);
    }
}
