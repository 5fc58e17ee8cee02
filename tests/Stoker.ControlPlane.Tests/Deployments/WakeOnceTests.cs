namespace Stoker.ControlPlane.Tests.Deployments;

/// <summary>However requests come and go while a deployment wakes, it wakes once.</summary>
public sealed class WakeOnceTests : IAsyncDisposable
{
    private readonly DeploymentWorld _world = new();

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task A_client_that_gives_up_and_comes_again_wakes_nothing_twice()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d");
        await _world.PassAsync(2);
        (await _world.ScaleAsync("d", 0)).Problem.ShouldBeNull();
        await _world.PassAsync(10);
        _world.Runtime.Running.ShouldBeEmpty();
        var starts = _world.Runtime.Starts;

        for (var attempt = 0; attempt < 5; attempt++)
        {
            _world.Load("d").Held();
            await _world.SettleAsync();
            _world.Load("d").Released();
            await _world.SettleAsync();
        }

        _world.Load("d").Held();
        await _world.PassAsync(3);

        (_world.Runtime.Starts - starts, _world.Routed("d").Count).ShouldBe((1, 1));
    }
}
