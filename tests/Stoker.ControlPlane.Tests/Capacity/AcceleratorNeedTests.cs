using FsCheck;
using FsCheck.Fluent;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Tests.Deployments;

namespace Stoker.ControlPlane.Tests.Capacity;

public class AcceleratorNeedTests
{
    [Theory]
    [InlineData("NVIDIA_H100_80GB", 8_030_261_248, "FP16", 131_072, 1)]
    [InlineData("NVIDIA_A100_80GB", 70_553_706_496, "FP16", 131_072, 4)] // 184 GB, and three cards are no power of two
    [InlineData("AMD_MI300X_192GB", 70_553_706_496, "FP16", 8_192, 1)]
    [InlineData("NVIDIA_H100_80GB", 70_553_706_496, "FP8", 8_192, 2)]
    [InlineData("NVIDIA_H100_80GB", 405_853_388_800, "FP16", 131_072, 16)]
    [InlineData("NVIDIA_L4_24GB", 8_030_261_248, "FP4", 8_192, 1)]
    [InlineData("CPU", 70_553_706_496, "FP16", 131_072, 1)]
    public void The_count_is_what_weights_and_cache_need(string type, long parameters, string precision, int context, int expected) => AcceleratorNeed.Count(
        AcceleratorType.Parse(type), ReplicaMemory.Of(Model(parameters), Enum.Parse<Precision>(precision, ignoreCase: true), context), longPrompt: false).ShouldBe(expected);

    [Fact]
    public void A_model_of_unknown_size_gets_one() => AcceleratorNeed.Count(AcceleratorType.H100, memory: null, longPrompt: false).ShouldBe(1);

    [Theory]
    [InlineData("CPU", 2)]
    [InlineData("NVIDIA_A100_80GB", 4)]
    public void Long_prompts_double_it(string type, int expected) =>
        AcceleratorNeed.Count(AcceleratorType.Parse(type), ReplicaMemory.Of(Model(70_553_706_496), Precision.Fp16, 8_192), longPrompt: true).ShouldBe(expected);

    [Fact]
    public void More_parameters_context_or_bits_never_need_fewer_and_the_count_holds_the_model() => Prop.ForAll(
        Gen.Choose(1, 400_000).ToArbitrary(), Gen.Choose(1, 131_072).ToArbitrary(), (millions, context) =>
        {
            var (small, large) = (Model(millions * 1_000_000L), Model(millions * 2_000_000L));
            foreach (var type in AcceleratorType.All.Where(type => type.MemoryBytes > 0))
            {
                var count = Count(small, Precision.Fp16, context);
                if (Count(large, Precision.Fp16, context) < count || Count(small, Precision.Fp8, context) > count || Count(small, Precision.Fp16, context * 2) < count) return false;
                if (count < 64 && count * type.MemoryBytes * 0.9 < ReplicaMemory.Of(small, Precision.Fp16, context)!.Total) return false;

                int Count(Model model, Precision precision, int length) => AcceleratorNeed.Count(type, ReplicaMemory.Of(model, precision, length), longPrompt: false);
            }

            return true;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void The_types_are_the_hosted_platforms_and_CPU() => AcceleratorType.All.Select(type => type.Name).Order(StringComparer.Ordinal).ShouldBe(
    [
        "AMD_MI300X_192GB", "AMD_MI325X_256GB", "AMD_MI350X_288GB", "CPU", "NVIDIA_A100_40GB", "NVIDIA_A100_80GB", "NVIDIA_A10G_24GB",
        "NVIDIA_B200_180GB", "NVIDIA_B300_288GB", "NVIDIA_GB200", "NVIDIA_GB300", "NVIDIA_H100_80GB", "NVIDIA_H200_141GB", "NVIDIA_L4_24GB",
    ]);

    [Fact]
    public void Every_type_has_a_quota_of_its_own()
    {
        AcceleratorType.All.Select(type => type.QuotaId).ShouldBeUnique();
        AcceleratorType.All.ShouldAllBe(type => AcceleratorType.OfQuota(type.QuotaId) == type);
        AcceleratorType.H100.QuotaId.ShouldBe("global--h100-count");
        AcceleratorType.All.Skip(1).ShouldAllBe(type => type.MemoryBytes >= 24_000_000_000);
    }

    [Fact]
    public void Simulated_replicas_get_faster_by_less_than_the_count()
    {
        var simulated = new SimulatedReplicas(TimeSpan.FromSeconds(1.5), TokensPerSecond: 50);
        simulated.Figures(1).ShouldBe("boot-seconds=1.5,decode-rate=50");
        Enumerable.Range(2, 63).ShouldAllBe(count => SimulatedReplicas.Speedup(count) > SimulatedReplicas.Speedup(count - 1) && SimulatedReplicas.Speedup(count) < count);
    }

    private static Model Model(long parameters) => DeploymentRulesTests.Story with { ParameterCount = parameters };
}
