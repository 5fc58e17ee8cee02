using Stoker.Simulation.Comparing;
using Stoker.Simulation.Fleet;
using Stoker.Simulation.Policies;
using Stoker.Simulation.Traces;

namespace Stoker.Simulation.Tests.Comparing;

/// <summary>
/// What the router promises, on the traces that say what their prompts share: 8 replicas, caches of 6,000 blocks of 512 tokens, serial
/// prefill at 20,000 tokens a second, 20 ms a generated token. The same on every machine.
/// </summary>
public class RouterQualityTests
{
    private const int CacheBlocks = 6000;

    [Theory]
    [InlineData("mooncake-conversation")]
    [InlineData("mooncake-synthetic")]
    public void By_what_was_sent_and_load_of_a_second_ago_it_saves_85_percent_of_what_an_endless_cache_would(string name)
    {
        var trace = Open(name);
        var result = Run(trace, new() { NewsAge = TimeSpan.FromSeconds(1) });

        result.AnsweredOnce.ShouldBe(trace.Arrivals.Count);
        (result.CachedShare / EndlessCache.ShareOf(trace)).ShouldBeGreaterThanOrEqualTo(0.85);
    }

    [Theory]
    [InlineData("mooncake-conversation")]
    [InlineData("mooncake-synthetic")]
    public void By_what_caches_hold_it_saves_88_percent(string name)
    {
        var trace = Open(name);
        var result = Run(trace, new() { KnowsContents = true });

        (result.CachedShare / EndlessCache.ShareOf(trace)).ShouldBeGreaterThanOrEqualTo(0.88);
    }

    /// <summary>From a quarter of the load to one that takes more than all replicas can compute without their caches.</summary>
    [Theory]
    [InlineData("mooncake-conversation", 0.25)]
    [InlineData("mooncake-conversation", 1)]
    [InlineData("mooncake-conversation", 2)]
    [InlineData("mooncake-conversation", 4)]
    [InlineData("mooncake-synthetic", 0.25)]
    [InlineData("mooncake-synthetic", 1)]
    [InlineData("mooncake-synthetic", 2)]
    [InlineData("mooncake-synthetic", 3)]
    public void First_tokens_come_no_later_than_under_the_least_load_at_any_load(string name, double factor)
    {
        var trace = Open(name).Faster(factor);
        foreach (var age in new[] { TimeSpan.Zero, TimeSpan.FromSeconds(1) })
        {
            var (ours, least) = (Run(trace, new() { NewsAge = age }), Run(trace, new() { Kind = RouterKind.LeastLoad, NewsAge = age }));

            ours.FirstToken.Mean.ShouldBeLessThanOrEqualTo(least.FirstToken.Mean * 1.02);
            ours.FirstToken.P99.ShouldBeLessThanOrEqualTo(least.FirstToken.P99 * 1.02);
        }
    }

    /// <summary>
    /// A prefix never costs a place. Where replicas are full each place that becomes free is taken at once, whoever chooses, and one request more or less
    /// changes all that follow: hence the sum of ten runs, in which each request comes up to a second later.
    /// </summary>
    [Theory]
    [InlineData("mooncake-conversation", 2, 8, false)]
    [InlineData("mooncake-conversation", 4, 16, true)]
    [InlineData("mooncake-synthetic", 2, 4, true)]
    public void Where_replicas_run_few_at_once_no_more_are_refused_than_under_the_least_load(string name, double factor, int slots, bool isTooMuch)
    {
        const int Seeds = 10, MostHeld = 100;
        var (trace, old) = (Open(name).Faster(factor), TimeSpan.FromSeconds(1));
        var (ours, least) = (new int[Seeds], new int[Seeds]);
        Parallel.For(0, Seeds, seed =>
        {
            var shifted = trace.Copied(1, TimeSpan.FromSeconds(1), (ulong)seed);
            ours[seed] = Run(shifted, new() { NewsAge = old }, slots, MostHeld).Refused;
            least[seed] = Run(shifted, new() { Kind = RouterKind.LeastLoad, NewsAge = old }, slots, MostHeld).Refused;
        });

        (least.Sum() > 0).ShouldBe(isTooMuch);
        ours.Sum().ShouldBeLessThanOrEqualTo(least.Sum());
    }

    [Fact]
    public void One_that_only_looks_for_the_best_match_makes_all_wait_for_one_replica()
    {
        var trace = Open("mooncake-conversation");
        var (match, least) = (Run(trace, new() { Kind = RouterKind.BestMatch }), Run(trace, new() { Kind = RouterKind.LeastLoad }));

        match.FirstToken.Mean.ShouldBeGreaterThan(least.FirstToken.Mean * 10);
    }

    [Fact]
    public void The_same_trace_gives_the_same_figures()
    {
        var trace = Open("mooncake-synthetic");
        Run(trace, new()).ShouldBe(Run(trace, new()));
    }

    [Fact]
    public void An_endless_cache_saves_every_block_that_came_before()
    {
        var trace = new Trace("by hand", [new(default, 1100, 1, [1, 2]), new(default, 1024, 1, [1, 2]), new(default, 1024, 1, [9, 2])], default);

        EndlessCache.ShareOf(trace).ShouldBe(1023 / 3148.0); // of the second all but the last token; of the third nothing
    }

    private static SimulationResult Run(Trace trace, RouterSetup router, int slots = 65_536, int? holdMost = null) => FleetSimulation.Run(
        trace,
        new()
        {
            Replica = SimulationSetup.ReferenceReplica with
            {
                Slots = slots,
                PrefillsAtOnce = 1,
                RequestOverhead = TimeSpan.Zero,
                PrefillTokensPerSecond = 20_000,
                DecodeTokensPerSecond = 50,
                PrefixCacheTokens = CacheBlocks * 512,
            },
            WarmUp = TimeSpan.Zero,
            Router = router,
            HoldMost = holdMost,
        },
        new ConstantFleet(8));

    private static Trace Open(string name) => TraceSource.Open(name, client: null, seed: 1).Value;
}
