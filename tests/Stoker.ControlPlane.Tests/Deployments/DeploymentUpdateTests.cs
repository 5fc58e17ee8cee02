using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Runtimes;

namespace Stoker.ControlPlane.Tests.Deployments;

/// <summary>Updates of what runs: in place, rolling, refused, and taken back.</summary>
public sealed class DeploymentUpdateTests : IAsyncDisposable
{
    private readonly DeploymentWorld _world = new(slots: 4);

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task A_rolling_update_has_every_new_replica_ready_before_an_old_one_goes()
    {
        await ReadyAsync("d", count: 3);
        var old = _world.Routed("d").Select(replica => replica.Id).ToHashSet();
        await _world.UpdateAsync("d", new() { MaxContextLength = 64 });
        for (var half = 0; half < 30; half++)
        {
            _world.Routed("d").Count.ShouldBe(3);
            _world.Runtime.Running.Count().ShouldBeLessThanOrEqualTo(4); // one more than wanted at most
            await _world.PassAsync(0.5);
        }

        _world.Routed("d").ShouldAllBe(replica => !old.Contains(replica.Id));
        _world.Runtime.Running.ShouldAllBe(spec => spec.ContextLength == 64);
        (await _world.GetAsync("d")).Status.State.ShouldBe(DeploymentState.Ready);
    }

    [Theory]
    [InlineData(0, "firectl scale deployment d --replica-count 0")]
    [InlineData(1, "--min-replica-count 0")]
    public async Task An_update_without_room_for_one_more_replica_is_refused_with_the_way_out(int min, string way)
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d", new() { BaseModel = "story-3m", AcceleratorCount = 3, MinReplicaCount = min });
        await _world.PassAsync(3);
        var problem = (await _world.TryUpdateAsync("d", new() { MaxContextLength = 64 })).Problem.ShouldNotBeNull();
        problem.Code.ShouldBe(Code.ResourceExhausted);
        problem.Message.ShouldContain("there is no room for it: it needs 3 CPU, 1 are free; there is 4 CPU in LOCAL");
        problem.Message.ShouldContain(way);
        (await _world.GetAsync("d")).Spec.MaxContextLength.ShouldBe(0);
        _world.Runtime.Starts.ShouldBe(1);
    }

    [Fact]
    public async Task The_way_out_of_a_full_machine_works()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d", new() { BaseModel = "story-3m", AcceleratorCount = 4 });
        await _world.PassAsync(3);
        (await _world.ScaleAsync("d", 0)).Problem.ShouldBeNull();
        await _world.PassAsync(3);
        await _world.UpdateAsync("d", new() { MaxContextLength = 64 });
        (await _world.ScaleAsync("d", 1)).Problem.ShouldBeNull();
        await _world.PassAsync(3);
        _world.Runtime.Running.Single().ContextLength.ShouldBe(64);
    }

    [Fact]
    public async Task Counts_and_windows_need_no_room()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d", new() { BaseModel = "story-3m", AcceleratorCount = 4 });
        await _world.PassAsync(3);
        await _world.UpdateAsync("d", new() { AutoscalingPolicy = new() { ScaleUpWindow = "60s" }, MinReplicaCount = 1, DisplayName = "x" });
        (await _world.GetAsync("d")).Status.State.ShouldBe(DeploymentState.Ready);
    }

    [Fact]
    public async Task An_update_whose_room_was_taken_meanwhile_is_rolled_back_after_a_while()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d", new() { BaseModel = "story-3m", AcceleratorCount = 2 });
        await _world.PassAsync(3);
        var serving = _world.Routed("d").Single().Id;
        (await _world.TryUpdateAsync("d", new() { MaxContextLength = 64 })).Problem.ShouldBeNull();
        (await _world.TryCreateAsync("other", new() { BaseModel = "story-3m", AcceleratorCount = 2 })).Problem.ShouldBeNull();
        await _world.SettleOneAsync("other"); // it is looked at first
        await _world.SettleAsync();
        (await _world.GetAsync("d")).Status.Condition.ShouldNotBeNull().Code.ShouldBe(Code.ResourceExhausted);

        await _world.PassAsync(_world.Options.SurgePatience + TimeSpan.FromSeconds(1));
        var back = await _world.GetAsync("d");
        (back.Status.State, back.Spec.MaxContextLength).ShouldBe((DeploymentState.Ready, 0));
        back.Status.Condition.ShouldNotBeNull().Message.ShouldContain("there was no room for its first replica: it needs 2 CPU, 0 are free");
        _world.Routed("d").Single().Id.ShouldBe(serving);
    }

    [Fact]
    public async Task An_update_that_cannot_start_is_rolled_back_and_serves_all_the_while()
    {
        await ReadyAsync("d", count: 2);
        var old = _world.Routed("d").Select(replica => replica.Id).ToList();
        _world.Runtime.StartFailure = "out of memory";
        await _world.UpdateAsync("d", new() { MaxContextLength = 64, DisplayName = "kept" });
        for (var second = 0; second < 30; second++)
        {
            _world.Routed("d").Select(replica => replica.Id).ShouldBe(old);
            await _world.PassAsync(1);
        }

        var back = await _world.GetAsync("d");
        (back.Status.State, back.Spec.MaxContextLength, back.Spec.DisplayName, back.Revision).ShouldBe((DeploymentState.Ready, 0, "kept", 1));
        var words = back.Status.Condition.ShouldNotBeNull();
        words.Code.ShouldBe(Code.Aborted);
        words.Message.ShouldContain("The last update (revision 2) was rolled back to revision 1, which serves");
        words.Message.ShouldContain("out of memory");
        (await _world.EventAsync("d", DeploymentEvents.RolledBack)).ShouldContain("out of memory");

        _world.Runtime.StartFailure = null;
        await _world.UpdateAsync("d", new() { MaxContextLength = 64 });
        await _world.PassAsync(15);
        var again = await _world.GetAsync("d");
        (again.Status.State, again.Status.Condition, again.Revision).ShouldBe((DeploymentState.Ready, null, 3)); // no number twice
        _world.Runtime.Running.ShouldAllBe(spec => spec.ContextLength == 64);
    }

    [Fact]
    public async Task A_rollback_keeps_counts_that_changed_while_the_update_failed()
    {
        await ReadyAsync("d", count: 1);
        _world.Runtime.StartFailure = "no";
        await _world.UpdateAsync("d", new() { MaxContextLength = 64 });
        await _world.PassAsync(2);
        await _world.UpdateAsync("d", new() { MinReplicaCount = 2, MaxReplicaCount = 2 });
        await _world.PassAsync(60);
        var back = await _world.GetAsync("d");
        (back.Spec.MaxContextLength, back.Spec.MinReplicas).ShouldBe((0, 2));
        _world.Runtime.StartFailure = null;
        await _world.PassAsync(90);
        _world.Routed("d").Count.ShouldBe(2);
    }

    [Fact]
    public async Task A_new_revision_that_is_ready_and_then_dies_again_and_again_is_rolled_back()
    {
        await ReadyAsync("d", count: 1);
        await _world.PassAsync(_world.Options.StableAfter);
        await _world.UpdateAsync("d", new() { MaxContextLength = 64 });
        for (var second = 0; second < 120 && (await _world.GetAsync("d")).Revision == 2; second++)
        {
            foreach (var spec in _world.Runtime.Running.Where(spec => spec.ContextLength == 64).ToList())
            {
                if (_world.Routed("d").Any(replica => replica.Id == spec.Id)) _world.Runtime.Crash(spec.Id, "segmentation fault");
            }

            await _world.PassAsync(1);
        }

        await _world.PassAsync(5);
        var back = await _world.GetAsync("d");
        (back.Revision, back.Spec.MaxContextLength, back.Status.State).ShouldBe((1, 0, DeploymentState.Ready));
        _world.Routed("d").Count.ShouldBe(1);
        (await _world.EventAsync("d", DeploymentEvents.RolledBack)).ShouldContain("segmentation fault");
    }

    [Fact]
    public async Task An_update_of_a_ready_revision_goes_back_to_it_also_when_it_was_ready_for_a_moment_only()
    {
        await ReadyAsync("d", count: 1);
        await _world.PassAsync(_world.Options.StableAfter);
        await _world.UpdateAsync("d", new() { MaxContextLength = 64 });
        await _world.PassAsync(4); // revision 2 serves
        _world.Runtime.StartFailure = "no";
        await _world.UpdateAsync("d", new() { MaxContextLength = 32 });
        await _world.PassAsync(30);
        (await _world.GetAsync("d")).Spec.MaxContextLength.ShouldBe(64);
    }

    [Fact]
    public async Task An_update_that_answers_clearly_worse_is_rolled_back_without_a_gap()
    {
        await ReadyAsync("d", count: 2);
        await _world.PassAsync(_world.Options.StableAfter);
        foreach (var replica in _world.Routed("d")) Answer(replica.Id, good: 500, failed: 1);
        await _world.UpdateAsync("d", new() { MaxContextLength = 64 });
        await _world.PassAsync(10);
        (await _world.GetAsync("d")).Status.State.ShouldBe(DeploymentState.Ready);
        foreach (var replica in _world.Routed("d")) Answer(replica.Id, good: 40, failed: 10);
        for (var second = 0; second < 15; second++)
        {
            await _world.PassAsync(1);
            _world.Routed("d").Count.ShouldBe(2);
        }

        var back = await _world.GetAsync("d");
        (back.Spec.MaxContextLength, back.Status.State).ShouldBe((0, DeploymentState.Ready));
        back.Status.Condition.ShouldNotBeNull().Message.ShouldContain("20 of its 100 answers failed, 2 of 1002 before");
    }

    [Fact]
    public async Task An_update_is_compared_with_what_was_before_also_when_the_server_ended_in_its_middle()
    {
        await ReadyAsync("d", count: 1);
        await _world.PassAsync(_world.Options.StableAfter);
        Answer(_world.Routed("d").Single().Id, good: 1000, failed: 2);
        await _world.UpdateAsync("d", new() { MaxContextLength = 64 });
        await _world.PassAsync(10);
        Answer(_world.Routed("d").Single().Id, good: 15, failed: 4); // too few to say so
        await _world.SettleAsync();
        (await _world.GetAsync("d")).Revision.ShouldBe(2);
        await _world.Figures.WriteAsync(TestContext.Current.CancellationToken); // as each sweep does
        await _world.RestartServerAsync();
        Answer(_world.Routed("d").Single().Id, good: 65, failed: 16);
        await _world.PassAsync(15);
        var back = await _world.GetAsync("d");
        (back.Spec.MaxContextLength, back.Status.State).ShouldBe((0, DeploymentState.Ready));
        back.Status.Condition.ShouldNotBeNull().Message.ShouldContain("20 of its 100 answers failed, 2 of 1002 before");
    }

    [Fact]
    public async Task After_its_probation_an_update_is_not_taken_back_for_worse_answers()
    {
        await ReadyAsync("d", count: 1);
        await _world.PassAsync(_world.Options.StableAfter);
        Answer(_world.Routed("d").Single().Id, good: 500, failed: 1);
        await _world.UpdateAsync("d", new() { MaxContextLength = 64 });
        await _world.PassAsync(_world.Options.UpdateProbation + _world.Options.StableAfter + TimeSpan.FromSeconds(10), step: TimeSpan.FromSeconds(1));
        Answer(_world.Routed("d").Single().Id, good: 40, failed: 40); // something else is wrong by now
        await _world.PassAsync(10);
        (await _world.GetAsync("d")).Spec.MaxContextLength.ShouldBe(64);
    }

    [Fact]
    public async Task The_revision_that_was_gone_back_to_is_never_rolled_back_itself()
    {
        await ReadyAsync("d", count: 1);
        _world.Runtime.StartFailure = "no";
        await _world.UpdateAsync("d", new() { MaxContextLength = 64 });
        await _world.PassAsync(30);
        _world.Runtime.Crash(_world.Routed("d").Single().Id);
        await _world.PassAsync(TimeSpan.FromMinutes(5), step: TimeSpan.FromSeconds(5));
        var deployment = await _world.GetAsync("d");
        (deployment.Revision, deployment.Spec.MaxContextLength).ShouldBe((1, 0));
        (await _world.EventsAsync("d")).Count(reason => reason == DeploymentEvents.RolledBack).ShouldBe(1);
    }

    [Fact]
    public async Task A_server_that_is_killed_before_it_rolls_back_does_so_after_its_restart()
    {
        await ReadyAsync("d", count: 1);
        _world.Runtime.StartFailure = "no";
        await _world.UpdateAsync("d", new() { MaxContextLength = 64 });
        for (var second = 0; second < 30; second++)
        {
            await _world.PassAsync(1);
            await _world.RestartServerAsync();
        }

        await _world.SettleAsync();
        (await _world.GetAsync("d")).Spec.MaxContextLength.ShouldBe(0);
        (await _world.EventsAsync("d")).Count(reason => reason == DeploymentEvents.RolledBack).ShouldBe(1);
    }

    [Fact]
    public async Task The_later_of_two_updates_wins_and_the_first_ones_replicas_go_unfinished()
    {
        await ReadyAsync("d", count: 1);
        await _world.UpdateAsync("d", new() { MaxContextLength = 64 });
        await _world.UpdateAsync("d", new() { MaxContextLength = 32 });
        _world.Routed("d").Count.ShouldBe(1);
        await _world.PassAsync(8);
        _world.Runtime.Running.Single().ContextLength.ShouldBe(32);
        var deployment = await _world.GetAsync("d");
        (deployment.Status.State, deployment.Revision).ShouldBe((DeploymentState.Ready, 3));
    }

    [Fact]
    public async Task More_load_in_the_middle_of_an_update_gets_its_replicas_at_once()
    {
        await ReadyAsync("d", count: 1);
        await _world.UpdateAsync("d", new() { MaxContextLength = 64 });
        await _world.UpdateAsync("d", new() { MinReplicaCount = 3, MaxReplicaCount = 3 });
        await _world.PassAsync(3);
        _world.Routed("d").Count.ShouldBe(3);
        await _world.PassAsync(10);
        (await _world.GetAsync("d")).Status.State.ShouldBe(DeploymentState.Ready);
        _world.Runtime.Running.ShouldAllBe(spec => spec.ContextLength == 64);
    }

    [Fact]
    public async Task Fewer_replicas_in_the_middle_of_an_update_never_leave_less_than_wanted()
    {
        await ReadyAsync("d", count: 3);
        await _world.UpdateAsync("d", new() { MaxContextLength = 64 });
        await _world.UpdateAsync("d", new() { MinReplicaCount = 1, MaxReplicaCount = 1 });
        for (var half = 0; half < 12; half++)
        {
            _world.Routed("d").Count.ShouldBeGreaterThanOrEqualTo(1);
            await _world.PassAsync(0.5);
        }

        _world.Runtime.Running.Single().ContextLength.ShouldBe(64);
    }

    [Fact]
    public async Task Idle_replicas_go_before_those_at_work_and_starting_ones_before_all()
    {
        await ReadyAsync("d", count: 3);
        var replicas = (await _world.GetAsync("d")).Status.Replicas;
        var idle = replicas[1].Id; // neither the newest nor the oldest by chance of their order
        foreach (var replica in replicas) _world.Runtime.Requests[replica.Id] = replica.Id == idle ? 0 : 2;
        await _world.UpdateAsync("d", new() { MinReplicaCount = 2, MaxReplicaCount = 2 });
        _world.Runtime.Stopping.ShouldBe([idle]);

        await _world.PassAsync(3);
        await _world.UpdateAsync("d", new() { MinReplicaCount = 3, MaxReplicaCount = 3 });
        var starting = (await _world.GetAsync("d")).Status.Replicas.Single(replica => replica.State == ReplicaState.Starting).Id;
        await _world.UpdateAsync("d", new() { MinReplicaCount = 2, MaxReplicaCount = 2 });
        _world.Runtime.Stopping.ShouldBe([starting]);
    }

    [Theory]
    [InlineData("placement.region", "US_IOWA_1", "--region")]
    [InlineData("region", "US_IOWA_1", "--region")]
    [InlineData("placement.multi_region", "EUROPE", "--multi-region")]
    public async Task Another_region_is_refused_with_what_to_do_instead(string field, string wanted, string flag)
    {
        await ReadyAsync("d", count: 1);
        var patch = field switch
        {
            "region" => new DeploymentResource { Region = wanted },
            "placement.region" => new() { Placement = new() { Region = wanted } },
            _ => new() { Placement = new() { MultiRegion = wanted } },
        };
        foreach (var mask in new[] { null, field.Split('.')[0] })
        {
            var problem = (await _world.TryUpdateAsync("d", patch, mask)).Problem.ShouldNotBeNull();
            problem.Code.ShouldBe(Code.InvalidArgument);
            problem.Message.ShouldContain($"is fixed at creation: d runs in LOCAL and cannot move to {wanted}");
            problem.Message.ShouldContain($"firectl create deployment accounts/fireworks/models/story-3m {flag} {wanted}");
        }

        (await _world.TryUpdateAsync("d", new() { Region = "LOCAL", Placement = new() { MultiRegion = "GLOBAL" }, DisplayName = "x" })).Problem.ShouldBeNull();
    }

    [Fact]
    public async Task An_accelerator_that_the_region_lacks_is_refused_with_what_to_do_instead()
    {
        await ReadyAsync("d", count: 1);
        var problem = (await _world.TryUpdateAsync("d", new() { AcceleratorType = "NVIDIA_H100_80GB" })).Problem.ShouldNotBeNull();
        problem.Code.ShouldBe(Code.InvalidArgument);
        problem.Message.ShouldContain("create another deployment to run elsewhere");
    }

    private void Answer(ReplicaId id, int good, int failed)
    {
        var answers = _world.Directory.Answers.Of(id);
        for (var count = 0; count < good; count++) answers.Answered();
        for (var count = 0; count < failed; count++) answers.Failed();
    }

    private async Task ReadyAsync(string id, int count)
    {
        await _world.AddModelAsync();
        await _world.CreateAsync(id, new() { BaseModel = "story-3m", MinReplicaCount = count, MaxReplicaCount = count });
        await _world.PassAsync(3);
        _world.Routed(id).Count.ShouldBe(count);
    }
}
