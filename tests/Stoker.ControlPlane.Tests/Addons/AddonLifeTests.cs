using Stoker.Api.Problems;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Tests.Deployments;

namespace Stoker.ControlPlane.Tests.Addons;

/// <summary>Addons from load to unload, with replicas that come, fail and go.</summary>
public sealed class AddonLifeTests : IAsyncDisposable
{
    private readonly AddonWorld _world = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task It_is_loaded_on_every_ready_replica_without_a_restart()
    {
        await _world.DeployAsync(replicas: 2);
        await _world.AddAddonAsync("zog");
        var replicas = _world.Ready("d");
        replicas.Count.ShouldBe(2);
        _world.World.Runtime.Running.ShouldAllBe(spec => spec.EnableAddons);

        await _world.LoadAsync("zog");

        foreach (var replica in replicas) _world.World.Runtime.AddonsOf(replica).ShouldBe([AddonWorld.Served("zog")]);
        (await _world.GetAsync("zog")).State.ShouldBe("DEPLOYED");
        (await _world.GetAsync("zog")).Default.ShouldBe(true); // the first of its model
        _world.Route("zog").ShouldNotBeNull().On.Count.ShouldBe(2);
        _world.World.Runtime.Starts.ShouldBe(2);
    }

    [Fact]
    public async Task A_new_replica_gets_its_requests_only_when_it_has_it()
    {
        await _world.DeployAsync(replicas: 2);
        await _world.AddAddonAsync("zog");
        await _world.LoadAsync("zog");
        var loads = new TaskCompletionSource();
        _world.World.Runtime.LoadsWaitFor = loads.Task;
        var (crashed, stays) = (_world.Ready("d")[0], _world.Ready("d")[1]);

        _world.World.Runtime.Crash(crashed);
        await _world.PassAsync(5);

        var fresh = _world.Ready("d").Single(id => id != stays);
        _world.Route("zog").ShouldNotBeNull().On.ShouldBe([stays.ToString()]); // ready, and without the addon
        (await _world.GetAsync("zog")).State.ShouldBe("DEPLOYED");

        loads.SetResult();
        for (var turns = 0; turns < 1000 && _world.World.Runtime.AddonsOf(fresh).Count == 0; turns++) await Task.Yield();
        await _world.PassAsync(2);
        _world.Route("zog").ShouldNotBeNull().On.ShouldBe([fresh.ToString(), stays.ToString()], ignoreOrder: true);
    }

    [Fact]
    public async Task At_zero_replicas_it_is_deployed_and_the_next_replica_gets_it()
    {
        await _world.DeployAsync(replicas: 0);
        await _world.PassAsync(5);
        await _world.World.PassAsync(TimeSpan.FromHours(2), TimeSpan.FromMinutes(1)); // long idle: at zero
        _world.Ready("d").ShouldBeEmpty();
        await _world.AddAddonAsync("zog");
        await _world.LoadAsync("zog");
        (await _world.GetAsync("zog")).State.ShouldBe("DEPLOYED");
        _world.World.Load("d").Held();
        await _world.PassAsync(5);
        _world.World.Runtime.AddonsOf(_world.Ready("d").Single()).ShouldBe([AddonWorld.Served("zog")]);
        _world.Route("zog").ShouldNotBeNull().On.Count.ShouldBe(1);
    }

    [Fact]
    public async Task One_that_cannot_be_loaded_fails_in_bounded_tries_with_the_reason_and_disturbs_no_other()
    {
        await _world.DeployAsync(replicas: 1);
        await _world.AddAddonAsync("zog");
        await _world.AddAddonAsync("bolt");
        _world.World.Runtime.BadFolders["/addons/zog"] = "/addons/zog/adapter_model.safetensors is cut off";
        await _world.LoadAsync("zog");
        await _world.LoadAsync("bolt");
        (await _world.GetAsync("zog")).State.ShouldBe("DEPLOYING");
        (await _world.GetAsync("zog")).Status.ShouldNotBeNull().Message.ShouldNotBeNull().ShouldContain("try 1 of 3");
        (await _world.GetAsync("bolt")).State.ShouldBe("DEPLOYED");

        await _world.PassAsync(120);
        var failed = await _world.GetAsync("zog");
        failed.State.ShouldBe("FAILED");
        failed.Status.ShouldNotBeNull().Message.ShouldNotBeNull().ShouldContain("3 tries: adapter_model.safetensors is cut off");
        _world.World.Runtime.AddonCalls.Count(call => call == $"load {AddonWorld.Served("zog")}").ShouldBe(3);
        _world.Route("zog").ShouldNotBeNull().Failure.ShouldNotBeNull();
        _world.Route("bolt").ShouldNotBeNull().On.Count.ShouldBe(1);

        // Mended, undeployed and deployed again, it has new tries.
        _world.World.Runtime.BadFolders.Clear();
        await _world.UnloadAsync("zog");
        (await _world.FindAsync("zog")).ShouldBeNull();
        await _world.LoadAsync("zog");
        (await _world.GetAsync("zog")).State.ShouldBe("DEPLOYED");
    }

    [Fact]
    public async Task Unloading_takes_the_route_away_first_and_frees_every_replica()
    {
        await _world.DeployAsync(replicas: 2);
        await _world.AddAddonAsync("zog");
        await _world.LoadAsync("zog");
        _world.World.Runtime.Silent.Add(_world.Ready("d")[0]);

        await _world.UnloadAsync("zog");
        (await _world.GetAsync("zog")).State.ShouldBe("UNDEPLOYING"); // one has not let it go yet
        _world.Route("zog").ShouldBeNull();
        (await _world.TryLoadAsync("zog")).Problem.ShouldNotBeNull().Message.ShouldContain("is being undeployed");

        _world.World.Runtime.Silent.Clear();
        await _world.PassAsync(120);
        (await _world.FindAsync("zog")).ShouldBeNull();
        foreach (var replica in _world.Ready("d")) _world.World.Runtime.AddonsOf(replica).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_name_that_is_used_again_never_means_the_old_files()
    {
        await _world.DeployAsync(replicas: 1);
        await _world.AddAddonAsync("zog", digest: "old");
        await _world.LoadAsync("zog");
        await _world.UnloadAsync("zog");
        await _world.RemoveAddonAsync("zog");
        await _world.AddAddonAsync("zog", digest: "new");
        await _world.LoadAsync("zog");
        _world.World.Runtime.AddonsOf(_world.Ready("d").Single()).ShouldBe([AddonWorld.Served("zog", "new")]);
        _world.Route("zog").ShouldNotBeNull().ServedName.ShouldBe(AddonWorld.Served("zog", "new"));
    }

    [Fact]
    public async Task A_thousand_addons_cost_one_question_and_one_load_each_on_every_replica()
    {
        await _world.DeployAsync(replicas: 2);
        for (var number = 0; number < 1_000; number++)
        {
            await _world.AddAddonAsync($"a{number}");
            (await _world.TryLoadAsync($"a{number}")).Problem.ShouldBeNull();
        }

        await _world.SettleAsync();
        await _world.PassAsync(2);

        foreach (var replica in _world.Ready("d")) _world.World.Runtime.AddonsOf(replica).Count.ShouldBe(1_000);
        (await _world.Store.Rows.ListAsync(null, Cancellation)).Items.ShouldAllBe(row => row.Status.State == ControlPlane.Addons.DeployedModelState.Deployed);
        _world.World.Runtime.AddonCalls.Count.ShouldBe(2 + 2_000);
    }

    [Fact]
    public async Task A_new_server_asks_the_replicas_and_loads_nothing_twice()
    {
        await _world.DeployAsync(replicas: 2);
        await _world.AddAddonAsync("zog");
        await _world.LoadAsync("zog");
        _world.World.Runtime.AddonCalls.Clear();

        await _world.RestartServerAsync();
        _world.Route("zog").ShouldNotBeNull().On.ShouldBeEmpty(); // known at once: its requests wait for the answer
        await _world.SettleAsync();

        _world.Route("zog").ShouldNotBeNull().On.Count.ShouldBe(2);
        _world.World.Runtime.AddonCalls.ShouldBe(["list", "list"]);
        (await _world.GetAsync("zog")).State.ShouldBe("DEPLOYED");
    }

    [Fact]
    public async Task A_replica_that_does_not_say_what_it_has_is_asked_again()
    {
        await _world.DeployAsync(replicas: 1);
        await _world.AddAddonAsync("zog");
        _world.World.Runtime.Silent.Add(_world.Ready("d").Single());
        await _world.LoadAsync("zog");
        (await _world.GetAsync("zog")).State.ShouldBe("DEPLOYING");
        _world.World.Runtime.Silent.Clear();
        await _world.PassAsync(3);
        (await _world.GetAsync("zog")).State.ShouldBe("DEPLOYED");
    }

    [Fact]
    public async Task They_outlive_a_soft_deletion_and_go_with_the_deployment()
    {
        await _world.DeployAsync(replicas: 1);
        await _world.AddAddonAsync("zog");
        await _world.LoadAsync("zog");
        (await _world.World.DeleteAsync("d", hard: false)).Problem.ShouldBeNull();
        await _world.PassAsync(10);
        (await _world.FindAsync("zog")).ShouldNotBeNull();
        (await _world.World.UndeleteAsync("d")).Problem.ShouldBeNull();
        await _world.PassAsync(10);
        _world.World.Runtime.AddonsOf(_world.Ready("d").Single()).Count.ShouldBe(1);

        (await _world.World.DeleteAsync("d", hard: true)).Problem.ShouldBeNull();
        await _world.PassAsync(10);
        (await _world.FindAsync("zog")).ShouldBeNull();
        _world.Route("zog").ShouldBeNull();
    }

    [Fact]
    public async Task An_addon_in_use_is_kept_and_so_is_the_switch_of_its_deployment()
    {
        await _world.DeployAsync(replicas: 1);
        await _world.AddAddonAsync("zog");
        await _world.LoadAsync("zog");
        var users = await new ControlPlane.Addons.AddonModelUse(_world.Store).FindUsersAsync(AddonWorld.ModelOf("zog"), Cancellation);
        users.ShouldBe([AddonWorld.NameOf("zog").ToString()]);
        var commands = new DeploymentCommands(
            _world.World.Store, _world.World.Models, new(_world.World.Models), _world.World.Inventory, _world.World.Terms, new(_world.World.Accounts),
            _world.World.Requests, _world.World.Time, [new ControlPlane.Addons.AddonUse(_world.Store)]);
        var problem = (await commands.UpdateAsync(DeploymentWorld.Name("d"), new() { EnableAddons = false }, "enable_addons", Cancellation)).Problem.ShouldNotBeNull();
        problem.Code.ShouldBe(Code.FailedPrecondition);
        problem.Message.ShouldContain("undeploy them first");
        await _world.UnloadAsync("zog");
        (await commands.UpdateAsync(DeploymentWorld.Name("d"), new() { EnableAddons = false }, "enable_addons", Cancellation)).Problem.ShouldBeNull();
    }

    [Fact]
    public async Task Switching_addons_on_makes_new_replicas_that_take_them()
    {
        await _world.World.AddModelAsync();
        await _world.World.CreateAsync("d", new() { BaseModel = "story-3m", MinReplicaCount = 1 });
        await _world.PassAsync(5);
        await _world.AddAddonAsync("zog");
        (await _world.TryLoadAsync("zog")).Problem.ShouldNotBeNull().Message.ShouldContain("firectl update deployment d --enable-addons");
        await _world.World.UpdateAsync("d", new() { EnableAddons = true }, "enable_addons");
        (await _world.TryLoadAsync("zog")).Problem.ShouldNotBeNull().Message.ShouldContain("not READY");
        await _world.PassAsync(10);
        (await _world.World.GetAsync("d")).Revision.ShouldBe(2);
        await _world.LoadAsync("zog");
        (await _world.GetAsync("zog")).State.ShouldBe("DEPLOYED");
    }
}
