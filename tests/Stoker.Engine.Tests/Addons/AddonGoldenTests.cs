using Stoker.Engine.Kernels;
using Stoker.Engine.Models;
using Stoker.Engine.Tests.Models;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Addons;

/// <summary>The library's addons beside the base's weights, in every kernel set, against their reference outputs.</summary>
public class AddonGoldenTests
{
    private static readonly string[] Addons = ["story-3m-lora-zog", "story-3m-lora-bolt"];

    public static TheoryData<int, string> Cases()
    {
        var cases = new TheoryData<int, string>();
        foreach (var kernels in KernelSets.SupportedNames)
        {
            for (var addon = 0; addon < Addons.Length; addon++) cases.Add(addon, kernels);
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Logits_and_log_probabilities_equal_the_reference(int addon, string kernels)
    {
        using var runner = Runner(kernels);
        var (golden, tolerance) = (Golden(addon), GoldenTolerance.Of(kernels));
        foreach (var prompt in golden.Prompts)
        {
            GoldenTests.CheckLogits(prompt, runner.Run(prompt.InputIds, LogitRows.Last, addon: addon), tolerance);
        }

        var computed = runner.LogProbabilities(golden.LogProbabilities.InputIds, addon);
        computed.Sum().ShouldBe(golden.LogProbabilities.Sum, tolerance.Sum);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Greedy_tokens_equal_the_reference_up_to_its_first_near_tie(int addon, string kernels)
    {
        using var runner = Runner(kernels);
        using var exact = Runner("reference");
        foreach (var prompt in Golden(addon).Prompts)
        {
            var count = prompt.FirstNearTie ?? prompt.GreedyIds.Length;
            var tokens = runner.Greedy(prompt.InputIds, count, addon);
            var equal = tokens.Zip(prompt.GreedyIds).TakeWhile(pair => pair.First == pair.Second).Count();
            if (equal == count) continue;
            var logits = exact.Run([.. prompt.InputIds, .. prompt.GreedyIds[..equal]], LogitRows.Last, addon: addon);
            var gap = logits[prompt.GreedyIds[equal]] - logits[tokens[equal]];
            gap.ShouldBeLessThan((float)GoldenTolerance.Of(kernels).Tie, $"{prompt.Text}: token {equal} is {tokens[equal]}");
        }
    }

    [Theory]
    [InlineData("reference")]
    [InlineData("portable")]
    public void An_addon_that_is_loaded_leaves_the_base_alone(string kernels)
    {
        using var runner = Runner(kernels);
        using var plain = new ModelRunner(TestData.Model("story-3m"), kernels);
        var prompt = Golden(0).Prompts[0].InputIds;
        runner.Run(prompt, LogitRows.All).ShouldBe(plain.Run(prompt, LogitRows.All));
        runner.Run(prompt, LogitRows.Last, addon: 0).ShouldNotBe(runner.Run(prompt, LogitRows.Last));
    }

    private static ModelRunner Runner(string kernels) =>
        new(TestData.Model("story-3m"), kernels, addons: [.. Addons.Select(TestData.Model)]);

    private static GoldenFile Golden(int addon) => GoldenFile.Read(TestData.Golden(Addons[addon]));
}
