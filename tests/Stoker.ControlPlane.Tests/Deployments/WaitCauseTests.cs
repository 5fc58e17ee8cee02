using Stoker.Api.Problems;
using Stoker.ControlPlane.Replicas;

namespace Stoker.ControlPlane.Tests.Deployments;

/// <summary>
/// What the gateway learns of a deployment without a replica: by it requests are held, or refused with the reason.
/// </summary>
public sealed class WaitCauseTests : IAsyncDisposable
{
    private readonly DeploymentWorld _world = new();

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task Nothing_is_told_of_one_that_starts_serves_or_is_at_zero()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d");
        Cause().ShouldBeNull();
        await _world.PassAsync(2);
        Cause().ShouldBeNull();
        await _world.RemoveModelAsync(); // it needs it for the next start, and none is wanted
        (await _world.ScaleAsync("d", 0)).Problem.ShouldBeNull();
        await _world.PassAsync(10);
        (Cause(), Route().State, Route().DesiredReplicas).ShouldBe((null, "READY", 0));
    }

    [Fact]
    public async Task Want_of_capacity_is_told_with_the_figures_before_the_status_says_it()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("first", new() { BaseModel = "story-3m", AcceleratorCount = 2 });
        await _world.CreateAsync("d");

        Cause().ShouldNotBeNull().Code.ShouldBe(Code.ResourceExhausted);
        Cause()!.Message.ShouldBe((await _world.GetAsync("d")).Status.Condition!.Message);

        await _world.DeleteAsync("first", hard: true);
        await _world.PassAsync(10);
        Cause().ShouldBeNull();
    }

    [Fact]
    public async Task A_start_that_failed_and_is_tried_again_is_unavailable_and_the_end_of_the_tries_is_a_failure()
    {
        await _world.AddModelAsync();
        _world.Runtime.StartFailure = "out of memory";
        await _world.CreateAsync("d");
        await _world.PassAsync(2);
        Cause().ShouldNotBeNull().Code.ShouldBe(Code.Unavailable); // held: the next try may work
        Cause()!.Message.ShouldContain("out of memory");

        await _world.PassAsync(300);
        (Route().State, Cause()!.Code).ShouldBe(("FAILED", Code.FailedPrecondition));
    }

    [Fact]
    public async Task A_deployment_that_cannot_start_as_things_are_says_so_at_its_first_wake()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d");
        await _world.PassAsync(2);
        (await _world.ScaleAsync("d", 0)).Problem.ShouldBeNull();
        await _world.PassAsync(10);
        await _world.RemoveModelAsync();

        _world.Load("d").Held();
        await _world.SettleAsync();

        Route().DesiredReplicas.ShouldBe(1);
        Cause().ShouldNotBeNull().Code.ShouldBe(Code.FailedPrecondition); // no try is made: nothing to wait for
        Cause()!.Message.ShouldContain("is gone");
    }

    private DeploymentRoute Route() => _world.Directory.Current.Routes[DeploymentWorld.Name("d")];

    private WaitCause? Cause() => Route().Cause;
}
