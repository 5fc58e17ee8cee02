using Stoker.ControlPlane.Autoscaling;

namespace Stoker.ControlPlane.Tests.Autoscaling;

/// <summary>The rules of the mode auto, one sentence each. A replica runs 10 sequences and is filled to the brim.</summary>
public class AutoRuleTests
{
    private static readonly ScalingPolicy Auto = ScalingPolicy.Default with { Mode = ScalingMode.Auto };

    [Fact]
    public void A_replica_is_filled_to_the_brim_unless_a_target_says_otherwise()
    {
        LoadTargets.UsualOf(ScalingMode.Auto).ToString().ShouldBe("default=1");
        LoadTargets.UsualOf(ScalingMode.Windows).ToString().ShouldBe("default=0.8");
        Fleet().Pass(60, load: 10).Changes.ShouldBeEmpty();
        Fleet().Pass(60, load: 11).Desired.ShouldBe(2);
        var half = Fleet();
        half.Targets = LoadTargets.From(new Dictionary<string, double> { ["default"] = 0.5 }, ScalingMode.Auto);
        half.Pass(60, load: 11).Desired.ShouldBe(3);
    }

    [Fact]
    public void A_spike_of_a_second_needs_nobody()
    {
        var fleet = Fleet();
        for (var i = 0; i < 10; i++) fleet.Pass(29, load: 10).Pass(1, load: 16); // a mean of 11
        fleet.Changes.ShouldBeEmpty();
    }

    [Fact]
    public void A_jump_is_followed_at_once_and_straight_to_the_needed_count()
    {
        var fleet = Fleet().Pass(60, load: 10).Pass(10, load: 50);
        // The means tell of it while they still rise; the count is what all five seconds need.
        fleet.Changes.ShouldHaveSingleItem().ShouldSatisfyAllConditions(
            change => change.Desired.ShouldBe(5),
            change => change.Cause.ShouldBe(ScalingCause.LoadJumped),
            change => change.Facts.Time.ShouldBe(ScaledFleet.Noon.AddSeconds(1_065)));
    }

    /// <summary>No mean over six seconds is ever as high as a jump of five.</summary>
    [Fact]
    public void A_jump_that_is_over_at_once_keeps_its_replicas_as_long_as_any_load()
    {
        var fleet = Fleet(desired: 1, max: 100).Pass(400, 8).Pass(5, 191);
        var jumped = fleet.Desired;
        jumped.ShouldBe(20);
        fleet.Pass(299, 8).Desired.ShouldBe(jumped);
        fleet.Pass(700, 8).Desired.ShouldBe(1);
    }

    [Fact]
    public void Less_than_a_jump_has_to_last()
    {
        var fleet = Fleet(desired: 10).Pass(60, load: 95).Pass(30, load: 105);
        fleet.Desired.ShouldBe(10); // the first of the thirty means still has seconds of before
        fleet.Pass(5, load: 105);
        (fleet.Desired, fleet.Last.Cause, fleet.Changes.Single().Cause).ShouldBe((11, ScalingCause.Steady, ScalingCause.LoadLasted));
    }

    [Theory]
    [InlineData(100, 305)] // a peak of less than three times the average is forgotten after five minutes
    [InlineData(20, 905)] // one that stands out, after fifteen
    public void A_burst_is_remembered_longer_than_a_wave(int usual, int forgottenAfter)
    {
        var fleet = Fleet(desired: usual / 10).Pass(1_000, usual).Pass(40, load: 200).Pass(forgottenAfter - 10, usual);
        fleet.Desired.ShouldBe(20);
        fleet.Pass(10, usual).Desired.ShouldBe(usual / 10);
    }

    [Fact]
    public void Too_little_seen_takes_nothing_away()
    {
        var fleet = Fleet(desired: 5).Pass(299, load: 1);
        fleet.Desired.ShouldBe(5);
        fleet.Pass(1, load: 1).Desired.ShouldBe(1);
    }

    [Fact]
    public void Load_of_this_moment_keeps_replicas_though_no_mean_shows_it_yet()
    {
        var fleet = Fleet(desired: 5).Pass(299, load: 10);
        fleet.Window.Add(fleet.Window.LastSecond!.Value + 1, LoadBucket.Steady(10));
        fleet.Decide(load: 39).Desired.ShouldBe(4);
        fleet.Decide(load: 10).Desired.ShouldBe(1);
    }

    [Theory]
    [InlineData(3599, 1)]
    [InlineData(3600, 0)]
    public void It_goes_to_zero_as_its_scale_to_zero_window_says(int idleSeconds, int expected) =>
        Fleet().Pass(10, load: 3).Pass(idleSeconds, load: 0).Desired.ShouldBe(expected);

    [Fact]
    public void From_zero_it_goes_at_once_and_straight_to_what_the_held_requests_need()
    {
        var fleet = Fleet(desired: 0).Pass(60, load: 0);
        fleet.Decide(queued: 41).ShouldSatisfyAllConditions(
            woken => woken.Desired.ShouldBe(5), woken => woken.Cause.ShouldBe(ScalingCause.Woke));
    }

    [Fact]
    public void Rates_need_time_and_do_not_jump()
    {
        var fleet = Fleet();
        fleet.Targets = LoadTargets.From(new Dictionary<string, double> { ["requests_per_second"] = 2 }, ScalingMode.Auto);
        fleet.Pass(29, load: 1, new LoadBucket(0, 0, 0, Requests: 9)).Desired.ShouldBe(1);
        fleet.Pass(1, load: 1, new LoadBucket(0, 0, 0, Requests: 9));
        (fleet.Desired, fleet.Last.Cause).ShouldBe((5, ScalingCause.LoadLasted));
        fleet.Pass(302, load: 1).Desired.ShouldBe(5);
        fleet.Pass(1, load: 1).Desired.ShouldBe(4); // the highest mean over half a minute has four seconds of silence by now
    }

    [Fact]
    public void Reasons_say_the_numbers_that_decided()
    {
        Fleet().Pass(11, load: 50).Changes[0].Reason.ShouldBe("a jump: for 5s 50 concurrent requests at 10 a replica need 5 replicas: from 1 to 5");
        Fleet(desired: 10).Pass(40, load: 105).Changes.Single().Reason.ShouldBe("for 30s 105 concurrent requests at 10 a replica need 11 replicas: from 10 to 11");
        Fleet(desired: 3).Pass(300, load: 9).Last.Reason.ShouldBe("at most, in 5m0s, 9 concurrent requests at 10 a replica need 1 replica: from 3 to 1");
        Fleet(desired: 10).Pass(880, load: 5).Pass(40, load: 100).Last.Reason.ShouldBe(
            "load comes in bursts: at most, in 15m0s, 100 concurrent requests at 10 a replica need 10 replicas: stays at 10");
        var early = Fleet(desired: 10).Pass(200, load: 5).Pass(20, load: 100).Pass(200, load: 5);
        early.Last.Reason.ShouldBe("7m0s of the down window of 15m0s are known, and load comes in bursts: stays at 10");
        Fleet(max: 3).Pass(11, load: 50).Last.Reason.ShouldBe("for 5s 50 concurrent requests at 10 a replica need 5 replicas, and the maximum is 3");
    }

    private static ScaledFleet Fleet(int desired = 1, int max = 100) =>
        new(Auto) { Desired = desired, Max = max, Targets = LoadTargets.UsualOf(ScalingMode.Auto) };
}
