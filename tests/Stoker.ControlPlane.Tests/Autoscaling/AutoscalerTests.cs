using Stoker.ControlPlane.Autoscaling;

namespace Stoker.ControlPlane.Tests.Autoscaling;

/// <summary>The rules of windows, one sentence each. A replica runs 10 sequences and is to carry 8.</summary>
public class AutoscalerTests
{
    [Fact]
    public void Load_that_lasts_for_the_up_window_adds_replicas_and_shorter_load_adds_none()
    {
        var fleet = new ScaledFleet().Pass(60, load: 4).Pass(29, load: 20);
        fleet.Desired.ShouldBe(1);
        fleet.Pass(1, load: 20);
        (fleet.Desired, fleet.Last.Cause).ShouldBe((3, ScalingCause.LoadLasted));
    }

    [Fact]
    public void Load_that_pauses_does_not_last()
    {
        var fleet = new ScaledFleet();
        for (var i = 0; i < 10; i++) fleet.Pass(29, load: 20).Pass(1, load: 3);
        fleet.Changes.ShouldBeEmpty();
    }

    [Fact]
    public void It_goes_straight_to_the_needed_count()
    {
        var fleet = new ScaledFleet().Pass(30, load: 57);
        fleet.Changes.ShouldHaveSingleItem().Desired.ShouldBe(8); // 57 / 8 = 7.1
    }

    [Fact]
    public void What_lasted_is_the_lowest_load_of_the_window()
    {
        var fleet = new ScaledFleet().Pass(15, load: 80).Pass(14, load: 17).Pass(1, load: 80);
        fleet.Desired.ShouldBe(3); // 17 / 8 = 2.1
    }

    [Fact]
    public void An_up_window_of_zero_looks_at_the_last_second()
    {
        var fleet = new ScaledFleet(ScalingPolicy.Default with { UpWindow = TimeSpan.Zero }).Pass(60, load: 1).Pass(1, load: 20);
        fleet.Desired.ShouldBe(3);
    }

    [Fact]
    public void Starting_replicas_count_as_coming_capacity()
    {
        var fleet = new ScaledFleet { BootSeconds = 300 }.Pass(30, load: 20).Pass(299, load: 20);
        (fleet.Desired, fleet.Ordered, fleet.Last.Facts.Starting).ShouldBe((3, 2, 2));
    }

    [Fact]
    public void Replicas_go_when_load_was_lower_for_the_whole_down_window()
    {
        var fleet = new ScaledFleet { Desired = 5 }.Pass(600, load: 39).Pass(599, load: 10);
        fleet.Desired.ShouldBe(5);
        fleet.Pass(1, load: 10);
        (fleet.Desired, fleet.Last.Cause).ShouldBe((2, ScalingCause.LoadFell));
    }

    [Fact]
    public void One_high_second_within_the_down_window_keeps_the_replicas()
    {
        var fleet = new ScaledFleet { Desired = 5 }.Pass(600, load: 39);
        for (var i = 0; i < 5; i++) fleet.Pass(598, load: 10).Pass(1, load: 39);
        fleet.Changes.ShouldBeEmpty();
    }

    [Fact]
    public void Load_of_this_moment_keeps_replicas_though_its_second_is_not_over()
    {
        var fleet = new ScaledFleet { Desired = 5 }.Pass(599, load: 10);
        fleet.Window.Add(fleet.Window.LastSecond!.Value + 1, LoadBucket.Steady(10));
        fleet.Decide(load: 39).Desired.ShouldBe(5);
        fleet.Decide(load: 10).Desired.ShouldBe(2);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(8, 1)]
    [InlineData(9, 2)]
    [InlineData(40, 5)]
    [InlineData(1000, 10)] // the maximum
    public void From_zero_it_goes_at_once_and_straight_to_what_the_held_requests_need(int held, int expected)
    {
        var fleet = new ScaledFleet { Desired = 0 }.Pass(60, load: 0);
        var woken = fleet.Decide(queued: held);
        (woken.Desired, woken.Cause).ShouldBe((expected, ScalingCause.Woke));
    }

    [Fact]
    public void From_zero_it_goes_though_no_load_was_ever_seen()
    {
        new ScaledFleet { Desired = 0 }.Decide(queued: 1).Desired.ShouldBe(1);
        new ScaledFleet { Desired = 0 }.Pass(1, load: 0).Miss(1000).Decide(queued: 1).Desired.ShouldBe(1);
    }

    [Fact]
    public void Before_a_replica_ever_told_what_it_runs_at_once_a_wake_starts_one() =>
        new ScaledFleet { Desired = 0, Sequences = null }.Decide(queued: 500).Desired.ShouldBe(1);

    [Fact]
    public void A_stream_that_still_drains_at_zero_wakes_nothing() =>
        new ScaledFleet { Desired = 0 }.Pass(60, load: 3).Desired.ShouldBe(0);

    [Theory]
    [InlineData(3599, 1)]
    [InlineData(3600, 0)]
    public void An_idle_deployment_goes_to_zero_after_the_scale_to_zero_window(int idleSeconds, int expected)
    {
        var fleet = new ScaledFleet().Pass(10, load: 3).Pass(idleSeconds, load: 0);
        fleet.Desired.ShouldBe(expected);
    }

    [Fact]
    public void Zero_comes_straight_from_any_count()
    {
        var policy = ScalingPolicy.Default with { DownWindow = TimeSpan.FromHours(1), ToZeroWindow = TimeSpan.FromMinutes(5) };
        var fleet = new ScaledFleet(policy) { Desired = 6 }.Pass(10, load: 40).Pass(300, load: 0);
        fleet.Changes.ShouldHaveSingleItem().ShouldSatisfyAllConditions(
            change => change.Desired.ShouldBe(0), change => change.Cause.ShouldBe(ScalingCause.Idle));
    }

    [Fact]
    public void The_down_window_leaves_the_last_replica_to_the_scale_to_zero_window()
    {
        var fleet = new ScaledFleet { Desired = 4 }.Pass(10, load: 30).Pass(3_000, load: 0);
        fleet.Desired.ShouldBe(1);
    }

    [Fact]
    public void The_scale_to_zero_window_is_ignored_when_the_minimum_is_above_zero()
    {
        var fleet = new ScaledFleet { Min = 1 }.Pass(10_000, load: 0);
        fleet.Changes.ShouldBeEmpty();

        // Also one that is shorter than the down window, which is allowed where it is ignored: it takes nothing to the minimum.
        var quick = new ScaledFleet(ScalingPolicy.Default with { ToZeroWindow = TimeSpan.FromSeconds(1) }) { Min = 1, Desired = 3 };
        quick.Pass(600, load: 20).Pass(599, load: 0).Desired.ShouldBe(3);
        quick.Pass(1, load: 0).Desired.ShouldBe(1);
    }

    [Fact]
    public void A_request_within_an_idle_second_starts_the_idle_time_anew()
    {
        var fleet = new ScaledFleet().Pass(3_500, load: 0).Pass(1, load: 0, new LoadBucket(0, 0, 0, Requests: 1)).Pass(3_599, load: 0);
        fleet.Desired.ShouldBe(1);
        fleet.Pass(1, load: 0).Desired.ShouldBe(0);
    }

    [Fact]
    public void A_request_that_is_there_right_now_keeps_it_from_zero()
    {
        var fleet = new ScaledFleet().Pass(3_599, load: 0);
        fleet.Window.Add(fleet.Window.LastSecond!.Value + 1, LoadBucket.Steady(0));
        fleet.Decide(queued: 1).Desired.ShouldBe(1);
    }

    [Fact]
    public void A_slow_starter_is_not_given_up_before_it_was_ever_ready()
    {
        var policy = ScalingPolicy.Default with { ToZeroWindow = TimeSpan.FromMinutes(5) };
        var fleet = new ScaledFleet(policy) { Desired = 0, BootSeconds = 1_000 }.Pass(400, load: 0);
        fleet.Decide(queued: 1).Desired.ShouldBe(1);
        fleet.Pass(990, load: 0).Desired.ShouldBe(1); // the one who asked went away
        fleet.Pass(20, load: 0).Desired.ShouldBe(0);
    }

    [Fact]
    public void The_idle_clocks_start_when_it_is_ready_for_the_first_time()
    {
        var policy = ScalingPolicy.Default with { ToZeroWindow = TimeSpan.FromMinutes(5) };
        var fleet = new ScaledFleet(policy) { EverReady = false, Desired = null };
        fleet.Decide().Cause.ShouldBe(ScalingCause.Created);
        fleet.Pass(1_000, load: 0).Desired.ShouldBe(1);
        fleet.EverReady = true;
        fleet.Pass(299, load: 0).Desired.ShouldBe(1);
        fleet.Pass(1, load: 0).Desired.ShouldBe(0);
    }

    [Theory]
    [InlineData(0, 5, 1)]
    [InlineData(2, 5, 2)]
    [InlineData(0, 0, 0)]
    public void A_new_deployment_begins_with_the_minimum_and_one_at_least(int min, int max, int expected) =>
        new ScaledFleet { Desired = null, Min = min, Max = max }.Decide(queued: 100).Desired.ShouldBe(expected);

    [Fact]
    public void The_bounds_hold_at_once()
    {
        var fleet = new ScaledFleet { Desired = 5 }.Pass(1, load: 40);
        fleet.Max = 3;
        fleet.Decide(load: 40).ShouldSatisfyAllConditions(
            decision => decision.Desired.ShouldBe(3), decision => decision.Cause.ShouldBe(ScalingCause.Bounds));
        (fleet.Min, fleet.Max) = (7, 9);
        fleet.Decide().Desired.ShouldBe(7);
        (fleet.Min, fleet.Max) = (0, 0);
        fleet.Decide(queued: 5).ShouldSatisfyAllConditions(
            decision => decision.Desired.ShouldBe(0), decision => decision.Cause.ShouldBe(ScalingCause.Parked));
    }

    [Fact]
    public void A_minimum_that_becomes_zero_under_traffic_does_not_drop_to_zero()
    {
        var fleet = new ScaledFleet { Min = 2, Desired = 2 }.Pass(3_600, load: 1);
        fleet.Min = 0;
        fleet.Pass(600, load: 1).Desired.ShouldBe(1);
        fleet.Changes.ShouldNotContain(change => change.Desired == 0);
    }

    [Fact]
    public void Load_above_the_maximum_is_said_and_changes_nothing()
    {
        var fleet = new ScaledFleet { Max = 2, Desired = 2 }.Pass(30, load: 50);
        (fleet.Last.Desired, fleet.Last.Cause).ShouldBe((2, ScalingCause.AtMaximum));
        fleet.Last.Reason.ShouldContain("need 7 replicas, and the maximum is 2");
    }

    [Fact]
    public void A_count_set_by_hand_holds_within_the_bounds_and_both_windows_begin_anew()
    {
        var fleet = new ScaledFleet { Max = 6 }.Pass(1_000, load: 10);
        fleet.Decide(load: 10, byHand: 5).ShouldSatisfyAllConditions(
            decision => decision.Desired.ShouldBe(5), decision => decision.Cause.ShouldBe(ScalingCause.ByHand));
        fleet.Pass(599, load: 10).Desired.ShouldBe(5);
        fleet.Pass(1, load: 10).Desired.ShouldBe(2); // an input, not a blindfold
        fleet.Decide(load: 30, byHand: 1);
        fleet.Pass(29, load: 30).Desired.ShouldBe(1);
        fleet.Pass(1, load: 30).Desired.ShouldBe(4);
        fleet.Decide(byHand: 50).Desired.ShouldBe(6);
    }

    [Fact]
    public void An_idle_deployment_that_is_scaled_by_hand_keeps_its_replicas_for_the_window()
    {
        var fleet = new ScaledFleet { Desired = 0 }.Pass(10_000, load: 0);
        fleet.Decide(byHand: 2).Desired.ShouldBe(2);
        fleet.Pass(599, load: 0).Desired.ShouldBe(2);
        fleet.Pass(3_000, load: 0).Desired.ShouldBe(1);
        fleet.Pass(1, load: 0).Desired.ShouldBe(0);
    }

    [Fact]
    public void Scaled_to_zero_by_hand_it_sleeps_until_a_request_is_held()
    {
        var fleet = new ScaledFleet().Pass(100, load: 6);
        fleet.Decide(load: 6, byHand: 0).Desired.ShouldBe(0);
        fleet.Pass(100, load: 6).Desired.ShouldBe(0); // what drains
        fleet.Decide(queued: 1).Desired.ShouldBe(1);
    }

    [Fact]
    public void Without_fresh_data_every_count_stays()
    {
        var fleet = new ScaledFleet { Desired = 4 }.Pass(3_700, load: 1).Pass(29, load: 90);
        fleet.Desired.ShouldBe(1);
        fleet.Miss(6);
        (fleet.Decide().Desired, fleet.Last.Cause).ShouldBe((1, ScalingCause.MissingData));
    }

    [Fact]
    public void A_gap_breaks_what_lasted()
    {
        var fleet = new ScaledFleet().Pass(29, load: 20).Miss(1).Pass(29, load: 20);
        fleet.Desired.ShouldBe(1);
        fleet.Pass(1, load: 20).Desired.ShouldBe(3);
    }

    [Fact]
    public void A_short_gap_stretches_the_down_window_and_the_idle_time()
    {
        var fleet = new ScaledFleet { Desired = 3 }.Pass(300, load: 1).Miss(60).Pass(299, load: 1);
        fleet.Desired.ShouldBe(3);
        fleet.Pass(1, load: 1).Desired.ShouldBe(1);

        var idle = new ScaledFleet().Pass(1_800, load: 0).Miss(60).Pass(1_799, load: 0);
        idle.Desired.ShouldBe(1);
        idle.Pass(1, load: 0).Desired.ShouldBe(0);
    }

    [Fact]
    public void After_a_long_gap_all_windows_begin_anew()
    {
        var fleet = new ScaledFleet { Desired = 3 }.Pass(599, load: 1).Miss(61).Pass(599, load: 1);
        fleet.Desired.ShouldBe(3);
        fleet.Pass(1, load: 1).Desired.ShouldBe(1);

        var idle = new ScaledFleet().Pass(3_599, load: 0).Miss(61).Pass(3_599, load: 0);
        idle.Desired.ShouldBe(1);
        idle.Pass(1, load: 0).Desired.ShouldBe(0);
    }

    [Fact]
    public void The_windows_survive_a_restart()
    {
        var fleet = new ScaledFleet { Desired = 3 }.Pass(500, load: 20).Pass(590, load: 1).Restart(seconds: 20).Pass(9, load: 1);
        fleet.Desired.ShouldBe(3);
        fleet.Pass(1, load: 1).Desired.ShouldBe(1);

        var high = new ScaledFleet { Desired = 3 }.Pass(1, load: 20).Pass(500, load: 1).Restart(seconds: 20).Pass(99, load: 1);
        high.Desired.ShouldBe(3); // an empty window is not an idle one
        high.Pass(1, load: 1).Desired.ShouldBe(1);
    }

    [Fact]
    public void Without_knowing_what_a_replica_runs_at_once_none_is_taken_away()
    {
        var fleet = new ScaledFleet { Desired = 3, Sequences = null }.Pass(2_000, load: 2);
        fleet.Desired.ShouldBe(3);
        fleet.Targets = LoadTargets.From(new Dictionary<string, double> { ["concurrent_requests"] = 4 });
        fleet.Pass(1, load: 2).Desired.ShouldBe(1);
    }

    [Fact]
    public void The_largest_answer_of_several_targets_wins()
    {
        var fleet = new ScaledFleet
        {
            Targets = LoadTargets.From(new Dictionary<string, double> { ["concurrent_requests"] = 4, ["requests_per_second"] = 2, ["prompt_tokens_per_second"] = 1_000 }),
        };
        fleet.Pass(30, load: 9, new LoadBucket(0, 0, 0, Requests: 9, PromptTokens: 3_500));
        fleet.Desired.ShouldBe(5); // 9/4 = 3, 9/2 = 5, 3500/1000 = 4
        fleet.Last.Reason.ShouldBe("for 30s 9 requests/s at 2 a replica need 5 replicas: from 1 to 5");
    }

    [Fact]
    public void A_rate_is_a_mean_over_the_up_window_and_goes_down_on_the_highest_such_mean()
    {
        var fleet = new ScaledFleet { Targets = LoadTargets.From(new Dictionary<string, double> { ["tokens_generated_per_second"] = 100 }) };
        // An answer of 9,000 tokens ends every half minute: 300 a second, though most seconds have none.
        for (var i = 0; i < 3; i++) fleet.Pass(29, load: 1).Pass(1, load: 1, new LoadBucket(0, 0, 0, GeneratedTokens: 9_000));
        fleet.Desired.ShouldBe(3);
        fleet.Pass(29 + 599, load: 1).Desired.ShouldBe(3);
        fleet.Pass(1, load: 1).Desired.ShouldBe(1);
    }

    [Fact]
    public void The_wall_clock_decides_nothing()
    {
        var fleet = new ScaledFleet { Desired = 3 }.Pass(1_000, load: 10);
        var input = new ScalingInput
        {
            Policy = fleet.Policy,
            Min = 0,
            Max = 9,
            Targets = fleet.Targets,
            Window = fleet.Window,
            Desired = 3,
            Ready = 3,
            SequencesPerReplica = 10,
            Now = ScaledFleet.Noon,
        };
        var counts = new[] { -1, 0, 1 }.Select(hours => Autoscaler.Count(input with { Now = ScaledFleet.Noon.AddHours(hours) }));
        counts.Distinct().ShouldBe([2]);
    }

    [Fact]
    public void A_mode_without_a_rule_is_refused_and_never_taken_for_another() =>
        Should.Throw<NotSupportedException>(() => new ScaledFleet(ScalingPolicy.Default with { Mode = (ScalingMode)99 }).Pass(1, load: 1));

    [Fact]
    public void Reasons_say_the_numbers_that_decided()
    {
        new ScaledFleet().Pass(30, load: 20).Last.Reason.ShouldBe("for 30s 20 concurrent requests at 8 a replica need 3 replicas: from 1 to 3");
        new ScaledFleet { Max = 2 }.Pass(30, load: 20).Last.Reason.ShouldEndWith("from 1 to 2, the maximum is 2");
        new ScaledFleet { Desired = 3 }.Pass(600, load: 9).Last.Reason.ShouldBe("at most, in 10m0s, 9 concurrent requests at 8 a replica need 2 replicas: from 3 to 2");
        new ScaledFleet { Desired = 2 }.Pass(600, load: 9).Last.Reason.ShouldEndWith("need 2 replicas: stays at 2");
        new ScaledFleet().Pass(3_600, load: 0).Last.Reason.ShouldBe("no request for 1h0m0s, the scale-to-zero window is 1h0m0s: from 1 to 0");
        new ScaledFleet { Desired = 0 }.Decide(queued: 3).Reason.ShouldBe("3 requests held at zero: 3 concurrent requests at 8 a replica need 1 replica: from 0 to 1");
        new ScaledFleet { Desired = 0 }.Decide().Reason.ShouldBe("at zero, and no request is held");
        new ScaledFleet().Decide(byHand: 2).Reason.ShouldBe("set to 2 by hand");
        new ScaledFleet { Max = 1 }.Decide(byHand: 2).Reason.ShouldBe("set to 2 by hand, and the bounds are 0 to 1: 1");
        new ScaledFleet { Desired = 2 }.Pass(5, load: 1).Last.Reason.ShouldBe("5s of the down window of 10m0s are known: stays at 2");
        new ScaledFleet { Desired = null }.Decide().Reason.ShouldBe("begins with 1 replica");
        new ScaledFleet { Min = 2 }.Decide().Reason.ShouldBe("the bounds are 2 to 10: from 1 to 2");
        new ScaledFleet().Pass(1, load: 0).Miss(9).Decide().Reason.ShouldBe("the load of the last 9s is not known: stays at 1");
        new ScaledFleet { Max = 0 }.Decide().Reason.ShouldBe("the maximum is 0: parked");
    }

    [Fact]
    public void It_says_when_idle_time_alone_will_take_the_last_replica()
    {
        new ScaledFleet().Pass(600, load: 0).Last.LookAgainAfter.ShouldBe(TimeSpan.FromMinutes(50));
        new ScaledFleet().Pass(600, load: 1).Last.LookAgainAfter.ShouldBeNull();
        new ScaledFleet { Min = 1 }.Pass(600, load: 0).Last.LookAgainAfter.ShouldBeNull();
    }
}
