using FsCheck;
using FsCheck.Fluent;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Models;

namespace Stoker.ControlPlane.Tests.Deployments;

public sealed class DeploymentSizeTests
{
    private static readonly Model Large = DeploymentRulesTests.Story with { ParameterCount = 70_553_706_496, ContextLength = 131_072 };

    [Theory]
    [InlineData("NVIDIA_A100_80GB", null, 0, false, 3)] // 184 GB on cards of 72
    [InlineData("NVIDIA_A100_80GB", null, 8_192, false, 2)]
    [InlineData("NVIDIA_A100_80GB", null, 8_192, true, 4)] // twice the memory
    [InlineData("NVIDIA_H100_80GB", "FP8", 8_192, false, 2)]
    [InlineData("NVIDIA_H100_80GB", "FP4", 8_192, false, 1)]
    [InlineData("AMD_MI300X_192GB", null, 8_192, false, 1)]
    [InlineData("CPU", null, 0, false, 1)] // its memory is no property of the type
    public void A_count_that_cannot_hold_the_model_is_refused_and_the_smallest_that_can_is_not(
        string type, string? precision, int context, bool longPrompt, int fewest)
    {
        for (var count = longPrompt ? 2 : 1; count <= 8; count++)
        {
            var problem = DeploymentRules.ForModel(Spec(type, count, precision, context, longPrompt), Large);
            (problem is null).ShouldBe(count >= fewest, $"{count}: {problem?.Message}");
            if (problem is null) continue;
            problem.Code.ShouldBe(Code.InvalidArgument);
            problem.Violations.Single().Field.ShouldBe("accelerator_count");
            problem.Message.ShouldStartWith($"accelerator_count must be at least {fewest}, was {count}: {Large.Name} needs ");
        }
    }

    [Fact]
    public void The_refusal_has_the_figures()
    {
        var estimated = DeploymentRules.ForModel(Spec("NVIDIA_A100_80GB", 1), Large).ShouldNotBeNull().Message;
        estimated.ShouldContain("needs 184 GB, the 141.1 GB of its weights and about 42.9 GB for a context of 131072 tokens, and 1 NVIDIA_A100_80GB have 72 GB for it");
        estimated.ShouldContain("Ask for more of them, for a larger accelerator_type, or for a shorter max_context_length");
        var known = Large with { WeightBytes = 140_000_000_000, KvBytesPerToken = 1_000_000 };
        DeploymentRules.ForModel(Spec("NVIDIA_H100_80GB", 2, context: 10_000, longPrompt: true), known).ShouldNotBeNull().Message
            .ShouldContain("must be at least 5, was 2: accounts/fireworks/models/story-3m needs 300 GB, twice the 140 GB of its weights and 10 GB for a context of 10000 tokens, and 2 NVIDIA_H100_80GB have 144 GB");
        DeploymentRules.ForModel(Spec("NVIDIA_H100_80GB", 1, precision: "FP8", context: 8_192), Large).ShouldNotBeNull().Message.ShouldContain("70.6 GB of its weights at FP8");
    }

    [Fact]
    public void What_runs_with_the_model_is_counted_and_named()
    {
        var known = Large with { WeightBytes = 60_000_000_000, KvBytesPerToken = 100_000, SupportsLora = true, AddonBytesPerRank = 25_000_000 };
        var draft = DeploymentRulesTests.Story with { Name = Stoker.Api.Names.ModelName.Parse("accounts/fireworks/models/draft"), WeightBytes = 5_000_000_000, KvBytesPerToken = 50_000 };
        var one = Asked("NVIDIA_H100_80GB", 1, context: 100_000);
        Problem(one).ShouldBeNull(); // 70 of 72 GB
        var drafts = one with { DraftModel = draft.Name.ToString(), DraftTokenCount = 4 };
        Problem(drafts).ShouldNotBeNull().ShouldContain("needs 80 GB, the 60 GB of its weights, 10 GB for a context of 100000 tokens and 10 GB of accounts/fireworks/models/draft, which drafts, and 1 ");
        Problem(drafts with { StokerKvPrecision = "FP8" }).ShouldNotBeNull().ShouldContain("needs 72.5 GB, the 60 GB of its weights, 5 GB for a context of 100000 tokens at FP8 and 7.5 GB of ");
        Problem(drafts with { DraftTokenCount = 0 }).ShouldBeNull(); // switched off
        Problem(one with { EnableAddons = true }).ShouldNotBeNull().ShouldContain("needs 76.4 GB, the 60 GB of its weights, 10 GB for a context of 100000 tokens and 6.4 GB for 16 addons of rank 16, and 1 ");
        Problem(one with { EnableAddons = true, StokerKvPrecision = "FP8" }).ShouldBeNull(); // 71.4
        Problem(one with { EnableAddons = true, StokerMaxLoadedAddons = 4 }).ShouldBeNull(); // 71.6
        Problem(one with { EnableAddons = true, StokerMaxLoadedAddons = 32, StokerKvPrecision = "FP8" }).ShouldNotBeNull().ShouldContain("12.8 GB for 32 addons of rank 16");

        string? Problem(DeploymentResource asked) =>
            DeploymentRules.ForModel(DeploymentSpec.From(asked, AcceleratorType.Cpu).Value, known, draft: draft)?.Message;
    }

    [Fact]
    public async Task The_default_count_and_an_update_count_what_runs_with_the_model()
    {
        var iowa = new Inventory([new(Region.Parse("US_IOWA_1"), AcceleratorType.H100, 16, [], 1 << 30) { EmulatedBy = Inventory.Simulated }]);
        await using var world = new DeploymentWorld(iowa);
        await world.AddModelAsync(parameters: 30_000_000_000, seen: seen => seen with { ContextLength = 100_000, KvBytesPerToken = 100_000, AddonBytesPerRank = 20_000_000 });
        await world.AddModelAsync("draft", parameters: 2_000_000_000);
        var least = new DeploymentResource { BaseModel = "story-3m", AcceleratorType = "NVIDIA_H100_80GB" };
        (await CountAsync(least)).ShouldBe(1); // 70 of 72 GB
        (await CountAsync(least with { EnableAddons = true })).ShouldBe(2);
        (await CountAsync(least with { EnableAddons = true, StokerKvPrecision = "FP8" })).ShouldBe(1);
        (await CountAsync(least with { DraftModel = "draft", DraftTokenCount = 4 })).ShouldBe(2);
        (await CountAsync(least with { NgramSpeculationLength = 3, DraftTokenCount = 4 })).ShouldBe(1);

        await world.CreateAsync("d", least);
        foreach (var patch in new DeploymentResource[] { new() { EnableAddons = true }, new() { DraftModel = "draft", DraftTokenCount = 4 } })
        {
            (await world.TryUpdateAsync("d", patch)).Problem.ShouldNotBeNull().Violations.Single().Field.ShouldBe("accelerator_count");
        }

        (await world.TryUpdateAsync("d", new() { EnableAddons = true, StokerKvPrecision = "FP8" })).Problem.ShouldBeNull();

        async Task<int> CountAsync(DeploymentResource asked) => (await world.TryCreateAsync("x", asked, validateOnly: true)).Value.Spec.AcceleratorCount;
    }

    [Fact]
    public void A_model_of_unknown_size_is_not_measured() =>
        DeploymentRules.ForModel(Spec("NVIDIA_A100_80GB", 1), Large with { ParameterCount = null }).ShouldBeNull();

    [Fact]
    public void The_check_can_be_switched_off_and_that_is_remembered()
    {
        var spec = DeploymentSpec.From(Asked("NVIDIA_A100_80GB", 1) with { DisableDeploymentSizeValidation = true }, AcceleratorType.Cpu).Value;
        DeploymentRules.ForModel(spec, Large).ShouldBeNull();
        spec.ToResource().DisableDeploymentSizeValidation.ShouldBe(true);
    }

    [Fact]
    public void What_a_deployment_already_has_is_not_questioned_again()
    {
        var current = Spec("NVIDIA_A100_80GB", 1);
        DeploymentRules.ForModel(DeploymentSpec.From(Asked("NVIDIA_A100_80GB", 1) with { DisplayName = "x" }, AcceleratorType.Cpu).Value, Large, current).ShouldBeNull();
        DeploymentRules.ForModel(Spec("NVIDIA_A100_80GB", 2), Large, current).ShouldNotBeNull();
        DeploymentRules.ForModel(Spec("NVIDIA_H100_80GB", 1), Large, current).ShouldNotBeNull();
        DeploymentRules.ForModel(Spec("NVIDIA_A100_80GB", 1, context: 65_536), Large, current).ShouldNotBeNull();
    }

    [Fact]
    public void The_default_passes_and_one_less_than_the_fewest_never_holds_the_model() => Prop.ForAll(
        Gen.Choose(1, 400_000).ToArbitrary(), Gen.Choose(1, 131_072).ToArbitrary(), ArbMap.Default.ArbFor<bool>(), (millions, context, longPrompt) =>
        {
            var memory = ReplicaMemory.Of(DeploymentRulesTests.Story with { ParameterCount = millions * 1_000_000L }, Precision.Fp16, context);
            foreach (var type in AcceleratorType.All)
            {
                var usual = AcceleratorNeed.Count(type, memory, longPrompt);
                var fewest = AcceleratorNeed.Fewest(type, memory, longPrompt);
                if (type == AcceleratorType.Cpu) return fewest is null;
                var needed = memory!.Total * (longPrompt ? 2.0 : 1.0);
                if (usual < 64 && usual < fewest) return false;
                if (AcceleratorNeed.UsableBytes(type, fewest!.Value) < needed || (fewest > 1 && AcceleratorNeed.UsableBytes(type, fewest.Value - 1) >= needed)) return false;
            }

            return true;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public async Task An_update_is_held_to_it_too()
    {
        var iowa = new Inventory([new(Region.Parse("US_IOWA_1"), AcceleratorType.H100, 8, [], 1 << 30) { EmulatedBy = Inventory.Simulated }]);
        await using var world = new DeploymentWorld(iowa);
        await world.AddModelAsync(parameters: 70_000_000_000);
        (await world.TryCreateAsync("d", new() { BaseModel = "story-3m", AcceleratorType = "NVIDIA_H100_80GB", AcceleratorCount = 1 })).Problem
            .ShouldNotBeNull().Message.ShouldContain("must be at least 2, was 1");
        await world.CreateAsync("d", new() { BaseModel = "story-3m", AcceleratorType = "NVIDIA_H100_80GB", Precision = "FP8" });
        (await world.GetAsync("d")).Spec.AcceleratorCount.ShouldBe(1);
        foreach (var (patch, mask) in new (DeploymentResource, string?)[]
        {
            (new() { Precision = "FP16" }, null), (new() { AutoTune = new() { LongPrompt = true }, AcceleratorCount = 2, Precision = "FP16" }, null),
            (new(), "precision"), // back to as stored
        })
        {
            var problem = (await world.TryUpdateAsync("d", patch, mask)).Problem.ShouldNotBeNull();
            (problem.Code, problem.Violations.Single().Field).ShouldBe((Code.InvalidArgument, "accelerator_count"));
        }

        (await world.TryUpdateAsync("d", new() { Precision = "FP16", AcceleratorCount = 2 })).Problem.ShouldBeNull();
        await world.UpdateAsync("d", new() { AcceleratorCount = 0, AutoTune = new() { LongPrompt = true } }); // 0 is not given: made anew
        (await world.GetAsync("d")).Spec.AcceleratorCount.ShouldBe(4);
    }

    private static DeploymentSpec Spec(string type, int count, string? precision = null, int context = 0, bool longPrompt = false) =>
        DeploymentSpec.From(Asked(type, count, precision, context, longPrompt), AcceleratorType.Cpu).Value;

    private static DeploymentResource Asked(string type, int count, string? precision = null, int context = 0, bool longPrompt = false) => new()
    {
        BaseModel = "accounts/fireworks/models/story-3m",
        AcceleratorType = type,
        AcceleratorCount = count,
        Precision = precision,
        MaxContextLength = context,
        AutoTune = new() { LongPrompt = longPrompt },
    };
}
