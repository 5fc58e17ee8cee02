using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Tests.Deployments;

namespace Stoker.ControlPlane.Tests.Addons;

/// <summary>Of an addon on several deployments exactly one is the default, whoever is cut off and whatever goes.</summary>
public sealed class AddonDefaultTests : IAsyncLifetime
{
    private readonly AddonWorld _world = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private DeploymentName? Answering => _world.Directory.Current!.Defaults.GetValueOrDefault((DeploymentWorld.Account, AddonWorld.ModelOf("zog")));

    public async ValueTask InitializeAsync()
    {
        await _world.DeployAsync(replicas: 1);
        await _world.DeployAsync("e", replicas: 1);
        await _world.AddAddonAsync("zog");
        await _world.AddAddonAsync("bolt");
    }

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task Two_loads_at_once_make_one_default_and_no_more_than_the_quota()
    {
        for (var round = 0; round < 5; round++)
        {
            await Task.WhenAll(_world.TryLoadAsync("zog"), _world.TryLoadAsync("zog", "e"));
            (await DefaultsAsync()).Count(isDefault => isDefault).ShouldBe(1);
            var first = (await DefaultsAsync())[0] ? "e" : "d";
            await _world.UnloadAsync("zog", first);
            await _world.UnloadAsync("zog", first == "d" ? "e" : "d");
        }

        _world.Options.MaxPerAccount = 1;
        var results = await Task.WhenAll(_world.TryLoadAsync("zog"), _world.TryLoadAsync("bolt"), _world.TryLoadAsync("zog", "e"), _world.TryLoadAsync("bolt", "e"));
        results.Count(result => result.Problem is null).ShouldBe(1);
        results.Select(result => result.Problem).OfType<Problem>().ShouldAllBe(problem => problem.Code == Code.ResourceExhausted);
    }

    [Fact]
    public async Task A_client_that_hangs_up_between_the_two_writes_leaves_one_default()
    {
        await _world.LoadAsync("zog");
        using var client = new CancellationTokenSource();
        _world.World.Rows.Calling = call =>
        {
            if (call == "write deployedModels") client.Cancel();
        };
        var loaded = await _world.Commands.LoadAsync(DeploymentWorld.Account, new() { Model = "zog", Deployment = "e", Default = true }, client.Token);
        client.IsCancellationRequested.ShouldBeTrue();
        loaded.Problem.ShouldBeNull();
        (await DefaultsAsync()).ShouldBe([false, true]);

        using var second = new CancellationTokenSource();
        _world.World.Rows.Calling = call =>
        {
            if (call == "write deployedModels") second.Cancel();
        };
        (await PatchAsync("d", new() { Default = true }, second.Token)).Problem.ShouldBeNull();
        (await DefaultsAsync()).ShouldBe([true, false]);
    }

    [Fact]
    public async Task After_a_server_was_killed_between_the_two_writes_the_newest_answers_and_the_other_is_none_any_more()
    {
        await _world.LoadAsync("zog");
        await _world.LoadAsync("zog", "e");
        Answering.ShouldBe(DeploymentWorld.Name("d"));
        await SetDefaultAsync("e", true);
        (await DefaultsAsync()).ShouldBe([true, true]);

        await _world.SettleAsync();
        (await DefaultsAsync()).ShouldBe([false, true]);
        Answering.ShouldBe(DeploymentWorld.Name("e"));
        _world.Route("zog").ShouldNotBeNull().IsDefault.ShouldBeFalse();
    }

    [Fact]
    public async Task Who_asks_again_for_the_default_mends_what_was_cut_off_and_one_of_two_may_go()
    {
        await _world.LoadAsync("zog");
        await _world.LoadAsync("zog", "e");
        await SetDefaultAsync("e", true);
        (await PatchAsync("d", new() { Default = true }, Cancellation)).Problem.ShouldBeNull();
        (await DefaultsAsync()).ShouldBe([true, false]);

        await SetDefaultAsync("e", true);
        (await _world.Commands.UnloadAsync(AddonWorld.NameOf("zog"), Cancellation)).Problem.ShouldBeNull(); // the other one is one
    }

    [Fact]
    public async Task When_the_default_goes_with_its_deployment_the_oldest_other_one_is_the_default()
    {
        await _world.DeployAsync("f", replicas: 1);
        await _world.LoadAsync("zog");
        await _world.PassAsync(1);
        await _world.LoadAsync("zog", "f");
        await _world.PassAsync(1);
        await _world.LoadAsync("zog", "e");
        await _world.LoadAsync("bolt", isDefault: false); // goes, and was nobody's default
        await _world.LoadAsync("bolt", "e", isDefault: false);
        (await _world.World.DeleteAsync("d", hard: true)).Problem.ShouldBeNull();
        await _world.PassAsync(10);

        (await _world.FindAsync("zog")).ShouldBeNull();
        ((await _world.GetAsync("zog", "f")).Default, (await _world.GetAsync("zog", "e")).Default).ShouldBe((true, false));
        Answering.ShouldBe(DeploymentWorld.Name("f"));
        (await _world.GetAsync("bolt", "e")).Default.ShouldBe(false);
    }

    [Fact]
    public async Task The_look_that_takes_the_default_away_has_the_next_one_in_the_same_step()
    {
        await _world.LoadAsync("zog");
        await _world.PassAsync(1);
        await _world.LoadAsync("zog", "e");
        Answering.ShouldBe(DeploymentWorld.Name("d"));
        (await _world.World.DeleteAsync("d", hard: true)).Problem.ShouldBeNull();
        for (var second = 0; await _world.World.FindAsync("d") is not null; second++)
        {
            second.ShouldBeLessThan(60);
            await _world.World.PassAsync(1);
        }

        // Of the one that is gone alone: nobody has looked at the other one's deployment.
        await _world.Reconciler.ReconcileAsync(DeploymentWorld.Name("d"), new(_world.World.Time), Cancellation);
        Answering.ShouldBe(DeploymentWorld.Name("e"));
        (await _world.GetAsync("zog", "e")).Default.ShouldBe(true);
        await _world.PassAsync(5);
        Answering.ShouldBe(DeploymentWorld.Name("e"));
    }

    [Fact]
    public async Task A_deployment_that_gets_the_name_of_one_that_is_gone_has_none_of_its_addons()
    {
        await _world.LoadAsync("zog");
        (await _world.World.DeleteAsync("d", hard: true)).Problem.ShouldBeNull();
        for (var second = 0; await _world.World.FindAsync("d") is not null; second++)
        {
            second.ShouldBeLessThan(60);
            await _world.World.PassAsync(1);
        }

        await _world.World.CreateAsync("d", new() { BaseModel = "story-3m", EnableAddons = true, MinReplicaCount = 1 });
        await _world.World.PassAsync(5); // the loop of addons was late
        await _world.PassAsync(5);
        (await _world.FindAsync("zog")).ShouldBeNull();
        _world.Route("zog").ShouldBeNull();
        _world.World.Runtime.AddonsOf(_world.Ready("d").Single()).ShouldBeEmpty();
        await _world.LoadAsync("zog");
        (await _world.GetAsync("zog")).State.ShouldBe("DEPLOYED");
    }

    [Fact]
    public async Task A_deployment_without_replicas_that_goes_wakes_the_loop()
    {
        await _world.DeployAsync("idle", replicas: 0);
        await _world.World.PassAsync(TimeSpan.FromHours(2), TimeSpan.FromMinutes(1)); // at zero
        await _world.LoadAsync("zog", "idle");
        using var queue = new ControlPlane.Reconciling.WorkQueue<DeploymentName>(_world.World.Time);
        _world.Reconciler.WakeChanged(queue);
        queue.TryTake(out _).ShouldBeFalse();

        (await _world.World.DeleteAsync("idle", hard: true)).Problem.ShouldBeNull();
        await _world.World.PassAsync(10);
        _world.Reconciler.WakeChanged(queue);
        queue.TryTake(out var name).ShouldBeTrue();
        name.ShouldBe(DeploymentWorld.Name("idle"));
    }

    [Fact]
    public async Task A_look_reads_what_changed_and_not_the_rows_of_everybody()
    {
        await _world.LoadAsync("zog");
        _world.World.Rows.Clear();
        await _world.Reconciler.ReconcileAsync(DeploymentWorld.Name("d"), new(_world.World.Time), Cancellation);
        _world.World.Rows.Calls.ShouldBe(["changes deployedModels", "find deployments", "revision models"], ignoreOrder: true);
    }

    private async Task SetDefaultAsync(string deployment, bool isDefault)
    {
        var row = (await _world.Store.Rows.FindAsync(AddonWorld.NameOf("zog", deployment), Cancellation)).ShouldNotBeNull();
        (await _world.Store.Rows.UpdateSpecAsync(row, row.Spec with { Default = isDefault }, Cancellation)).Problem.ShouldBeNull();
    }

    private Task<Result<DeployedModelResource>> PatchAsync(string deployment, DeployedModelResource patch, CancellationToken cancellation) =>
        _world.Commands.UpdateAsync(AddonWorld.NameOf("zog", deployment), patch, null, cancellation);

    private async Task<bool[]> DefaultsAsync() => [(await _world.GetAsync("zog")).Default == true, (await _world.GetAsync("zog", "e")).Default == true];
}
