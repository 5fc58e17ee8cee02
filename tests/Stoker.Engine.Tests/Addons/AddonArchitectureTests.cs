using System.Text.Json.Nodes;
using Stoker.Engine.Kernels;
using Stoker.Engine.Models;
using Stoker.Engine.Tests.Models;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Addons;

/// <summary>
/// Random addons of differing ranks on some of the modules, on every architecture: beside the weights equals merged into them, and
/// merged equals the formula. Fused matrices, biases, norms behind the projections and odd sizes are all among them.
/// </summary>
public class AddonArchitectureTests
{
    private static readonly string[] Models = ["gemma2", "llama31", "mistral", "mixtral", "phi3", "qwen2", "qwen3"];
    private static readonly int[] Prompt = [.. Enumerable.Range(3, 37)];

    public static TheoryData<string, string> Cases()
    {
        var cases = new TheoryData<string, string>();
        foreach (var kernels in KernelSets.SupportedNames)
        {
            foreach (var model in Models) cases.Add(model, kernels);
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Beside_the_weights_equals_merged_into_them(string model, string kernels)
    {
        var folder = TestData.Architecture(model);
        for (var seed = 1; seed <= 3; seed++)
        {
            using var addon = RandomAddon.Write(folder, Ranks(seed), seed, alpha: 3);
            using var merged = new ModelRunner(folder, precision: Precision.F32, mergeAddon: addon.Path);
            using var beside = new ModelRunner(folder, kernels, precision: Precision.F32, addons: [addon.Path]);
            var expected = merged.Run(Prompt, LogitRows.All);
            var logits = beside.Run(Prompt, LogitRows.All, addon: 0);
            Difference(logits, expected).ShouldBeLessThan(2e-5 * Length(expected), $"{model}, {kernels}, seed {seed}");
            Difference(beside.Run(Prompt, LogitRows.All), expected).ShouldBeGreaterThan(1e-2 * Length(expected), $"the addon of seed {seed} changes nothing");
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_rows_bits_are_its_own_in_any_mix(string model, string kernels)
    {
        var folder = TestData.Architecture(model);
        using var first = RandomAddon.Write(folder, Ranks(1), 1);
        using var second = RandomAddon.Write(folder, Ranks(2), 2);
        using var runner = new ModelRunner(folder, kernels, threads: 2, sequences: 8, addons: [first.Path, second.Path]);
        using var alone = new ModelRunner(folder, kernels, addons: [first.Path, second.Path]);
        var batch = new StepBatch(8 * Prompt.Length, 8);
        for (var i = 0; i < 8; i++) batch.Add(Prompt, 0, runner.BlockTable(i), LogitRows.Last, (i % 3) - 1);
        var logits = runner.Forward(batch);
        for (var i = 0; i < 8; i++)
        {
            var own = alone.Run(Prompt, LogitRows.Last, chunk: 1 + (5 * i), addon: (i % 3) - 1);
            logits.AsSpan(i * own.Length, own.Length).ToArray().ShouldHaveTheBitsOf(own, $"row {i}");
        }
    }

    [Theory]
    [InlineData("portable", Precision.Int8)]
    [InlineData("portable", Precision.Fp4)]
    [InlineData(null, Precision.Int8)]
    [InlineData(null, Precision.Fp8)]
    [InlineData(null, Precision.Fp4)]
    public void Beside_weights_of_any_precision_a_rows_bits_are_its_own(string? kernels, Precision precision)
    {
        var (folder, set) = (TestData.Model("story-3m"), KernelSets.Choose(kernels).Name);
        string[] addons = [TestData.Model("story-3m-lora-zog"), TestData.Model("story-3m-lora-bolt")];
        using var runner = new ModelRunner(folder, set, threads: 2, sequences: 8, precision: precision, addons: addons);
        using var alone = new ModelRunner(folder, set, precision: precision, addons: addons);
        using var plain = new ModelRunner(folder, set, precision: precision);
        var batch = new StepBatch(8 * Prompt.Length, 8);
        for (var i = 0; i < 8; i++) batch.Add(Prompt, 0, runner.BlockTable(i), LogitRows.Last, (i % 3) - 1);
        var logits = runner.Forward(batch);
        for (var i = 0; i < 8; i++)
        {
            var own = alone.Run(Prompt, LogitRows.Last, chunk: 1 + (5 * i), addon: (i % 3) - 1);
            logits.AsSpan(i * own.Length, own.Length).ToArray().ShouldHaveTheBitsOf(own, $"row {i}");
            if (i % 3 == 0) own.ShouldHaveTheBitsOf(plain.Run(Prompt, LogitRows.Last), "the base");
            else Difference(own, plain.Run(Prompt, LogitRows.Last)).ShouldBeGreaterThan(1e-2 * Length(own), $"row {i} has no addon");
        }
    }

    [Fact]
    public void The_scale_is_alpha_over_the_rank_or_its_root_by_module()
    {
        var folder = TestData.Architecture("qwen3");
        using var plain = RandomAddon.Write(folder, _ => 4, seed: 5, alpha: 2); // 2 / 4
        using var stabilised = RandomAddon.Write(folder, _ => 4, seed: 5, alpha: 1, config => config["use_rslora"] = true); // 1 / sqrt 4
        using var byModule = RandomAddon.Write(
            folder, _ => 4, seed: 5, alpha: 100, config => config["alpha_pattern"] = new JsonObject { [".*_proj"] = 2 });
        using var runner = new ModelRunner(folder, addons: [plain.Path, stabilised.Path, byModule.Path]);
        var expected = runner.Run(Prompt, LogitRows.Last, addon: 0);
        runner.Run(Prompt, LogitRows.Last, addon: 1).ShouldBe(expected);
        runner.Run(Prompt, LogitRows.Last, addon: 2).ShouldBe(expected);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("portable")]
    public void Steps_with_addons_allocate_nothing_on_any_thread(string? kernels)
    {
        const int Sequences = 9;
        var folder = TestData.Model("story-3m");
        using var runner = new ModelRunner(
            folder, KernelSets.Choose(kernels).Name, threads: 2, Sequences, addons: [TestData.Model("story-3m-lora-zog"), TestData.Model("story-3m-lora-bolt")]);
        var tables = Enumerable.Range(0, Sequences).Select(runner.BlockTable).ToArray();
        var batch = new StepBatch(Sequences * Prompt.Length, Sequences);
        var logits = new float[Sequences * runner.Shape.VocabularySize];

        void Step(int position, int tokens)
        {
            batch.Clear();
            for (var i = 0; i < Sequences; i++) batch.Add(Prompt.AsSpan(0, tokens), position, tables[i], LogitRows.Last, (i % 3) - 1);
            runner.Forward(batch, logits);
        }

        void Steps()
        {
            Step(0, Prompt.Length);
            Step(Prompt.Length, 1);
        }

        Steps();
        runner.WorkspaceBytes.ShouldBeLessThanOrEqualTo(runner.Shape.WorkspaceBytes + (batch.MaxRows * runner.Shape.WorkspaceBytesPerRow));
        runner.AllocatedBytes();
        var before = runner.AllocatedBytes();
        Steps();
        var after = runner.AllocatedBytes();
        (after[1] - before[1]).ShouldBe(0);
        (after[0] - before[0]).ShouldBeLessThan(100); // the array of the answer itself
    }

    private static Func<string, int> Ranks(int seed) => path =>
    {
        var random = new Random(HashOf(path) + seed);
        return random.Next(4) == 0 ? 0 : random.Next(1, 40);
    };

    private static int HashOf(string path) => path.Aggregate(17, (hash, c) => unchecked((hash * 31) + c));

    private static double Difference(float[] a, float[] b) => Math.Sqrt(a.Zip(b, (x, y) => Math.Pow((double)x - y, 2)).Sum());

    private static double Length(float[] a) => Math.Sqrt(a.Sum(x => (double)x * x));
}
