using Stoker.Api.Resources;
using Stoker.Benchmarks.Chaos;

namespace Stoker.Benchmarks.Tests.Chaos;

/// <summary>A change that was acknowledged and is not there is told from one that is.</summary>
public class WishTests
{
    private static readonly Wish Live = new(WishState.Live, Note: 3, Min: 1, Max: 2, ContextLength: 256, [2]);

    private static readonly DeploymentResource Shown =
        new() { State = "READY", Description = "3", MinReplicaCount = 1, MaxReplicaCount = 2, MaxContextLength = 256 };

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
        (Live with { State = WishState.Deleted }).IsShownAs(Shown).ShouldBeFalse();
        (Live with { State = WishState.Removed }).IsShownAs(Shown).ShouldBeFalse();
        Wish.Nothing.IsShownAs(Shown).ShouldBeFalse();
    }

    [Fact]
    public void Bounds_are_put_around_every_count_that_may_be_wanted() =>
        (Live with { Counts = [0, 1, 3] }).Bounded(1, 2).Counts.ShouldBe([1, 2]);

    [Fact]
    public void Nothing_is_wanted_of_what_is_deleted() => (Live with { State = WishState.Deleted }).Wanted.ShouldBe([0]);
}
