using Stoker.Api.Resources;
using Stoker.ControlPlane.Deployments;

namespace Stoker.ControlPlane.Tests.Deployments;

/// <summary>A deployment for long prompts: its replicas are started so, and an update turns it off.</summary>
public sealed class LongPromptTests : IAsyncDisposable
{
    private static readonly DeploymentResource Long = new() { BaseModel = "story-3m", AutoTune = new() { LongPrompt = true }, MinReplicaCount = 1 };

    private readonly DeploymentWorld _world = new();

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task It_reaches_the_replica_with_twice_the_accelerators_and_their_memory()
    {
        await using var other = new DeploymentWorld();
        await other.AddModelAsync();
        await other.CreateAsync("usual", new() { BaseModel = "story-3m", MinReplicaCount = 1 });
        var usual = other.Runtime.Running.Single();
        await _world.AddModelAsync();
        await _world.CreateAsync("long", Long);
        var replica = _world.Runtime.Running.Single();
        (usual.LongPrompt, replica.LongPrompt).ShouldBe((false, true));
        (replica.Slots.Count, replica.MemoryBytes).ShouldBe((2, 2 * usual.MemoryBytes));
        (await _world.GetAsync("long")).ToResource().AutoTune.ShouldNotBeNull().LongPrompt.ShouldBe(true);
    }

    [Fact]
    public async Task An_update_turns_it_off_with_another_revision_and_keeps_the_count()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d", Long);
        await _world.UpdateAsync("d", new() { AutoTune = new() { LongPrompt = false } }, "auto_tune.long_prompt");
        await _world.PassAsync(60);
        var deployment = await _world.GetAsync("d");
        (deployment.Revision, deployment.Spec.LongPrompt, deployment.Spec.AcceleratorCount).ShouldBe((2, false, 2));
        deployment.ToResource().AutoTune.ShouldBeNull();
        _world.Runtime.Running.ShouldContain(replica => replica.Revision == 2 && !replica.LongPrompt);
        await _world.UpdateAsync("d", new() { AutoTune = new() { LongPrompt = false } }, "auto_tune.long_prompt");
        (await _world.GetAsync("d")).Revision.ShouldBe(2); // it is off already
    }
}
