using Stoker.Api.Problems;
using Stoker.ControlPlane.Deployments;

namespace Stoker.ControlPlane.Tests.Deployments;

/// <summary>Ends of deployments: by hand, by the clock, guarded, and taken back.</summary>
public sealed class DeploymentDeletionTests : IAsyncDisposable
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);
    private readonly DeploymentWorld _world = new();

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task A_week_without_a_request_ends_in_a_soft_deletion_that_was_announced_a_day_before()
    {
        await ReadyAsync("d");
        await PassAsync(TimeSpan.FromDays(5.9));
        (await _world.EventsAsync("d")).ShouldNotContain(DeploymentEvents.IdleDeletionAhead);
        await PassAsync(TimeSpan.FromDays(0.2));
        (await _world.EventAsync("d", DeploymentEvents.IdleDeletionAhead)).ShouldContain("at 2030-01-08 12:00:02Z it is deleted");

        await PassAsync(TimeSpan.FromDays(0.8));
        (await _world.GetAsync("d")).Deletion.ShouldBeNull();
        await PassAsync(TimeSpan.FromDays(0.2));
        var deleted = await _world.GetAsync("d");
        deleted.Status.State.ShouldBe(DeploymentState.Deleted);
        deleted.Deletion.ShouldNotBeNull().Cause.ShouldNotBeNull().ShouldContain("it had no request since 2030-01-01 12:00:02Z");
        _world.Runtime.Running.ShouldBeEmpty();
        (await _world.EventsAsync("d")).Count(reason => reason == DeploymentEvents.IdleDeletionAhead).ShouldBe(1);

        (await _world.UndeleteAsync("d")).Problem.ShouldBeNull();
        await PassAsync(TimeSpan.FromDays(1)); // its week begins anew
        (await _world.GetAsync("d")).Status.State.ShouldBe(DeploymentState.Ready);
    }

    [Fact]
    public async Task A_request_keeps_a_deployment_for_another_week_also_over_a_restart()
    {
        await ReadyAsync("d");
        await PassAsync(TimeSpan.FromDays(6.5));
        _world.Request("d");
        await _world.Requests.WriteAsync(TestContext.Current.CancellationToken); // as the sweep does every half minute
        await _world.RestartServerAsync();
        await PassAsync(TimeSpan.FromDays(5.9));
        (await _world.GetAsync("d")).Status.IdleWarning.ShouldBeNull();
        await PassAsync(TimeSpan.FromDays(1.2));
        (await _world.GetAsync("d")).Status.State.ShouldBe(DeploymentState.Deleted);
    }

    [Fact]
    public async Task One_that_always_has_a_replica_stays()
    {
        await ReadyAsync("d", min: 1);
        await PassAsync(TimeSpan.FromDays(20));
        (await _world.GetAsync("d")).Status.State.ShouldBe(DeploymentState.Ready);
    }

    [Fact]
    public async Task The_guard_is_off_unless_the_account_asks_for_it()
    {
        await ReadyAsync("d");
        _world.Request("d");
        (await _world.DeleteAsync("d", hard: false)).Problem.ShouldBeNull();
    }

    [Fact]
    public async Task The_guard_refuses_within_an_hour_of_the_last_request_unless_checks_are_ignored()
    {
        await _world.GuardDeletionAsync();
        await ReadyAsync("d");
        await ReadyAsync("e");
        (await _world.DeleteAsync("e", hard: false)).Problem.ShouldBeNull(); // it had no request

        _world.Request("d");
        await _world.PassAsync(TimeSpan.FromMinutes(59), step: TimeSpan.FromMinutes(1));
        var refused = (await _world.DeleteAsync("d", hard: true)).Problem.ShouldNotBeNull();
        (refused.Code, refused.Message).ShouldBe(
            (Code.FailedPrecondition, "deployment has received inference requests in the last hour, pass --ignore-checks to skip this check"));
        (await _world.GetAsync("d")).Deletion.ShouldBeNull();

        await _world.PassAsync(TimeSpan.FromMinutes(1), step: TimeSpan.FromMinutes(1));
        (await _world.DeleteAsync("d", hard: false)).Problem.ShouldBeNull();
        await _world.SettleAsync();
        (await _world.UndeleteAsync("d")).Problem.ShouldBeNull();
        await _world.PassAsync(3);
        _world.Request("d");
        (await _world.DeleteAsync("d", hard: false)).Problem.ShouldNotBeNull();
        (await _world.DeleteAsync("d", hard: false, ignoreChecks: true)).Problem.ShouldBeNull();
        (await _world.DeleteAsync("d", hard: true)).Problem.ShouldBeNull(); // it is deleted already: nothing is left to guard
    }

    [Fact]
    public async Task A_request_that_is_still_running_guards_however_long_ago_it_began()
    {
        await _world.GuardDeletionAsync();
        await ReadyAsync("d");
        _world.Board.Of(DeploymentWorld.Name("d")).Began();
        await _world.PassAsync(TimeSpan.FromHours(3), step: Hour);
        (await _world.DeleteAsync("d", hard: false)).Problem.ShouldNotBeNull().Code.ShouldBe(Code.FailedPrecondition);
        _world.Board.Of(DeploymentWorld.Name("d")).Ended();
    }

    [Fact]
    public async Task A_life_leaves_its_events_in_order()
    {
        await ReadyAsync("d");
        _world.Runtime.Crash(_world.Routed("d").Single().Id);
        await _world.PassAsync(3);
        await _world.UpdateAsync("d", new() { MaxContextLength = 64 });
        await _world.PassAsync(5);
        await _world.DeleteAsync("d", hard: false);
        await _world.PassAsync(3);
        await _world.UndeleteAsync("d");
        await _world.PassAsync(3);
        (await _world.EventsAsync("d")).ShouldBe(
        [
            DeploymentEvents.Created, DeploymentEvents.Ready, DeploymentEvents.ReplicaFailed, DeploymentEvents.Updating, DeploymentEvents.Ready,
            DeploymentEvents.Deleting, DeploymentEvents.Deleted, DeploymentEvents.Undeleted, DeploymentEvents.Ready,
        ]);
        (await _world.EventAsync("d", DeploymentEvents.ReplicaFailed)).ShouldContain("was killed by signal 9");
    }

    [Fact]
    public async Task Events_of_a_deployment_that_is_gone_are_not_those_of_the_next_with_its_name()
    {
        await ReadyAsync("d");
        await _world.DeleteAsync("d", hard: true);
        await _world.PassAsync(3);
        (await _world.FindAsync("d")).ShouldBeNull();
        await _world.CreateAsync("d");
        (await _world.EventsAsync("d")).ShouldBe([DeploymentEvents.Created]);
    }

    [Fact]
    public async Task A_server_that_is_killed_again_and_again_tells_nothing_twice()
    {
        await ReadyAsync("d");
        for (var look = 0; look < 5; look++)
        {
            await _world.RestartServerAsync();
            await _world.PassAsync(1);
        }

        (await _world.EventsAsync("d")).ShouldBe([DeploymentEvents.Created, DeploymentEvents.Ready]);
    }

    [Fact]
    public async Task A_deletion_in_the_middle_of_an_update_leaves_nothing()
    {
        await ReadyAsync("d");
        await _world.UpdateAsync("d", new() { MaxContextLength = 64 });
        await _world.DeleteAsync("d", hard: true);
        await _world.PassAsync(4);
        (await _world.FindAsync("d")).ShouldBeNull();
        _world.Runtime.List().ShouldBeEmpty();
    }

    private Task PassAsync(TimeSpan time) => _world.PassAsync(time, step: Hour);

    private async Task ReadyAsync(string id, int min = 0)
    {
        await _world.AddModelAsync(allowTaken: true);
        await _world.CreateAsync(id, new() { BaseModel = "story-3m", MinReplicaCount = min, MaxReplicaCount = 1 });
        await _world.PassAsync(2);
        (await _world.GetAsync(id)).Status.State.ShouldBe(DeploymentState.Ready);
    }
}
