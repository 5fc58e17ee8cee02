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

    [Theory]
    [InlineData("0-3", new[] { 0, 1, 2, 3 })]
    [InlineData(" 0,2-4,9\n", new[] { 0, 2, 3, 4, 9 })]
    public void Lists_of_cores_are_read_as_the_kernel_writes_them(string text, int[] expected) =>
        Machine.ParseCores(text).ShouldBe(expected);
}
