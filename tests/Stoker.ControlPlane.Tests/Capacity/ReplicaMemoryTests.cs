using FsCheck;
using FsCheck.Fluent;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Tests.Deployments;

namespace Stoker.ControlPlane.Tests.Capacity;

public class ReplicaMemoryTests
{
    private static readonly Model Known = DeploymentRulesTests.Story with
    {
        ParameterCount = 8_000_000_000,
        WeightBytes = 16_500_000_000,
        KvBytesPerToken = 100_000,
        AddonBytesPerRank = 5_000_000,
    };

    private static readonly Model Draft = DeploymentRulesTests.Story with { ParameterCount = 1_000_000_000, WeightBytes = 2_000_000_000, KvBytesPerToken = 10_000 };

    [Fact]
    public void Each_part_is_counted_at_its_precision()
    {
        ReplicaMemory.Of(Known, Precision.Bf16, 1000).ShouldBe(new(16_500_000_000, 100_000_000, 0, 0));
        ReplicaMemory.Of(Known, Precision.Fp8, 1000, KvPrecision.Fp8, Draft, addons: 16).ShouldBe(new(
            8_000_000_000, 50_000_000, // half of 16 bits
            1_000_000_000 + 5_000_000, // a draft model runs in the precisions of its target
            16 * 16 * 5_000_000L));
        ReplicaMemory.Of(Known, Precision.Fp4, 1000, draft: Draft)!.Total.ShouldBe(4_500_000_000 + 100_000_000 + 562_500_000 + 10_000_000);
    }

    [Theory]
    [InlineData(1, 64)] // room for one of the highest rank at the least
    [InlineData(4, 64)]
    [InlineData(5, 80)]
    [InlineData(16, 256)]
    public void The_pool_has_room_for_so_many_of_the_usual_rank(int addons, int ranks) =>
        ReplicaMemory.AddonPoolOf(Known, addons).ShouldBe(ranks * 5_000_000L);

    [Fact]
    public void What_the_files_say_wins_over_the_estimate()
    {
        var model = Known with { WeightBytes = 40_000_000_000, KvBytesPerToken = 500_000 };
        ReplicaMemory.Of(model, Precision.Bf16, 1000)!.Total.ShouldBe(40_500_000_000);
        ReplicaMemory.Of(model with { ParameterCount = null, WeightBytes = null }, Precision.Bf16, 1000).ShouldBeNull();
        ReplicaMemory.Of(Known, Precision.Bf16, 1000, draft: Draft with { ParameterCount = null, WeightBytes = null })!.Draft.ShouldBe(0); // nobody knows it
    }

    [Theory]
    [InlineData(1_235_814_400, 704_512, 0.9)] // 16 layers of 2048 wide, 8192 inside, 512 for keys
    [InlineData(8_030_261_248, 2_621_440, 1)]
    [InlineData(70_553_706_496, 12_943_360, 1)]
    [InlineData(405_853_388_800, 38_965_248, 1)]
    public void The_estimate_for_addons_of_known_shapes_is_rather_too_much_than_too_little(long parameters, long ofOneRank, double least)
    {
        var estimate = (double)ReplicaMemory.AddonPoolOf(DeploymentRulesTests.Story with { ParameterCount = parameters }) / 256 / (ofOneRank * 2);
        estimate.ShouldBeInRange(least, 1.25);
    }

    [Fact]
    public void More_of_anything_never_takes_less() => Prop.ForAll(
        Gen.Choose(1, 100_000).ToArbitrary(), Gen.Choose(1, 131_072).ToArbitrary(), Gen.Choose(0, 64).ToArbitrary(), (millions, context, addons) =>
        {
            var model = DeploymentRulesTests.Story with { ParameterCount = millions * 1_000_000L };
            var least = Total(model, Precision.Fp4, KvPrecision.Fp8, null, context, addons);
            return least <= Total(model, Precision.Fp8, KvPrecision.Fp8, null, context, addons)
                && least <= Total(model, Precision.Fp4, KvPrecision.Bf16, null, context, addons)
                && least < Total(model, Precision.Fp4, KvPrecision.Fp8, Draft, context, addons)
                && least <= Total(model, Precision.Fp4, KvPrecision.Fp8, null, context + 1, addons)
                && least <= Total(model, Precision.Fp4, KvPrecision.Fp8, null, context, addons + 1);
        }).QuickCheckThrowOnFailure();

    private static long Total(Model model, Precision precision, KvPrecision cache, Model? draft, int context, int addons) =>
        ReplicaMemory.Of(model, precision, context, cache, draft, addons)!.Total;
}
