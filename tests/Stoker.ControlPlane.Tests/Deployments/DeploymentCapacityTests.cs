using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Replicas;

namespace Stoker.ControlPlane.Tests.Deployments;

/// <summary>Deployments on an emulated inventory: where they go, what they wait for, what they give back.</summary>
public sealed class DeploymentCapacityTests : IAsyncDisposable
{
    private static readonly Region Iowa = Region.Parse("US_IOWA_1");
    private static readonly Region Paris = Region.Parse("EU_PARIS_1");
    private static readonly DeploymentResource OnH100 = new() { BaseModel = "story-3m", AcceleratorType = "NVIDIA_H100_80GB", MinReplicaCount = 1 };

    private readonly List<DeploymentWorld> _worlds = [];

    public async ValueTask DisposeAsync()
    {
        foreach (var world in _worlds) await world.DisposeAsync();
    }

    [Fact]
    public async Task A_deployment_goes_where_most_is_free_and_stays_there()
    {
        var world = await NewAsync();
        await world.CreateAsync("d", OnH100 with { AcceleratorCount = 2 });
        await world.PassAsync(3);
        (await world.GetAsync("d")).Status.Region.ShouldBe(Iowa); // four, and Paris has two

        // Two more would fit in Paris, but a deployment's region never changes.
        await world.UpdateAsync("d", new() { MinReplicaCount = 3, MaxReplicaCount = 3 }, "min_replica_count,max_replica_count");
        await world.PassAsync(3);
        var status = (await world.GetAsync("d")).Status;
        status.Replicas.Where(replica => replica.Allotment is not null).ShouldAllBe(replica => replica.Allotment!.Region == Iowa);
        status.Stockout.ShouldBe(new Stockout(AcceleratorType.H100, "US_IOWA_1", 2, 1, status.Replicas.Single(replica => replica.State == ReplicaState.Pending).CreateTime));
    }

    [Fact]
    public async Task An_emulated_deployment_says_so_from_its_first_answer_and_its_replicas_are_simulated()
    {
        var world = await NewAsync();
        await world.AddModelAsync("llama-v3p1-8b-instruct", ready: false); // no weights: a simulated replica needs none
        var created = (await world.TryCreateAsync("d", OnH100 with { BaseModel = "llama-v3p1-8b-instruct", AcceleratorCount = 2 })).Value;
        created.ToResource().Emulated.ShouldBe(true);
        await world.PassAsync(3);
        var replica = world.Runtime.Running.Single();
        (replica.EmulatedBy, replica.ModelFolder, replica.Slots.Count).ShouldBe(("simulated", "", 2));
        replica.Simulate.ShouldNotBeNull().ShouldStartWith("boot-seconds=0,decode-rate=81.2"); // 50 times 2 to the 0.7
        (await world.GetAsync("d")).ToResource().State.ShouldBe("READY");

        await world.CreateAsync("real", new() { BaseModel = "story-3m" });
        (await world.GetAsync("real")).ToResource().Emulated.ShouldBeNull();
    }

    [Fact]
    public async Task The_count_that_is_not_given_is_what_the_model_needs()
    {
        var world = await NewAsync();
        (await world.TryCreateAsync("small", OnH100)).Value.Spec.AcceleratorCount.ShouldBe(1);
        (await world.TryCreateAsync("long", OnH100 with { AutoTune = new() { LongPrompt = true } })).Value.Spec.AcceleratorCount.ShouldBe(2);
        (await world.TryCreateAsync("chosen", OnH100 with { AcceleratorCount = 4 })).Value.Spec.AcceleratorCount.ShouldBe(4);
    }

    [Fact]
    public async Task A_stockout_names_type_region_and_count_freezes_nothing_and_ends_as_soon_as_capacity_comes()
    {
        var world = await NewAsync();
        await world.CreateAsync("first", OnH100 with { AcceleratorCount = 4, Placement = new() { Region = "US_IOWA_1" } });
        await world.CreateAsync("second", OnH100 with { AcceleratorCount = 2, Placement = new() { Region = "US_IOWA_1" } });
        await world.PassAsync(3);
        var waiting = (await world.GetAsync("second")).ToResource();
        waiting.Status.ShouldNotBeNull().Code.ShouldBe("RESOURCE_EXHAUSTED");
        waiting.Status.Message.ShouldStartWith("Stockout: 1 of 1 replicas wait for capacity: each needs 2 NVIDIA_H100_80GB in US_IOWA_1, 0 are free; there is 4 NVIDIA_H100_80GB (emulated) in US_IOWA_1.");
        waiting.Stockout.ShouldNotBeNull();
        (waiting.Stockout.AcceleratorType, waiting.Stockout.Region, waiting.Stockout.AcceleratorCount, waiting.Stockout.ReplicaCount)
            .ShouldBe(("NVIDIA_H100_80GB", "US_IOWA_1", 2, 1));

        // Another change is carried out at once: the smaller one does not wait behind the larger.
        await world.UpdateAsync("second", new() { DisplayName = "changed", MinReplicaCount = 0, MaxReplicaCount = 0 }, "display_name,min_replica_count,max_replica_count");
        (await world.GetAsync("second")).ToResource().Stockout.ShouldBeNull();
        (await world.GetAsync("second")).Status.State.ShouldBe(DeploymentState.Ready);
        await world.UpdateAsync("second", new() { MinReplicaCount = 1, MaxReplicaCount = 1 }, "min_replica_count,max_replica_count");
        (await world.GetAsync("second")).ToResource().Stockout.ShouldNotBeNull();

        await world.DeleteAsync("first", hard: true);
        await world.PassAsync(4);
        var ready = (await world.GetAsync("second")).ToResource();
        (ready.State, ready.Stockout, ready.ReplicaStats?.ReadyReplicaCount).ShouldBe(("READY", null, 1));
    }

    [Fact]
    public async Task What_is_reserved_is_kept_free_and_its_account_gets_it()
    {
        var world = await NewAsync();
        await world.ReserveAsync("beta", 4, AcceleratorType.H100, Iowa);
        await world.CreateAsync("mine", OnH100 with { Placement = new() { Region = "US_IOWA_1" } });
        await world.PassAsync(2);
        (await world.GetAsync("mine")).Status.Condition.ShouldNotBeNull().Message.ShouldContain("4 are free, of which 4 are reserved for others");
        await world.CreateOfAsync("beta", "theirs", OnH100 with { AcceleratorCount = 4 });
        await world.PassAsync(3);
        (await world.GetOfAsync("beta", "theirs")).Status.State.ShouldBe(DeploymentState.Ready);

        await world.EndReservationAsync("beta");
        await world.PassAsync(2);
        (await world.GetAsync("mine")).Status.Stockout.ShouldNotBeNull(); // the slots are taken all the same
    }

    [Fact]
    public async Task A_reservation_that_begins_gets_what_others_hold_by_their_drain()
    {
        var world = await NewAsync();
        await world.CreateAsync("mine", OnH100 with { MinReplicaCount = 4, Placement = new() { Region = "US_IOWA_1" } });
        await world.PassAsync(3);
        var oldest = (await world.GetAsync("mine")).Status.Replicas.Select(replica => replica.Id).ToList();
        await world.ReserveAsync("beta", 2, AcceleratorType.H100, Iowa, start: world.Time.GetUtcNow().AddMinutes(10));
        await world.CreateOfAsync("beta", "theirs", OnH100 with { AcceleratorCount = 2, Placement = new() { Region = "US_IOWA_1" } });
        await world.PassAsync(60);
        (await world.GetOfAsync("beta", "theirs")).Status.Stockout.ShouldNotBeNull(); // not yet
        world.Runtime.Stopping.ShouldBeEmpty();

        await world.PassAsync(TimeSpan.FromMinutes(10), TimeSpan.FromSeconds(1));
        (await world.GetOfAsync("beta", "theirs")).Status.State.ShouldBe(DeploymentState.Ready);
        var left = (await world.GetAsync("mine")).Status;
        left.Replicas.Count(replica => replica.State == ReplicaState.Ready).ShouldBe(2); // no more was given than was needed
        left.Replicas.Where(replica => replica.State == ReplicaState.Ready).ShouldAllBe(replica => oldest.Contains(replica.Id));
        left.Stockout.ShouldNotBeNull().Replicas.ShouldBe(2);
    }

    [Fact]
    public async Task What_is_borrowed_goes_back_when_its_account_wants_it()
    {
        var world = await NewAsync(new() { BorrowReserved = true });
        await world.ReserveAsync("beta", 4, AcceleratorType.H100, Iowa);
        await world.CreateAsync("mine", OnH100 with { MinReplicaCount = 4, Placement = new() { Region = "US_IOWA_1" } });
        await world.PassAsync(3);
        (await world.GetAsync("mine")).Status.Replicas.Count(replica => replica.State == ReplicaState.Ready).ShouldBe(4);
        await world.CreateOfAsync("beta", "theirs", OnH100 with { AcceleratorCount = 3, Placement = new() { Region = "US_IOWA_1" } });
        await world.PassAsync(6);
        (await world.GetOfAsync("beta", "theirs")).Status.State.ShouldBe(DeploymentState.Ready);
        (await world.GetAsync("mine")).Status.Replicas.Count(replica => replica.State == ReplicaState.Ready).ShouldBe(1);
    }

    [Fact]
    public async Task A_wish_beyond_the_quota_is_refused_in_the_hosted_words()
    {
        var world = await NewAsync(new() { QuotaPerType = 3 });
        await world.CreateAsync("first", OnH100 with { AcceleratorCount = 2 });
        var problem = (await world.TryCreateAsync("second", OnH100 with { AcceleratorCount = 2 })).Problem.ShouldNotBeNull();
        problem.Code.ShouldBe(Code.ResourceExhausted);
        problem.Message.ShouldStartWith("global--h100-count for account acme, in use: 2, quota: 3, requesting: 2; ");

        // It is per type and per account, a reservation raises it, and what exists may be changed.
        (await world.TryCreateAsync("cpu", new() { BaseModel = "story-3m" })).Problem.ShouldBeNull();
        await world.CreateOfAsync("beta", "theirs", OnH100 with { AcceleratorCount = 2 });
        (await world.TryUpdateAsync("first", new() { DisplayName = "x" })).Problem.ShouldBeNull();
        (await world.TryUpdateAsync("first", new() { AcceleratorCount = 4 })).Problem.ShouldNotBeNull().Code.ShouldBe(Code.ResourceExhausted);
        await world.ReserveAsync("acme", 1, AcceleratorType.H100, Iowa);
        (await world.TryCreateAsync("second", OnH100 with { AcceleratorCount = 2 })).Problem.ShouldBeNull();
    }

    [Fact]
    public async Task A_replica_beyond_the_quota_waits_and_says_what_for()
    {
        var world = await NewAsync();
        await world.CreateAsync("d", OnH100 with { MinReplicaCount = 2 });
        await world.PassAsync(3);
        await world.LimitAsync("acme", AcceleratorType.H100, 1); // nobody is stopped by it
        await world.PassAsync(3);
        world.Runtime.Stopping.ShouldBeEmpty();

        world.Runtime.Crash((await world.GetAsync("d")).Status.Replicas[0].Id);
        await world.PassAsync(5);
        var waiting = (await world.GetAsync("d")).Status;
        waiting.Condition.ShouldNotBeNull().Message.ShouldContain("1 of 2 replicas wait for quota: global--h100-count for account acme, in use: 1, quota: 1, requesting: 1");
        waiting.Stockout.ShouldBeNull();
        await world.LimitAsync("acme", AcceleratorType.H100, 2);
        await world.PassAsync(5);
        (await world.GetAsync("d")).Status.Replicas.Count(replica => replica.State == ReplicaState.Ready).ShouldBe(2);
    }

    [Theory]
    [InlineData("US_MARS_1", "NVIDIA_H100_80GB", 1, "placement: there is no region US_MARS_1; regions are LOCAL, EU_PARIS_1, US_IOWA_1")]
    [InlineData("LOCAL", "NVIDIA_H100_80GB", 1, "accelerator_type: no region of LOCAL has NVIDIA_H100_80GB")]
    [InlineData("EU_PARIS_1", "NVIDIA_H100_80GB", 4, "accelerator_count: a replica needs 4 NVIDIA_H100_80GB in one region, the largest has 2")]
    public async Task What_is_not_there_is_refused_with_what_is(string region, string type, int count, string expected)
    {
        var world = await NewAsync();
        var asked = OnH100 with { AcceleratorType = type, AcceleratorCount = count, Placement = new() { Region = region } };
        var problem = (await world.TryCreateAsync("d", asked)).Problem.ShouldNotBeNull();
        problem.Code.ShouldBe(Code.InvalidArgument);
        problem.Message.ShouldContain(expected);
    }

    [Fact]
    public async Task Precisions_are_free_where_there_is_nothing_to_quantize()
    {
        var world = await NewAsync();
        (await world.TryCreateAsync("d", OnH100 with { Precision = "FP8" })).Problem.ShouldBeNull();
        (await world.TryCreateAsync("e", new() { BaseModel = "story-3m", Precision = "FP8" })).Problem.ShouldNotBeNull().Code.ShouldBe(Code.FailedPrecondition);
    }

    [Fact]
    public async Task Emulated_by_our_own_engine_it_needs_weights_and_says_so_all_the_same()
    {
        var world = new DeploymentWorld(new Inventory([new(Iowa, AcceleratorType.H100, 4, [], 1000) { EmulatedBy = "stoker" }]));
        _worlds.Add(world);
        await world.AddModelAsync();
        await world.AddModelAsync("llama-v3p1-8b-instruct", ready: false);
        (await world.TryCreateAsync("no", OnH100 with { BaseModel = "llama-v3p1-8b-instruct" })).Problem.ShouldNotBeNull().Code.ShouldBe(Code.FailedPrecondition);
        await world.CreateAsync("d", OnH100 with { AcceleratorCount = 2 });
        await world.PassAsync(3);
        var replica = world.Runtime.Running.Single();
        (replica.EmulatedBy, replica.Simulate, replica.ModelFolder, replica.MemoryBytes).ShouldBe(("stoker", null, "/models/story-3m", 2000));
        (await world.GetAsync("d")).ToResource().Emulated.ShouldBe(true);
    }

    private async Task<DeploymentWorld> NewAsync(CapacityOptions? capacity = null)
    {
        var inventory = new Inventory(
        [
            new(Region.Local, AcceleratorType.Cpu, 2, [], 1 << 30),
            new(Paris, AcceleratorType.H100, 2, [], 1 << 30) { EmulatedBy = Inventory.Simulated },
            new(Iowa, AcceleratorType.H100, 4, [], 1 << 30) { EmulatedBy = Inventory.Simulated },
        ]);
        var world = new DeploymentWorld(inventory, capacity);
        _worlds.Add(world);
        await world.AddModelAsync();
        return world;
    }
}
