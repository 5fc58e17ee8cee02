using Stoker.Api.Problems;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Runtimes;

namespace Stoker.ControlPlane.Tests.Deployments;

/// <summary>Whole lives of deployments: real store and reconciler, fake replicas, a manual clock.</summary>
public sealed class DeploymentLifeTests : IAsyncDisposable
{
    private readonly DeploymentWorld _world = new();

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task A_deployment_is_creating_until_its_replica_answers_and_ready_then()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d");
        var creating = await _world.GetAsync("d");
        creating.Status.State.ShouldBe(DeploymentState.Creating);
        creating.Status.Replicas.Single().State.ShouldBe(ReplicaState.Starting);
        _world.Routed("d").ShouldBeEmpty();

        await _world.PassAsync(2);
        var ready = await _world.GetAsync("d");
        (ready.Status.State, ready.Status.Condition).ShouldBe((DeploymentState.Ready, null));
        ready.Status.FirstReadyTime.ShouldBe(_world.Time.GetUtcNow());
        _world.Routed("d").Single().Id.ShouldBe(ready.Status.Replicas.Single().Id);
    }

    [Fact]
    public async Task The_replica_gets_what_the_deployment_asked_for()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d", new() { BaseModel = "story-3m", AcceleratorCount = 2, MaxContextLength = 100 });
        var spec = _world.Runtime.Running.Single();
        (spec.ModelFolder, spec.ServedModelName, spec.ContextLength).ShouldBe(("/models/story-3m", "accounts/fireworks/models/story-3m", 100));
        spec.Slots.ShouldBe([0, 1]);
        spec.MemoryBytes.ShouldBe(2L << 30);
        spec.Deployment.ShouldBe("accounts/acme/deployments/d");
    }

    [Fact]
    public async Task A_parked_deployment_is_ready_with_nothing_running()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d", new() { BaseModel = "story-3m", MaxReplicaCount = 0 });
        (await _world.GetAsync("d")).Status.State.ShouldBe(DeploymentState.Ready);
        _world.Runtime.Starts.ShouldBe(0);
    }

    [Fact]
    public async Task A_killed_replica_is_replaced_at_once_while_the_deployment_stays_ready()
    {
        await ReadyAsync("d");
        var killed = _world.Routed("d").Single().Id;
        _world.Runtime.Crash(killed);
        await _world.SettleAsync();

        var status = (await _world.GetAsync("d")).Status;
        status.State.ShouldBe(DeploymentState.Ready);
        status.Condition.ShouldNotBeNull().Message.ShouldContain("was killed by signal 9");
        status.Replicas.Single().State.ShouldBe(ReplicaState.Starting); // no wait before the first retry
        _world.Routed("d").ShouldBeEmpty();

        await _world.PassAsync(2);
        _world.Routed("d").Single().Id.ShouldNotBe(killed);
        (await _world.GetAsync("d")).Status.Condition.ShouldBeNull();
    }

    [Fact]
    public async Task A_create_that_cannot_start_fails_after_five_tries_with_the_replicas_last_words()
    {
        await _world.AddModelAsync();
        _world.Runtime.StartFailure = "model.safetensors: tensor lm_head is cut off";
        await _world.CreateAsync("d");
        await _world.PassAsync(30);

        var failed = await _world.GetAsync("d");
        failed.Status.State.ShouldBe(DeploymentState.Failed);
        failed.Status.Condition.ShouldNotBeNull().Message.ShouldContain("model.safetensors: tensor lm_head is cut off. (try 5 of 5)");
        _world.Runtime.Starts.ShouldBe(5);
        await _world.PassAsync(TimeSpan.FromMinutes(10), step: TimeSpan.FromSeconds(30));
        _world.Runtime.Starts.ShouldBe(5);
        _world.Runtime.Running.ShouldBeEmpty();
    }

    [Fact]
    public async Task The_tries_of_a_create_wait_longer_each_time()
    {
        await _world.AddModelAsync();
        _world.Runtime.StartFailure = "no";
        await _world.CreateAsync("d");
        var startTimes = new List<double>();
        for (var tenth = 0; tenth < 200 && _world.Runtime.Starts < 5; tenth++)
        {
            var before = _world.Runtime.Starts;
            await _world.PassAsync(TimeSpan.FromMilliseconds(100), step: TimeSpan.FromMilliseconds(100));
            if (_world.Runtime.Starts > before) startTimes.Add(tenth / 10.0);
        }

        // A start fails after one second; between tries: 0, 1, 2, 4 s with a fifth of jitter.
        var waits = startTimes.Prepend(0).Zip(startTimes, (earlier, later) => later - earlier - 1).ToList();
        waits.Count.ShouldBe(4);
        waits[0].ShouldBeInRange(-0.2, 0.2);
        waits[1].ShouldBeInRange(0.6, 1.4);
        waits[2].ShouldBeInRange(1.4, 2.6);
        waits[3].ShouldBeInRange(3.0, 5.0);
    }

    [Fact]
    public async Task An_update_of_a_failed_create_tries_again()
    {
        await _world.AddModelAsync();
        _world.Runtime.StartFailure = "no";
        await _world.CreateAsync("d");
        await _world.PassAsync(30);
        _world.Runtime.StartFailure = null;
        await _world.UpdateAsync("d", new() { DisplayName = "again" });
        (await _world.GetAsync("d")).Status.State.ShouldBe(DeploymentState.Creating);
        await _world.PassAsync(3);
        (await _world.GetAsync("d")).Status.State.ShouldBe(DeploymentState.Ready);
    }

    [Fact]
    public async Task A_ready_deployment_never_gives_up_its_replica()
    {
        await ReadyAsync("d");
        _world.Runtime.StartFailure = "no";
        _world.Runtime.Crash(_world.Routed("d").Single().Id);
        await _world.PassAsync(TimeSpan.FromMinutes(20), step: TimeSpan.FromSeconds(5));
        _world.Runtime.Starts.ShouldBeGreaterThan(10);
        (await _world.GetAsync("d")).Status.State.ShouldBe(DeploymentState.Ready);

        _world.Runtime.StartFailure = null;
        await _world.PassAsync(TimeSpan.FromMinutes(2), step: TimeSpan.FromSeconds(1));
        _world.Routed("d").Count.ShouldBe(1);
        (await _world.GetAsync("d")).Status.Failures.ShouldBeNull(); // it stayed ready for long enough
    }

    [Fact]
    public async Task A_change_that_replicas_do_not_see_replaces_none()
    {
        await ReadyAsync("d");
        await _world.UpdateAsync("d", new() { DisplayName = "new", AutoscalingPolicy = new() { ScaleToZeroWindow = "600s" } });
        var deployment = await _world.GetAsync("d");
        (deployment.Status.State, deployment.Spec.DisplayName).ShouldBe((DeploymentState.Ready, "new"));
        _world.Runtime.Starts.ShouldBe(1);
    }

    [Fact]
    public async Task An_update_serves_on_until_the_new_replica_is_ready()
    {
        await ReadyAsync("d");
        var old = _world.Routed("d").Single().Id;
        await _world.UpdateAsync("d", new() { MaxContextLength = 64 });
        (await _world.GetAsync("d")).Status.State.ShouldBe(DeploymentState.Updating);
        for (var half = 0; half < 10; half++)
        {
            _world.Routed("d").Count.ShouldBe(1);
            await _world.PassAsync(0.5);
        }

        _world.Routed("d").Single().Id.ShouldNotBe(old);
        _world.Runtime.Running.Single().ContextLength.ShouldBe(64);
        (await _world.GetAsync("d")).Status.State.ShouldBe(DeploymentState.Ready);
    }

    [Fact]
    public async Task Counts_grow_and_shrink_within_the_bounds()
    {
        await ReadyAsync("d");
        await _world.UpdateAsync("d", new() { MinReplicaCount = 2, MaxReplicaCount = 2 });
        await _world.PassAsync(3);
        _world.Routed("d").Count.ShouldBe(2);
        await _world.UpdateAsync("d", new() { MinReplicaCount = 1, MaxReplicaCount = 1 });
        _world.Routed("d").Count.ShouldBe(1);
        await _world.PassAsync(3);
        _world.Runtime.Running.Count().ShouldBe(1);
    }

    [Fact]
    public async Task A_draining_replica_is_out_of_the_routing_table_before_it_is_told()
    {
        await ReadyAsync("d");
        await _world.ScaleAsync("d", 0);
        await _world.SettleAsync();
        _world.Routed("d").ShouldBeEmpty();
        _world.Runtime.Stopping.Count.ShouldBe(1);
        // it holds its slot until it is gone
        (await _world.GetAsync("d")).Status.Replicas.Single().State.ShouldBe(ReplicaState.Draining);
        await _world.PassAsync(2);
        (await _world.GetAsync("d")).Status.Replicas.ShouldBeEmpty();
    }

    [Fact]
    public async Task Scaling_to_zero_and_back_by_hand_works_within_the_bounds_only()
    {
        await ReadyAsync("d");
        (await _world.ScaleAsync("d", 0)).Problem.ShouldBeNull();
        await _world.PassAsync(3);
        _world.Runtime.Running.ShouldBeEmpty();
        (await _world.GetAsync("d")).Status.State.ShouldBe(DeploymentState.Ready);

        (await _world.ScaleAsync("d", 1)).Problem.ShouldBeNull();
        await _world.PassAsync(3);
        _world.Routed("d").Count.ShouldBe(1);
        (await _world.ScaleAsync("d", 2)).Problem.ShouldNotBeNull().Message.ShouldContain("from 0 to 1");
        (await _world.ScaleAsync("d", null)).Problem.ShouldNotBeNull().Message.ShouldContain("is required");
    }

    [Fact]
    public async Task A_deployment_waits_for_capacity_and_gets_it_when_it_is_freed()
    {
        await ReadyAsync("first", acceleratorCount: 2);
        await _world.CreateAsync("second", new() { BaseModel = "story-3m" });
        var waiting = (await _world.GetAsync("second")).Status;
        waiting.Replicas.Single().State.ShouldBe(ReplicaState.Pending);
        waiting.Condition.ShouldNotBeNull().Code.ShouldBe(Code.ResourceExhausted);

        await _world.DeleteAsync("first", hard: false);
        await _world.PassAsync(0.5);
        _world.Runtime.Running.Count().ShouldBe(1); // the slots are not free before the first one is gone
        await _world.PassAsync(4);
        (await _world.GetAsync("second")).Status.State.ShouldBe(DeploymentState.Ready);
    }

    [Fact]
    public async Task Waiting_deployments_get_capacity_in_the_order_of_their_waiting()
    {
        await ReadyAsync("first", acceleratorCount: 2);
        foreach (var id in new[] { "z-second", "a-third", "b-fourth" })
        {
            await _world.CreateAsync(id, new() { BaseModel = "story-3m" });
            await _world.PassAsync(1);
        }

        await _world.DeleteAsync("first", hard: true);
        await _world.PassAsync(5);
        (await _world.GetAsync("z-second")).Status.State.ShouldBe(DeploymentState.Ready);
        (await _world.GetAsync("a-third")).Status.State.ShouldBe(DeploymentState.Ready);
        (await _world.GetAsync("b-fourth")).Status.State.ShouldBe(DeploymentState.Creating);
    }

    [Fact]
    public async Task Deleting_during_a_create_leaves_nothing_behind()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d");
        await _world.DeleteAsync("d", hard: true);
        await _world.SettleAsync();
        (await _world.GetAsync("d")).Status.State.ShouldBe(DeploymentState.Deleting);
        await _world.PassAsync(2);
        (await _world.FindAsync("d")).ShouldBeNull();
        _world.Runtime.List().ShouldBeEmpty();
        _world.Directory.Current.Routes.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_soft_deletion_keeps_the_record_for_a_week()
    {
        await ReadyAsync("d");
        await _world.DeleteAsync("d", hard: false);
        await _world.PassAsync(2);
        var deleted = (await _world.GetAsync("d")).Status;
        deleted.State.ShouldBe(DeploymentState.Deleted);
        (deleted.PurgeTime - deleted.DeleteTime).ShouldBe(TimeSpan.FromDays(7));
        _world.Runtime.Running.ShouldBeEmpty();

        await _world.PassAsync(TimeSpan.FromDays(6.9), step: TimeSpan.FromHours(2));
        (await _world.FindAsync("d")).ShouldNotBeNull();
        await _world.PassAsync(TimeSpan.FromDays(0.2), step: TimeSpan.FromHours(2));
        (await _world.FindAsync("d")).ShouldBeNull();
    }

    [Fact]
    public async Task A_soft_deletion_can_be_taken_back()
    {
        await ReadyAsync("d");
        await _world.DeleteAsync("d", hard: false);
        await _world.PassAsync(2);
        (await _world.UndeleteAsync("d")).Problem.ShouldBeNull();
        await _world.PassAsync(3);
        var back = (await _world.GetAsync("d")).Status;
        (back.State, back.DeleteTime, back.PurgeTime).ShouldBe((DeploymentState.Ready, null, null));
        _world.Routed("d").Count.ShouldBe(1);
        (await _world.UndeleteAsync("d")).Problem.ShouldNotBeNull().Code.ShouldBe(Code.FailedPrecondition);
    }

    [Fact]
    public async Task A_restarted_server_finds_its_replicas_again_and_starts_none()
    {
        await ReadyAsync("d");
        var before = _world.Routed("d");
        await _world.RestartServerAsync();
        await _world.PassAsync(2);
        _world.Routed("d").ShouldBe(before);
        _world.Runtime.Starts.ShouldBe(1);
        (await _world.GetAsync("d")).Status.State.ShouldBe(DeploymentState.Ready);
    }

    [Fact]
    public async Task A_restarted_server_knows_all_deployments_before_it_looked_at_the_first()
    {
        await ReadyAsync("d");
        await _world.CreateAsync("e");
        _world.Directory.Publish(ReplicaSnapshot.Unknown);
        await _world.RestartServerAsync();
        _world.Directory.Current.ShouldNotBe(ReplicaSnapshot.Unknown);
        _world.Directory.Current.Routes.Keys.ShouldBe([DeploymentWorld.Name("d"), DeploymentWorld.Name("e")], ignoreOrder: true);
    }

    [Fact]
    public async Task A_replica_that_died_while_no_server_was_there_is_replaced()
    {
        await ReadyAsync("d");
        var old = _world.Routed("d").Single().Id;
        _world.Runtime.Crash(old);
        await _world.RestartServerAsync();
        await _world.PassAsync(3);
        _world.Routed("d").Single().Id.ShouldNotBe(old);
    }

    [Fact]
    public async Task Replicas_that_nobody_owns_are_stopped()
    {
        await ReadyAsync("d");
        var spec = _world.Runtime.Running.Single();
        _world.Runtime.Plant(spec with { Id = ReplicaId.Random(), Slots = [1] }); // of a deployment that knows it not
        _world.Runtime.Plant(spec with { Id = ReplicaId.Random(), Slots = [1], Deployment = "accounts/acme/deployments/gone" });
        await _world.PassAsync(3);
        _world.Runtime.Running.Single().Id.ShouldBe(spec.Id);
    }

    [Fact]
    public async Task The_slots_of_an_orphan_are_not_given_away_while_it_lives()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d");
        var spec = _world.Runtime.Running.Single();
        _world.Runtime.Plant(spec with { Id = ReplicaId.Random(), Slots = [1], Deployment = "accounts/acme/deployments/gone" });
        await _world.CreateAsync("e"); // the fake runtime refuses a slot twice
        (await _world.GetAsync("e")).Status.Replicas.Single().State.ShouldBe(ReplicaState.Pending);
        await _world.PassAsync(5);
        (await _world.GetAsync("e")).Status.State.ShouldBe(DeploymentState.Ready);
    }

    [Fact]
    public async Task A_replica_that_stops_answering_is_replaced()
    {
        await ReadyAsync("d");
        var hung = _world.Routed("d").Single().Id;
        _world.Runtime.Hang(hung, TimeSpan.FromSeconds(59));
        await _world.PassAsync(1);
        _world.Routed("d").Single().Id.ShouldBe(hung);
        _world.Runtime.Hang(hung, TimeSpan.FromSeconds(60));
        await _world.PassAsync(5);
        _world.Routed("d").Single().Id.ShouldNotBe(hung);
    }

    [Fact]
    public async Task A_slow_start_is_waited_for_and_a_standing_one_is_given_up()
    {
        await _world.AddModelAsync();
        _world.Runtime.Boot = TimeSpan.FromHours(1);
        await _world.CreateAsync("d");
        var slow = _world.Runtime.Running.Single().Id;
        await _world.PassAsync(TimeSpan.FromMinutes(20), step: TimeSpan.FromMinutes(1));
        _world.Runtime.Running.Single().Id.ShouldBe(slow);
        _world.Runtime.Hang(slow, TimeSpan.FromMinutes(5));
        await _world.PassAsync(3);
        _world.Runtime.Running.ShouldNotContain(spec => spec.Id == slow);
        (await _world.GetAsync("d")).Status.Failures.ShouldNotBeNull().Message.ShouldContain("came no further");
    }

    [Fact]
    public async Task A_model_that_vanished_is_named_and_nothing_is_started()
    {
        await ReadyAsync("d");
        await _world.RemoveModelAsync();
        _world.Runtime.Crash(_world.Routed("d").Single().Id);
        await _world.PassAsync(5);
        _world.Runtime.Starts.ShouldBe(1);
        (await _world.GetAsync("d")).Status.Condition.ShouldNotBeNull().Message.ShouldContain("accounts/fireworks/models/story-3m is gone");
    }

    private async Task ReadyAsync(string id, int acceleratorCount = 1)
    {
        await _world.AddModelAsync();
        await _world.CreateAsync(id, new() { BaseModel = "story-3m", AcceleratorCount = acceleratorCount });
        await _world.PassAsync(3);
        (await _world.GetAsync(id)).Status.State.ShouldBe(DeploymentState.Ready);
        (await _world.GetAsync(id)).Status.Replicas.Single().Allotment.ShouldNotBeNull().Region.ShouldBe(Region.Local);
    }
}
