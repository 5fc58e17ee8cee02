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
        _world.World.Runtime.Running.ShouldAllBe(spec => spec.EnableAddons && spec.MaxLoadedAddons == 0);

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
    public async Task A_replica_that_wakes_gets_first_what_requests_wait_for()
    {
        await _world.DeployAsync(replicas: 0);
        await _world.World.PassAsync(TimeSpan.FromHours(2), TimeSpan.FromMinutes(1)); // long idle: at zero
        for (var number = 0; number < 100; number++) await DeployOneAsync($"a{number}");
        await _world.SettleAsync();
        _world.Ready("d").ShouldBeEmpty();

        _world.Demand.Wait(DeploymentWorld.Name("d"), AddonWorld.ModelOf("a77"), isLacking: false);
        _world.World.Load("d").Held();
        await _world.PassAsync(5);

        _world.World.Runtime.AddonCalls[..2].ShouldBe(["list", $"load {AddonWorld.Served("a77")}"]);
        _world.World.Runtime.AddonsOf(_world.Ready("d").Single()).Count.ShouldBe(100);
    }

    [Fact]
    public async Task A_replica_that_loads_a_hundred_others_interrupts_that_for_what_requests_begin_to_wait_for()
    {
        await _world.DeployAsync(replicas: 1);
        var replica = _world.Ready("d").Single();
        for (var number = 0; number < 100; number++) await DeployOneAsync($"a{number}");
        var loads = new TaskCompletionSource();
        _world.World.Runtime.LoadsWaitFor = loads.Task;
        await _world.SettleAsync(); // it is at its first load
        _world.World.Runtime.AddonCalls.ShouldBe(["list", $"load {AddonWorld.Served("a0")}"]);

        _world.Demand.Wait(DeploymentWorld.Name("d"), AddonWorld.ModelOf("a77"), isLacking: true);
        await _world.SettleAsync();
        _world.World.Runtime.LoadsWaitFor = null;
        loads.SetResult();
        for (var turns = 0; turns < 1000 && _world.World.Runtime.AddonsOf(replica).Count == 0; turns++) await Task.Yield();
        await _world.PassAsync(1);

        _world.World.Runtime.AddonCalls[2].ShouldBe($"load {AddonWorld.Served("a77")}");
        _world.World.Runtime.AddonsOf(replica).Count.ShouldBe(100);
        _world.World.Runtime.AddonCalls.Count.ShouldBe(1 + 100); // nothing twice
    }

    [Fact]
    public async Task What_a_replica_lost_behind_our_back_it_gets_again_and_what_else_it_lost_too()
    {
        await _world.DeployAsync(replicas: 2);
        foreach (var id in new[] { "zog", "bolt", "other" }) await DeployOneAsync(id);
        await _world.SettleAsync();
        var (forgetful, faithful) = (_world.Ready("d")[0], _world.Ready("d")[1]);
        _world.World.Runtime.AddonsOf(forgetful).Remove(AddonWorld.Served("zog"));
        _world.World.Runtime.AddonsOf(forgetful).Remove(AddonWorld.Served("bolt"));
        _world.World.Runtime.AddonCalls.Clear();
        var loads = new TaskCompletionSource();
        _world.World.Runtime.LoadsWaitFor = loads.Task;

        _world.Demand.Lost(DeploymentWorld.Name("d"), new(forgetful.ToString(), AddonWorld.Served("zog")));
        await _world.SettleAsync();
        _world.Route("zog").ShouldNotBeNull().On.ShouldBe([faithful.ToString()]); // it gets none of its requests meanwhile
        _world.Route("bolt").ShouldNotBeNull().On.ShouldBe([faithful.ToString()]);
        _world.Route("other").ShouldNotBeNull().On.Count.ShouldBe(2);

        loads.SetResult();
        for (var turns = 0; turns < 1000 && _world.World.Runtime.AddonsOf(forgetful).Count < 3; turns++) await Task.Yield();
        await _world.PassAsync(1);
        _world.World.Runtime.AddonCalls.ShouldBe(["list", $"load {AddonWorld.Served("bolt")}", $"load {AddonWorld.Served("zog")}"]);
        _world.Route("zog").ShouldNotBeNull().On.Count.ShouldBe(2);

        // Who says so when it is there already has it asked once, and loaded never.
        _world.World.Runtime.AddonCalls.Clear();
        _world.Demand.Lost(DeploymentWorld.Name("d"), new(forgetful.ToString(), AddonWorld.Served("zog")));
        _world.Demand.Lost(DeploymentWorld.Name("d"), new("replica09999", AddonWorld.Served("zog"))); // gone since
        await _world.PassAsync(1);
        _world.World.Runtime.AddonCalls.ShouldBe(["list"]);
        _world.Route("zog").ShouldNotBeNull().On.Count.ShouldBe(2);
    }

    [Fact]
    public async Task A_rolling_update_keeps_the_old_replica_until_the_new_one_has_every_addon_that_can_be_had()
    {
        await _world.DeployAsync(replicas: 1);
        foreach (var id in new[] { "zog", "bolt", "bad" }) await DeployOneAsync(id);
        _world.World.Runtime.BadFolders["/addons/bad"] = "cut off";
        await _world.PassAsync(120);
        var old = _world.Ready("d").Single();
        var loads = new TaskCompletionSource();
        _world.World.Runtime.LoadsWaitFor = loads.Task;

        await _world.World.UpdateAsync("d", new() { MaxContextLength = 512 }, "max_context_length");
        await _world.PassAsync(30);

        _world.Ready("d").Count.ShouldBe(2);
        _world.Route("zog").ShouldNotBeNull().On.ShouldBe([old.ToString()]); // served all the while
        var updating = await _world.World.GetAsync("d");
        updating.Status.State.ShouldBe(DeploymentState.Updating);
        updating.Status.Condition.ShouldNotBeNull().Message.ShouldContain("Addons are being loaded: 0/3 loaded");

        _world.World.Runtime.LoadsWaitFor = null;
        loads.SetResult();
        for (var turns = 0; turns < 1000 && _world.World.Runtime.AddonsOf(_world.Ready("d").Single(id => id != old)).Count < 2; turns++) await Task.Yield();
        await _world.PassAsync(2);
        _world.Ready("d").ShouldContain(old); // the bad one is still tried
        await _world.PassAsync(120);
        var fresh = _world.Ready("d").ShouldHaveSingleItem();
        fresh.ShouldNotBe(old);
        _world.World.Runtime.AddonsOf(fresh).Count.ShouldBe(2);
        (await _world.World.GetAsync("d")).Status.State.ShouldBe(DeploymentState.Ready);
        (await _world.World.GetAsync("d")).Status.Condition.ShouldBeNull();
        (await _world.GetAsync("bad")).State.ShouldBe("FAILED");
    }

    [Fact]
    public async Task A_replica_that_lacks_addons_for_long_is_told_in_both_states()
    {
        await _world.DeployAsync(replicas: 2);
        await DeployOneAsync("zog");
        await _world.SettleAsync();
        var loads = new TaskCompletionSource();
        _world.World.Runtime.LoadsWaitFor = loads.Task;
        _world.World.Runtime.Crash(_world.Ready("d")[0]);
        await _world.PassAsync(20);
        (await _world.GetAsync("zog")).State.ShouldBe("DEPLOYING");
        (await _world.GetAsync("zog")).Status.ShouldNotBeNull().Message.ShouldNotBeNull().ShouldStartWith("1 of 2 ready replicas have it");
        (await _world.World.GetAsync("d")).Status.Condition.ShouldNotBeNull().Message.ShouldContain("0/1 loaded on the replica that has the fewest");

        loads.SetResult();
        for (var turns = 0; turns < 1000 && !_world.Ready("d").All(id => _world.World.Runtime.AddonsOf(id).Count == 1); turns++) await Task.Yield();
        await _world.PassAsync(2);
        (await _world.GetAsync("zog")).State.ShouldBe("DEPLOYED");
        (await _world.World.GetAsync("d")).Status.Condition.ShouldBeNull();
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
    public async Task More_addons_in_memory_make_new_replicas_and_lose_none()
    {
        await _world.DeployAsync(replicas: 1);
        await DeployOneAsync("zog");
        await _world.SettleAsync();
        await _world.World.UpdateAsync("d", new() { StokerMaxLoadedAddons = 64 }, "stoker_max_loaded_addons");
        await _world.PassAsync(10);
        _world.World.Runtime.Running.ShouldHaveSingleItem().MaxLoadedAddons.ShouldBe(64);
        _world.World.Runtime.AddonsOf(_world.Ready("d").Single()).ShouldBe([AddonWorld.Served("zog")]);
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

    private async Task DeployOneAsync(string id)
    {
        await _world.AddAddonAsync(id);
        (await _world.TryLoadAsync(id)).Problem.ShouldBeNull();
    }
}
