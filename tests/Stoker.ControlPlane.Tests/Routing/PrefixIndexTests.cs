using FsCheck;
using FsCheck.Fluent;
using Stoker.ControlPlane.Routing;

namespace Stoker.ControlPlane.Tests.Routing;

public class PrefixIndexTests
{
    private const int Block = 512;

    [Fact]
    public void A_prompt_matches_as_far_as_it_begins_like_one_that_was_sent()
    {
        var index = new PrefixIndex(cacheTokens: 100_000);
        using var sent = Prompt(1, 2, 3, 4);
        index.Match(sent.Keys).ShouldBe(0);

        index.Add(sent.Keys);

        using var begins = Prompt(1, 2, 9);
        using var shorter = Prompt(1, 2, 3);
        using var other = Prompt(9, 2, 3, 4);
        (index.Match(sent.Keys), index.Match(begins.Keys), index.Match(shorter.Keys), index.Match(other.Keys)).ShouldBe((4, 2, 3, 0));
        index.Match([]).ShouldBe(0);
    }

    [Fact]
    public void What_was_used_least_recently_is_forgotten_when_the_cache_is_full()
    {
        var index = new PrefixIndex(cacheTokens: 8 * Block / PrefixIndex.BytesPerToken);
        using var first = Prompt(1, 2, 3, 4);
        using var second = Prompt(5, 6, 7, 8);
        using var third = Prompt(9, 10, 11, 12);
        index.Add(first.Keys);
        index.Add(second.Keys);
        (index.Match(first.Keys), index.Match(second.Keys)).ShouldBe((4, 4));

        index.Add(third.Keys);

        (index.Match(first.Keys), index.Match(third.Keys)).ShouldBe((0, 4));
        index.Match(second.Keys).ShouldBeGreaterThanOrEqualTo(3); // times are told in steps of half a block
    }

    [Fact]
    public void What_is_used_again_and_again_stays()
    {
        var index = new PrefixIndex(cacheTokens: 8 * Block / PrefixIndex.BytesPerToken);
        using var hot = Prompt(1, 2);
        for (var turn = 0UL; turn < 100; turn++)
        {
            using var prompt = Prompt(1, 2, 100 + turn);
            index.Match(hot.Keys).ShouldBe(turn == 0 ? 0 : 2);
            index.Add(prompt.Keys);
        }
    }

    [Fact]
    public void The_heads_of_a_prompt_outlive_its_tail()
    {
        var index = new PrefixIndex(cacheTokens: 8 * Block / PrefixIndex.BytesPerToken);
        using var old = Prompt(1, 2, 3, 4, 5, 6);
        using var next = Prompt(11, 12, 13, 14);
        index.Add(old.Keys);

        index.Add(next.Keys);

        index.Match(old.Keys).ShouldBeInRange(3, 5); // 8 blocks hold the four new ones and the first four of the old
    }

    [Fact]
    public void Halving_finds_what_looking_at_every_block_finds() =>
        Prop.ForAll(Gen.Choose(0, 1_000_000).ToArbitrary(), seed =>
        {
            var (random, index) = (new Random(seed), new PrefixIndex(cacheTokens: 10_000_000)); // so large that no bucket is full
            for (var sent = 0; sent < 30; sent++)
            {
                using var prompt = Prompt(Drawn(random));
                index.Add(prompt.Keys);
            }

            for (var asked = 0; asked < 30; asked++)
            {
                using var prompt = Prompt(Drawn(random));
                var guess = random.Next(-1, 60); // whatever another one has
                if (index.Match(prompt.Keys, guess) != index.MatchPlainly(prompt.Keys)) return false;
            }

            return true;

            // Few different blocks, so that many begin alike.
            static ulong[] Drawn(Random random) => [.. Enumerable.Range(0, random.Next(1, 40)).Select(_ => (ulong)random.Next(2))];
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Its_memory_has_a_bound_whatever_is_sent()
    {
        var index = new PrefixIndex(cacheTokens: long.MaxValue);
        index.SizeBytes.ShouldBe(0); // a replica that got no prompt
        for (var sent = 0UL; sent < 2_000; sent++)
        {
            using var prompt = Prompt([.. Enumerable.Range(0, 32).Select(block => (sent * 100) + (ulong)block)]);
            index.Add(prompt.Keys);
        }

        index.SizeBytes.ShouldBe(256 << 10);
    }

    [Fact]
    public void A_replica_without_a_cache_has_nothing()
    {
        var index = new PrefixIndex(cacheTokens: 0);
        using var prompt = Prompt(1, 2);

        index.Add(prompt.Keys);

        (index.Match(prompt.Keys), index.SizeBytes).ShouldBe((0, 0));
    }

    [Fact]
    public void What_a_replica_lost_is_forgotten()
    {
        var index = new PrefixIndex(cacheTokens: 100_000);
        using var prompt = Prompt(1, 2);
        index.Add(prompt.Keys);

        index.Forget();

        index.Match(prompt.Keys).ShouldBe(0);
    }

    private static RoutedPrompt Prompt(params ReadOnlySpan<ulong> blocks) => RoutedPrompt.Of(blocks, Block, (long)blocks.Length * Block);
}
