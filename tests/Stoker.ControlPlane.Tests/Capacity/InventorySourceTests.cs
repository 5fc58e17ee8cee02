using Stoker.ControlPlane.Capacity;

namespace Stoker.ControlPlane.Tests.Capacity;

public class InventorySourceTests
{
    private static readonly Machine FourCores = new([0, 1, 6, 7], 1000);

    [Fact]
    public void A_plain_machine_has_one_region_with_a_slot_per_core_and_four_fifths_of_the_memory()
    {
        var pool = InventorySource.From(new(), FourCores).Pools.Single();
        (pool.Region, pool.Type, pool.Count, pool.MemoryBytesPerSlot).ShouldBe((Region.Local, AcceleratorType.Cpu, 4, 200));
        pool.Cores.ShouldBe([0, 1, 6, 7]);
    }

    [Theory]
    [InlineData(1, new[] { 0 })]
    [InlineData(3, new[] { 0, 1, 6 })]
    [InlineData(8, new[] { 0, 1, 6, 7 })]
    public void A_quota_below_the_mask_leaves_the_first_cores(int cores, int[] left)
    {
        var pool = InventorySource.From(new(), FourCores.Within(cores)).Pools.Single();
        pool.Cores.ShouldBe(left);
        pool.Count.ShouldBe(left.Length);
    }

    [Fact]
    public void Without_pinning_there_may_be_more_slots_than_cores_and_none_has_a_core()
    {
        var pool = InventorySource.From(new() { Pinned = false, Slots = 8 }, FourCores).Pools.Single();
        (pool.Count, pool.Cores.Count, pool.MemoryBytesPerSlot).ShouldBe((8, 0, 100));
        InventorySource.From(new() { Pinned = false }, FourCores).Pools.Single().Count.ShouldBe(16);
    }

    [Fact]
    public void Regions_divide_the_cores()
    {
        var options = new CapacityOptions();
        options.Regions["US_IOWA_1"] = 3;
        options.Regions["EU_PARIS_1"] = 1;
        var pools = InventorySource.From(options, FourCores).Pools;
        pools.Select(pool => (pool.Region.Name, pool.Count)).ShouldBe([("EU_PARIS_1", 1), ("US_IOWA_1", 3)]);
        pools.SelectMany(pool => pool.Cores).ShouldBe([0, 1, 6, 7]);
    }

    [Theory]
    [InlineData(true, 5, "LOCAL", 1, "Slots is 5, and pinned replicas have 4 cores")]
    [InlineData(true, null, "local", 1, "has the name 'local'")]
    [InlineData(true, null, "LOCAL", 0, "must be at least 1")]
    [InlineData(true, null, "LOCAL", 5, "have 5 slots together, there are 4")]
    [InlineData(false, 0, "LOCAL", 1, "between 1 and 4096")]
    public void A_bad_value_stops_the_start_and_is_named(bool pinned, int? slots, string region, int count, string expected)
    {
        var options = new CapacityOptions { Pinned = pinned, Slots = slots };
        options.Regions[region] = count;
        new CapacityOptionsValidator(FourCores).Validate(null, options).FailureMessage.ShouldNotBeNull().ShouldContain(expected);
    }

    [Fact]
    public void Emulated_accelerators_stand_beside_the_real_ones_and_say_so()
    {
        var options = new CapacityOptions { EmulatedEngine = "stoker", DefaultType = "NVIDIA_A100_80GB" };
        options.Emulated["US_IOWA_1"] = new() { ["NVIDIA_H100_80GB"] = 16, ["NVIDIA_A100_80GB"] = 8 };
        options.Emulated["EU_PARIS_1"] = new() { ["AMD_MI300X_192GB"] = 8 };
        var inventory = InventorySource.From(options, FourCores);
        inventory.ToString().ShouldBe(
            "4 CPU in LOCAL, 8 AMD_MI300X_192GB (emulated) in EU_PARIS_1, 8 NVIDIA_A100_80GB (emulated) in US_IOWA_1, 16 NVIDIA_H100_80GB (emulated) in US_IOWA_1");
        inventory.Pools.Skip(1).ShouldAllBe(pool => pool.EmulatedBy == "stoker" && pool.MemoryBytesPerSlot == 200 && pool.Cores.Count == 0);
        inventory.DefaultType.ShouldBe(AcceleratorType.A100);
        inventory.IsSimulated(AcceleratorType.H100).ShouldBeFalse();
        InventorySource.From(new(), FourCores).DefaultType.ShouldBe(AcceleratorType.Cpu);
        options.EmulatedEngine = "simulated";
        InventorySource.From(options, FourCores).IsSimulated(AcceleratorType.H100).ShouldBeTrue();
        InventorySource.From(options, FourCores).IsSimulated(AcceleratorType.Cpu).ShouldBeFalse();
    }

    [Theory]
    [InlineData("us-iowa", "NVIDIA_H100_80GB", 1, "simulated", null, "Emulated has the name 'us-iowa'")]
    [InlineData("EUROPE", "NVIDIA_H100_80GB", 1, "simulated", null, "no name of a group")]
    [InlineData("US_IOWA_1", "H100", 1, "simulated", null, "the type must be one of NVIDIA_A100_80GB")]
    [InlineData("US_IOWA_1", "CPU", 1, "simulated", null, "CPU is what this machine really has")]
    [InlineData("US_IOWA_1", "NVIDIA_H100_80GB", 0, "simulated", null, "is 0, it must be from 1")]
    [InlineData("US_IOWA_1", "NVIDIA_H100_80GB", 1, "vllm", null, "must be simulated or stoker")]
    [InlineData("US_IOWA_1", "NVIDIA_H100_80GB", 1, "simulated", "NVIDIA_A100_80GB", "DefaultType is NVIDIA_A100_80GB, which no region has")]
    public void A_bad_emulated_inventory_stops_the_start_and_is_named(string region, string type, int count, string engine, string? defaultType, string expected)
    {
        var options = new CapacityOptions { EmulatedEngine = engine, DefaultType = defaultType };
        options.Emulated[region] = new() { [type] = count };
        new CapacityOptionsValidator(FourCores).Validate(null, options).FailureMessage.ShouldNotBeNull().ShouldContain(expected);
    }

    [Theory]
    [InlineData("0-3", new[] { 0, 1, 2, 3 })]
    [InlineData(" 0,2-4,9\n", new[] { 0, 2, 3, 4, 9 })]
    public void Lists_of_cores_are_read_as_the_kernel_writes_them(string text, int[] expected) =>
        Machine.ParseCores(text).ShouldBe(expected);
}
