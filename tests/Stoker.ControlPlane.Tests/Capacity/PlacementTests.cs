using FsCheck;
using FsCheck.Fluent;
using Stoker.ControlPlane.Capacity;

namespace Stoker.ControlPlane.Tests.Capacity;

public class PlacementTests
{
    private static readonly Region Iowa = Region.Parse("US_IOWA_1");
    private static readonly Region Paris = Region.Parse("EU_PARIS_1");
    private static readonly Inventory Two = new(
        [new(Iowa, AcceleratorType.Cpu, 4, [], 1), new(Paris, AcceleratorType.Cpu, 2, [], 1), new(Paris, AcceleratorType.H100, 8, [], 1)]);

    [Theory]
    [InlineData("GLOBAL", 1, "US_IOWA_1")] // most free
    [InlineData("EUROPE", 1, "EU_PARIS_1")]
    [InlineData("EUROPE", 3, null)] // no region of the group has three
    [InlineData("APAC", 1, null)]
    [InlineData("US", 4, "US_IOWA_1")]
    public void A_replica_goes_where_it_may_and_where_there_is_room(string group, int count, string? expected)
    {
        var where = PlacementRule.In(Enum.Parse<MultiRegion>(group, ignoreCase: true));
        Placement.TryPlace(Two, [], new(where, AcceleratorType.Cpu, count))?.Region.Name.ShouldBe(expected);
        (Placement.TryPlace(Two, [], new(where, AcceleratorType.Cpu, count)) is null).ShouldBe(expected is null);
    }

    [Fact]
    public void The_region_of_its_sisters_comes_first() =>
        Placement.TryPlace(Two, [], new(PlacementRule.Global, AcceleratorType.Cpu, 1), preferred: Paris)!.Region.ShouldBe(Paris);

    [Fact]
    public void Slots_of_another_type_do_not_count() => Placement.TryPlace(
        Two, [new(Paris, AcceleratorType.H100, [0, 1])], new(PlacementRule.In(Paris), AcceleratorType.Cpu, 2)).ShouldNotBeNull().Slots.ShouldBe([0, 1]);

    [Fact]
    public void Slots_that_the_inventory_does_not_have_any_more_are_nobodys() => Placement.TryPlace(
        Two, [new(Paris, AcceleratorType.Cpu, [1, 2, 7])], new(PlacementRule.In(Paris), AcceleratorType.Cpu, 1)).ShouldNotBeNull().Slots.ShouldBe([0]);

    [Theory]
    [InlineData("LOCAL", "GLOBAL", true)]
    [InlineData("LOCAL", "US", false)]
    [InlineData("US_IOWA_1", "US", true)]
    [InlineData("EU_PARIS_1", "EUROPE", true)]
    [InlineData("AP_TOKYO_1", "APAC", true)]
    [InlineData("AP_TOKYO_1", "EUROPE", false)]
    public void A_group_is_made_of_the_regions_with_its_prefix(string region, string group, bool allowed) =>
        PlacementRule.In(Enum.Parse<MultiRegion>(group, ignoreCase: true)).Allows(Region.Parse(region)).ShouldBe(allowed);

    [Fact]
    public void No_slot_is_ever_given_twice_and_nothing_is_refused_that_fits() => Prop.ForAll((int[] counts) =>
    {
        var taken = new List<Allotment>();
        foreach (var count in counts.Select(number => Math.Abs(number % 4) + 1))
        {
            var request = new CapacityRequest(PlacementRule.Global, AcceleratorType.Cpu, count);
            var fits = new[] { (Iowa, 4), (Paris, 2) }.Any(pool =>
                pool.Item2 - taken.Where(allotment => allotment.Region == pool.Item1).Sum(allotment => allotment.Slots.Count) >= count);
            var placed = Placement.TryPlace(Two, taken, request);
            if (placed is null == fits) return false;
            if (placed is not null) taken.Add(placed);
        }

        return taken.GroupBy(allotment => allotment.Region).All(region =>
            region.SelectMany(allotment => allotment.Slots) is var slots && slots.Distinct().Count() == slots.Count()
            && slots.All(slot => slot >= 0 && slot < Two.Find(region.Key, AcceleratorType.Cpu)!.Count));
    }).QuickCheckThrowOnFailure();
}
