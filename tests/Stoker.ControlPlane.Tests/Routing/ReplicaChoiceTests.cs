using FsCheck;
using FsCheck.Fluent;
using Stoker.ControlPlane.Routing;

namespace Stoker.ControlPlane.Tests.Routing;

/// <summary>At 1,000 bytes a second a prompt of 10,000 takes ten seconds; a request that runs costs half of one.</summary>
public class ReplicaChoiceTests
{
    private static readonly ReplicaView Idle = new(Wait: 0, CachedBytes: 0, Running: 0, LastPick: 0, BytesPerSecond: 1_000);

    [Fact]
    public void The_least_of_the_wait_and_what_is_not_cached_is_chosen()
    {
        Choose(10_000, Idle with { Wait = 4, CachedBytes = 5_000 }, Idle).ShouldBe(0); // 9 s against 10
        Choose(10_000, Idle with { Wait = 6, CachedBytes = 5_000 }, Idle).ShouldBe(1); // 11 s against 10
        Choose(10_000, Idle with { CachedBytes = 8_000 }, Idle with { CachedBytes = 9_000 }).ShouldBe(1);
        Choose(10_000, Idle, Idle with { BytesPerSecond = 2_000 }).ShouldBe(1);
    }

    [Fact]
    public void A_prefix_that_all_share_does_not_keep_all_on_one_replica()
    {
        var hot = Idle with { CachedBytes = 4_096, Running = 8 };
        Choose(10_000, hot with { Running = 7 }, Idle).ShouldBe(0);
        Choose(10_000, hot with { Running = 9 }, Idle).ShouldBe(1);
    }

    [Fact]
    public void Among_equals_it_is_the_fewest_requests_and_then_the_one_picked_longest_ago()
    {
        Choose(0, Idle with { Running = 1 }, Idle).ShouldBe(1);
        Choose(0, Idle with { LastPick = 5 }, Idle with { LastPick = 3 }, Idle with { LastPick = 4 }).ShouldBe(1);
        Choose(10_000, Idle with { Running = 2, LastPick = 1 }, Idle with { Running = 1, LastPick = 9, CachedBytes = 0 }).ShouldBe(1);
    }

    [Fact]
    public void None_is_chosen_of_none() => Choose(10_000).ShouldBe(-1);

    [Fact]
    public void The_session_s_replica_is_taken_where_nothing_speaks_against_it()
    {
        Choose(10_000, hinted: 1, Idle, Idle with { LastPick = 9 }).ShouldBe(1);
        Choose(10_000, hinted: 1, Idle, Idle with { Running = 19 }).ShouldBe(1); // 9.5 s for what may save 10
        Choose(10_000, hinted: 7, Idle, Idle with { LastPick = 9 }).ShouldBe(0); // gone, or full
    }

    [Fact]
    public void A_session_is_not_worth_a_wait_a_longer_prefix_or_a_crowd()
    {
        Choose(10_000, hinted: 1, Idle, Idle with { Wait = 0.001 }).ShouldBe(0);
        Choose(10_000, hinted: 1, Idle with { CachedBytes = 512 }, Idle).ShouldBe(0);
        Choose(10_000, hinted: 1, Idle, Idle with { Running = 21 }).ShouldBe(0);
        Choose(100, hinted: 1, Idle, Idle with { Running = 1 }).ShouldBe(0); // nothing to save
    }

    [Fact]
    public void Nobody_ever_waits_longer_for_a_prefix_than_it_saves() =>
        Prop.ForAll(Gen.Choose(0, 1_000_000).ToArbitrary(), seed =>
        {
            var random = new Random(seed);
            var bytes = random.Next(20_000);
            ReplicaView[] views = [.. Enumerable.Range(0, random.Next(1, 20)).Select(_ => new ReplicaView(
                random.Next(3) == 0 ? 0 : random.NextDouble() * 10, random.Next(bytes + 1), random.Next(20), random.Next(100), 1_000))];
            uint? hinted = random.Next(2) == 0 ? (uint)random.Next(20) : null;
            var chosen = Result(bytes, hinted, views);
            var least = views.Min(view => Time(view, bytes));
            if (chosen.Index != hinted) return Time(views[chosen.Index], bytes) == least && !chosen.ByHint;

            // The session's: it waits no longer there than at the best, and the best has no more of the prompt.
            var best = Result(bytes, hinted: null, views).View;
            return chosen.ByHint && (Time(chosen.View, bytes) == least || (chosen.View.Wait <= best.Wait && chosen.View.CachedBytes >= best.CachedBytes));
        }).QuickCheckThrowOnFailure();

    private static double Time(in ReplicaView view, long bytes) =>
        view.Wait + ((bytes - view.CachedBytes) / view.BytesPerSecond) + ((double)view.Running * 512 / view.BytesPerSecond);

    private static int Choose(long promptBytes, params ReplicaView[] views) => Choose(promptBytes, hinted: null, views);

    private static int Choose(long promptBytes, uint? hinted, params ReplicaView[] views) => Result(promptBytes, hinted, views).Index;

    private static RankedReplica Result(long promptBytes, uint? hinted, ReplicaView[] views)
    {
        var choice = new ReplicaChoice(promptBytes, hinted);
        for (var index = 0; index < views.Length; index++) choice.Consider(index, (uint)index, views[index]);
        return choice.Result;
    }
}
