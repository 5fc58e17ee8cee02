using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Autoscaling;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Replicas;

namespace Stoker.ControlPlane.Tests.Deployments;

/// <summary>
/// Deployments under load: real store, reconciler and windows, fake replicas of 8 sequences, the gateway's counters in
/// the hand of the test.
/// </summary>
public sealed class ScaledDeploymentTests : IAsyncDisposable
{
    private readonly DeploymentWorld _world = new(slots: 8);

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task It_grows_with_lasting_load_and_shrinks_when_the_load_is_gone()
    {
        await ReadyAsync(max: 4);
        Begin(20); // 20 / 6.4 = 3.1
        await PassAsync(40);
        _world.Routed("d").Count.ShouldBe(4);
        var grown = await _world.GetAsync("d");
        (grown.Status.State, grown.Status.DesiredReplicas, grown.Status.SequencesPerReplica).ShouldBe((DeploymentState.Ready, 4, 8));

        End(18);
        await PassAsync(590);
        _world.Routed("d").Count.ShouldBe(4);
        await PassAsync(20);
        _world.Routed("d").Count.ShouldBe(1);
        CausesOf("d").ShouldBe([ScalingCause.LoadFell, ScalingCause.LoadLasted, ScalingCause.Created]);
    }

    [Fact]
    public async Task Idle_it_goes_to_zero_and_a_held_request_brings_it_back_once()
    {
        await ReadyAsync(max: 4);
        await PassAsync(3_610);
        _world.Runtime.Running.ShouldBeEmpty();
        var asleep = await _world.GetAsync("d");
        (asleep.Status.State, asleep.ToResource().DesiredReplicaCount).ShouldBe((DeploymentState.Ready, 0));

        var starts = _world.Runtime.Starts;
        for (var i = 0; i < 5; i++) _world.Load("d").Held();
        await _world.SettleAsync();
        _world.Runtime.Running.Count().ShouldBe(1);
        await PassAsync(5);
        (_world.Routed("d").Count, _world.Runtime.Starts).ShouldBe((1, starts + 1));
        CausesOf("d").Take(2).ShouldBe([ScalingCause.Woke, ScalingCause.Idle]);
    }

    [Fact]
    public async Task Many_held_requests_wake_as_many_replicas_as_they_need_at_once()
    {
        await ReadyAsync(max: 8);
        await PassAsync(3_610);
        for (var i = 0; i < 30; i++) _world.Load("d").Held();
        await _world.SettleAsync();
        _world.Runtime.Running.Count().ShouldBe(5); // 30 / 6.4 = 4.7; the sequences are known from before
    }

    [Fact]
    public async Task Starting_replicas_are_stopped_before_ready_ones()
    {
        await ReadyAsync(max: 4);
        var ready = _world.Routed("d").Single().Id;
        _world.Runtime.Boot = TimeSpan.FromHours(1);
        Begin(20);
        await PassAsync(40);
        _world.Runtime.Running.Count().ShouldBe(4);
        End(19);
        await PassAsync(630);
        _world.Runtime.Running.Single().Id.ShouldBe(ready);
    }

    [Fact]
    public async Task Scaling_by_hand_is_where_the_autoscaler_goes_on_from()
    {
        await ReadyAsync(max: 4);
        (await _world.ScaleAsync("d", 3)).Problem.ShouldBeNull();
        await PassAsync(5);
        _world.Routed("d").Count.ShouldBe(3);
        await PassAsync(580);
        _world.Routed("d").Count.ShouldBe(3);
        await PassAsync(30);
        _world.Routed("d").Count.ShouldBe(1);
        CausesOf("d").ShouldBe([ScalingCause.LoadFell, ScalingCause.ByHand, ScalingCause.Created]);
        (await _world.ScaleAsync("d", 5)).Problem.ShouldNotBeNull().Message.ShouldContain("from 0 to 4");
    }

    [Fact]
    public async Task The_same_count_by_hand_again_is_a_new_wish()
    {
        await ReadyAsync(max: 4);
        await _world.ScaleAsync("d", 3);
        await PassAsync(620);
        _world.Routed("d").Count.ShouldBe(1);
        await _world.ScaleAsync("d", 3);
        await PassAsync(5);
        _world.Routed("d").Count.ShouldBe(3);
    }

    [Fact]
    public async Task A_count_by_hand_that_nobody_took_up_yet_is_not_lost_to_other_bounds()
    {
        await ReadyAsync(max: 4);
        await _world.ScaleAsync("d", 4); // acknowledged; the server is killed before it looks
        await _world.UpdateAsync("d", new() { MaxReplicaCount = 3 });
        await PassAsync(5);
        _world.Routed("d").Count.ShouldBe(3);

        await _world.UpdateAsync("d", new() { MaxReplicaCount = 4 }); // taken up: it is not taken up again
        await PassAsync(5);
        _world.Routed("d").Count.ShouldBe(3);
    }

    [Fact]
    public async Task Scaled_before_it_was_looked_at_it_begins_with_that_count()
    {
        await _world.AddModelAsync();
        (await _world.TryCreateAsync("d", new() { BaseModel = "story-3m", MaxReplicaCount = 4 })).Problem.ShouldBeNull();
        await _world.ScaleAsync("d", 3);
        await PassAsync(5);
        _world.Routed("d").Count.ShouldBe(3);
        await _world.ScaleAsync("d", 0);
        await PassAsync(5);
        _world.Runtime.Running.ShouldBeEmpty();
        (await _world.GetAsync("d")).Status.State.ShouldBe(DeploymentState.Ready);
    }

    [Fact]
    public async Task Bounds_hold_at_once_and_also_in_the_middle_of_an_update()
    {
        await ReadyAsync(max: 4);
        Begin(40);
        await PassAsync(40);
        await _world.UpdateAsync("d", new() { MaxContextLength = 64 });
        await _world.UpdateAsync("d", new() { MaxReplicaCount = 2 });
        (await _world.GetAsync("d")).Status.DesiredReplicas.ShouldBe(2);
        for (var second = 0; second < 60; second++)
        {
            await PassAsync(1);
            _world.Routed("d").Count.ShouldBeInRange(1, 3); // one more while the update surges
        }

        _world.Routed("d").Count.ShouldBe(2);
        _world.Runtime.Running.ShouldAllBe(spec => spec.ContextLength == 64);
        await _world.UpdateAsync("d", new() { MinReplicaCount = 3, MaxReplicaCount = 3 });
        await PassAsync(5);
        _world.Routed("d").Count.ShouldBe(3);
    }

    [Fact]
    public async Task An_update_of_a_sleeping_deployment_wakes_nothing()
    {
        await ReadyAsync(max: 1);
        await PassAsync(3_610);
        await _world.UpdateAsync("d", new() { MaxContextLength = 64, DisplayName = "new" });
        await PassAsync(5);
        _world.Runtime.Running.ShouldBeEmpty();
        (await _world.GetAsync("d")).Status.State.ShouldBe(DeploymentState.Ready);
    }

    [Fact]
    public async Task A_parked_deployment_that_gets_a_maximum_waits_for_its_first_request()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d", new() { BaseModel = "story-3m", MaxReplicaCount = 0 });
        _world.Load("d").Held();
        await PassAsync(5);
        _world.Runtime.Starts.ShouldBe(0);
        await _world.UpdateAsync("d", new() { MaxReplicaCount = 1 });
        _world.Runtime.Running.Count().ShouldBe(1);
    }

    [Fact]
    public async Task The_windows_survive_a_restart_of_the_server()
    {
        await ReadyAsync(max: 4);
        Begin(20);
        await PassAsync(40);
        End(20);
        await PassAsync(300);
        await _world.Windows.SaveAsync(TestContext.Current.CancellationToken);
        await _world.RestartServerAsync();
        _world.Time.Advance(TimeSpan.FromSeconds(30));
        await PassAsync(290);
        _world.Routed("d").Count.ShouldBe(4); // what was before counts
        await PassAsync(60);
        _world.Routed("d").Count.ShouldBe(1); // and no more than that
    }

    [Fact]
    public async Task A_restart_without_saved_windows_takes_nothing_away()
    {
        await ReadyAsync(max: 4);
        Begin(20);
        await PassAsync(40);
        await _world.RestartServerAsync();
        await PassAsync(590);
        _world.Routed("d").Count.ShouldBe(4);
    }

    [Fact]
    public async Task What_belongs_to_a_deployment_goes_with_it()
    {
        await ReadyAsync(max: 4);
        await _world.Windows.SaveAsync(TestContext.Current.CancellationToken);
        _world.Scalings.ReadWindows().Windows.ShouldNotBeEmpty();
        await _world.DeleteAsync("d", hard: true);
        await PassAsync(5);
        (await _world.FindAsync("d")).ShouldBeNull();
        _world.Scalings.ReadWindows().Windows.ShouldBeEmpty();
        _world.Decisions.Read(DeploymentWorld.Name("d"), 10).ShouldBeEmpty();
        _world.Board.All.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_deployment_that_was_brought_back_begins_as_a_new_one()
    {
        await ReadyAsync(max: 4);
        await PassAsync(3_610);
        await _world.DeleteAsync("d", hard: false);
        await PassAsync(5);
        await _world.UndeleteAsync("d");
        await PassAsync(5);
        _world.Routed("d").Count.ShouldBe(1);
        await PassAsync(1_000);
        _world.Routed("d").Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_create_that_never_comes_up_is_not_taken_for_idle()
    {
        await _world.AddModelAsync();
        _world.Runtime.Boot = TimeSpan.FromHours(3);
        await _world.CreateAsync("d");
        await PassAsync(4_000);
        (await _world.GetAsync("d")).Status.State.ShouldBe(DeploymentState.Creating);
        _world.Runtime.Running.Count().ShouldBe(1);
    }

    [Fact]
    public async Task Load_above_the_maximum_is_one_entry_however_long_it_lasts()
    {
        await ReadyAsync(max: 2);
        Begin(100);
        await PassAsync(300);
        var log = _world.Decisions.Read(DeploymentWorld.Name("d"), 100);
        log.Count(decision => decision.Cause == ScalingCause.AtMaximum).ShouldBe(1);
    }

    [Fact]
    public async Task A_mode_that_there_is_not_is_refused_with_those_that_there_are()
    {
        await _world.AddModelAsync();
        var asked = new DeploymentResource { BaseModel = "story-3m", AutoscalingPolicy = new() { AutoscalingMode = "magic" } };
        (await _world.TryCreateAsync("d", asked)).Problem.ShouldNotBeNull().Message.ShouldContain("must be one of WINDOWS, AUTO, was 'magic'");
        var windows = asked with { AutoscalingPolicy = new() { AutoscalingMode = "WINDOWS" } };
        (await _world.TryCreateAsync("d", windows)).Value.ToResource().AutoscalingPolicy.ShouldNotBeNull().AutoscalingMode.ShouldBeNull();
    }

    [Fact]
    public async Task Under_auto_it_follows_a_jump_at_once_and_goes_down_after_its_own_time()
    {
        await ReadyAsync(max: 4, new() { AutoscalingMode = "AUTO" });
        Begin(24); // 24 / 8 = 3, whichever of its means is looked at first
        await PassAsync(15);
        _world.Routed("d").Count.ShouldBe(3);
        _world.Decisions.Read(DeploymentWorld.Name("d"), 1).Single().Reason.ShouldStartWith("a jump: for 5s ");
        End(16);
        await PassAsync(290);
        _world.Routed("d").Count.ShouldBe(3);
        await PassAsync(20);
        _world.Routed("d").Count.ShouldBe(1);
        CausesOf("d").Distinct().ShouldBe([ScalingCause.LoadFell, ScalingCause.LoadJumped, ScalingCause.Created]);
    }

    [Fact]
    public async Task Under_auto_it_goes_to_zero_as_the_scale_to_zero_window_says_and_comes_back()
    {
        await ReadyAsync(max: 4, new() { AutoscalingMode = "AUTO", ScaleToZeroWindow = "300s" });
        await PassAsync(310);
        _world.Runtime.Running.ShouldBeEmpty();
        _world.Load("d").Held();
        await _world.SettleAsync();
        _world.Runtime.Running.Count().ShouldBe(1);
    }

    [Fact]
    public async Task Under_auto_the_load_survives_a_restart_of_the_server()
    {
        await ReadyAsync(max: 4, new() { AutoscalingMode = "AUTO" });
        Begin(20);
        await PassAsync(40);
        End(12); // a wave, no burst: five minutes
        await PassAsync(200);
        await _world.Windows.SaveAsync(TestContext.Current.CancellationToken);
        await _world.RestartServerAsync();
        _world.Time.Advance(TimeSpan.FromSeconds(30));
        await PassAsync(90);
        _world.Routed("d").Count.ShouldBe(3); // what was before counts
        await PassAsync(30);
        _world.Routed("d").Count.ShouldBe(1); // and no more than that
    }

    [Theory]
    [InlineData("30s", null, "scale_up_window")]
    [InlineData(null, "600s", "scale_down_window")]
    public async Task A_window_that_auto_would_ignore_is_refused_by_name(string? up, string? down, string field)
    {
        await _world.AddModelAsync();
        var policy = new AutoscalingPolicyResource { AutoscalingMode = "AUTO", ScaleUpWindow = up, ScaleDownWindow = down };
        var problem = (await _world.TryCreateAsync("d", new() { BaseModel = "story-3m", AutoscalingPolicy = policy })).Problem.ShouldNotBeNull();
        (problem.Code, problem.Violations.Single().Field).ShouldBe((Code.InvalidArgument, $"autoscaling_policy.{field}"));
        problem.Message.ShouldContain("leave it out, or choose the mode WINDOWS");
    }

    [Fact]
    public async Task The_mode_changes_in_place_and_leaves_the_windows_of_before_behind()
    {
        await ReadyAsync(max: 4, new() { ScaleUpWindow = "10s", ScaleToZeroWindow = "1200s" });
        var starts = _world.Runtime.Starts;
        await _world.UpdateAsync("d", new() { AutoscalingPolicy = new() { AutoscalingMode = "AUTO" } }, "autoscaling_policy.autoscaling_mode");
        (await _world.GetAsync("d")).ToResource().AutoscalingPolicy.ShouldBe(new() { AutoscalingMode = "AUTO", ScaleToZeroWindow = "1200s" });
        Begin(24);
        await PassAsync(15);
        CausesOf("d")[0].ShouldBe(ScalingCause.LoadJumped);

        var refused = await _world.TryUpdateAsync("d", new() { AutoscalingPolicy = new() { ScaleUpWindow = "20s" } }, "autoscaling_policy.scale_up_window");
        refused.Problem.ShouldNotBeNull().Message.ShouldContain("autoscaling_policy.scale_up_window has no effect");
        await _world.UpdateAsync("d", new() { AutoscalingPolicy = new() { AutoscalingMode = "WINDOWS" } }, "autoscaling_policy.autoscaling_mode");
        (await _world.GetAsync("d")).Spec.Scaling.ShouldBe(ScalingPolicy.Default with { ToZeroWindow = TimeSpan.FromMinutes(20) });
        await PassAsync(5);
        (_world.Runtime.Starts - starts).ShouldBe(2); // what the load asked for; no replica was replaced
    }

    private List<ScalingCause> CausesOf(string id) => [.. _world.Decisions.Read(DeploymentWorld.Name(id), 200).Select(decision => decision.Cause)];

    private void Begin(int requests)
    {
        for (var i = 0; i < requests; i++) _world.Load("d").Began();
    }

    private void End(int requests)
    {
        for (var i = 0; i < requests; i++) _world.Load("d").Ended();
    }

    private Task PassAsync(int seconds) => _world.PassAsync(TimeSpan.FromSeconds(seconds), step: TimeSpan.FromSeconds(seconds > 100 ? 5 : 1));

    private async Task ReadyAsync(int max, AutoscalingPolicyResource? policy = null)
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d", new() { BaseModel = "story-3m", MaxReplicaCount = max, AutoscalingPolicy = policy });
        await PassAsync(5);
        _world.Routed("d").Count.ShouldBe(1);
        (await _world.GetAsync("d")).Status.Replicas.Single().State.ShouldBe(ReplicaState.Ready);
    }
}
