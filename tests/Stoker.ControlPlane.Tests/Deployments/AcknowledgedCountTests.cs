using Stoker.ControlPlane.Autoscaling;
using Stoker.ControlPlane.Deployments;

namespace Stoker.ControlPlane.Tests.Deployments;

/// <summary>
/// What becomes of a count does not depend on who was faster: the one who asks for the next change, or the reconciler
/// that takes up the last one. A server that is killed in between is as slow as can be.
/// </summary>
public sealed class AcknowledgedCountTests : IAsyncDisposable
{
    private readonly DeploymentWorld _world = new(slots: 8);

    private ScalingCause LastCause => _world.Decisions.Read(DeploymentWorld.Name("d"), 1).Single().Cause;

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    /// <summary>Deleted and brought back between two looks, as when the server is killed in between.</summary>
    [Fact]
    public async Task One_that_was_brought_back_begins_as_a_new_one_also_when_nobody_saw_that_it_was_deleted()
    {
        await ReadyAsync();
        await _world.ScaleAsync("d", 3);
        await PassAsync(5);
        await _world.DeleteAsync("d", hard: false);
        (await _world.UndeleteAsync("d")).Value.DesiredReplicas.ShouldBe(1);
        await PassAsync(5);
        _world.Routed("d").Count.ShouldBe(1);
        LastCause.ShouldBe(ScalingCause.Created);
        await _world.UpdateAsync("d", new() { MinReplicaCount = 2 });
        await _world.UpdateAsync("d", new() { MinReplicaCount = 0 });
        await PassAsync(5);
        _world.Routed("d").Count.ShouldBe(2); // taken up once
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_count_by_hand_goes_with_the_deletion_also_when_nobody_took_it_up(bool deletionSeen)
    {
        await ReadyAsync();
        await _world.ScaleAsync("d", 3); // acknowledged; the server is killed before it looks
        await _world.DeleteAsync("d", hard: false);
        if (deletionSeen) await PassAsync(5);
        await _world.UndeleteAsync("d");
        await PassAsync(5);
        _world.Routed("d").Count.ShouldBe(1);

        (await _world.ScaleAsync("d", 2)).Value.DesiredReplicas.ShouldBe(2);
        await PassAsync(5);
        _world.Routed("d").Count.ShouldBe(2);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_count_by_hand_after_an_undeletion_holds_before_anybody_looked(bool deletionSeen)
    {
        await ReadyAsync();
        await _world.DeleteAsync("d", hard: false);
        if (deletionSeen) await PassAsync(5);
        await _world.UndeleteAsync("d");
        await _world.ScaleAsync("d", 2);
        await PassAsync(5);
        _world.Routed("d").Count.ShouldBe(2);
    }

    [Fact]
    public async Task A_count_by_hand_is_shown_with_the_answer_that_acknowledges_it()
    {
        await ReadyAsync();
        (await _world.ScaleAsync("d", 3)).Value.ToResource().DesiredReplicaCount.ShouldBe(3);
        (await _world.TryUpdateAsync("d", new() { MaxReplicaCount = 2 })).Value.ToResource().DesiredReplicaCount.ShouldBe(2);
        await PassAsync(5);
        (await _world.GetAsync("d")).ToResource().DesiredReplicaCount.ShouldBe(2);
    }

    /// <summary>Bounds leave a count to the server: those that nobody saw have moved none.</summary>
    [Theory]
    [InlineData(true, 2)]
    [InlineData(false, 1)]
    public async Task One_that_was_brought_back_begins_within_the_bounds_of_the_moment_that_it_is_looked_at(bool seen, int count)
    {
        await ReadyAsync();
        await _world.UpdateAsync("d", new() { MinReplicaCount = 2 });
        await _world.DeleteAsync("d", hard: false);
        await PassAsync(5);
        (await _world.UndeleteAsync("d")).Value.DesiredReplicas.ShouldBe(2);
        if (seen) await PassAsync(5);
        (await _world.TryUpdateAsync("d", new() { MinReplicaCount = 1 })).Value.DesiredReplicas.ShouldBe(count);
        await PassAsync(5);
        _world.Routed("d").Count.ShouldBe(count);
    }

    private Task PassAsync(int seconds) => _world.PassAsync(seconds);

    private async Task ReadyAsync()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d", new() { BaseModel = "story-3m", MaxReplicaCount = 4 });
        await PassAsync(5);
        _world.Routed("d").Count.ShouldBe(1);
    }
}
