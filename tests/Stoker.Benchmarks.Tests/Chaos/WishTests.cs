using Stoker.Api.Resources;
using Stoker.Benchmarks.Chaos;

namespace Stoker.Benchmarks.Tests.Chaos;

/// <summary>A change that was acknowledged and is not there is told from one that is.</summary>
public class WishTests
{
    private static readonly Wish Live = new(WishState.Live, Note: 3, Min: 1, Max: 2, ContextLength: 256, [2]);

    private static readonly DeploymentResource Shown =
        new() { State = "READY", Description = "3", MinReplicaCount = 1, MaxReplicaCount = 2, DesiredReplicaCount = 2, MaxContextLength = 256 };

    [Fact]
    public void A_wish_is_shown_as_it_was_asked()
    {
        Live.IsShownAs(Shown).ShouldBeTrue();
        (Live with { State = WishState.Deleted }).IsShownAs(Shown with { State = "DELETED" }).ShouldBeTrue();
        (Live with { State = WishState.Removed }).IsShownAs(null).ShouldBeTrue();
        Wish.Nothing.IsShownAs(null).ShouldBeTrue();
    }

    [Fact]
    public void Every_difference_is_a_loss()
    {
        Live.IsShownAs(null).ShouldBeFalse();
        Live.IsShownAs(Shown with { Description = "2" }).ShouldBeFalse();
        Live.IsShownAs(Shown with { MinReplicaCount = 0 }).ShouldBeFalse();
        Live.IsShownAs(Shown with { MaxReplicaCount = 3 }).ShouldBeFalse();
        Live.IsShownAs(Shown with { MaxContextLength = 288 }).ShouldBeFalse();
        Live.IsShownAs(Shown with { State = "DELETING" }).ShouldBeFalse();
        Live.IsShownAs(Shown with { DesiredReplicaCount = 1 }).ShouldBeFalse();
        (Live with { State = WishState.Deleted }).IsShownAs(Shown).ShouldBeFalse();
        (Live with { State = WishState.Removed }).IsShownAs(Shown).ShouldBeFalse();
        Wish.Nothing.IsShownAs(Shown).ShouldBeFalse();
    }

    [Fact]
    public void Bounds_are_put_around_every_count_that_may_be_wanted() =>
        (Live with { Counts = [0, 1, 3] }).Bounded(1, 2).Counts.ShouldBe([1, 2]);

    [Fact]
    public void A_count_takes_its_moment_to_follow()
    {
        var asked = Live.Scaled(1);
        asked.IsShownAs(Shown with { State = "UPDATING" }).ShouldBeTrue();
        asked.IsShownAs(Shown).ShouldBeFalse(); // READY is said of the newest change
    }

    /// <summary>A server may have looked between any two changes, or have been killed before each look.</summary>
    [Fact]
    public void A_beginning_that_nobody_saw_is_within_the_newest_bounds_alone()
    {
        var undeleted = (Live with { State = WishState.Deleted, Min = 2 }).Begun();
        (undeleted.State, undeleted.Counts.Single()).ShouldBe((WishState.Live, 2));
        undeleted.Bounded(1, 2).Counts.ShouldBe([2, 1], ignoreOrder: true);
        undeleted.Bounded(1, 1).Bounded(1, 3).Counts.ShouldBe([1]);
    }

    [Fact]
    public void A_count_by_hand_that_nobody_saw_is_within_the_newest_bounds_alone()
    {
        var scaled = (Live with { Max = 3 }).Scaled(3);
        scaled.Bounded(1, 2).Counts.ShouldBe([2]); // taken up or not
        scaled.Bounded(1, 2).Bounded(1, 3).Counts.ShouldBe([2, 3], ignoreOrder: true);
        scaled.Bounded(1, 2).Scaled(1).Bounded(1, 3).Counts.ShouldBe([1]);
    }

    /// <summary>From then on no other count than that may come of it.</summary>
    [Fact]
    public void What_is_shown_as_ready_was_taken_up()
    {
        var asked = Live.Scaled(2).Bounded(1, 1).Bounded(1, 2);
        var seen = asked.After(Shown with { DesiredReplicaCount = 1 });
        seen.Counts.ShouldBe([1]);
        seen.Bounded(1, 3).Counts.ShouldBe([1]);
        asked.After(Shown with { State = "UPDATING", DesiredReplicaCount = 1 }).ShouldBe(asked);
    }

    [Fact]
    public void What_was_wanted_before_a_deletion_is_forgotten()
    {
        (Live.Scaled(2) with { State = WishState.Deleted }).Begun().Bounded(1, 2).Counts.ShouldBe([1]);
        (Live with { State = WishState.Removed }).After(null).ShouldBe(Wish.Nothing);
    }

    [Fact]
    public void Nothing_is_wanted_of_what_is_deleted() => (Live with { State = WishState.Deleted }).Wanted.ShouldBe([0]);
}
