using Stoker.Engine.Kernels;
using Stoker.Engine.KvCache;
using Stoker.Engine.Models;
using Stoker.Engine.Tokenization;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Models;

/// <summary>What rounded keys and values cost, with everything else alike.</summary>
public class KvPrecisionTests
{
    private static readonly string[] Architectures = ["gemma2", "llama31", "mistral", "mixtral", "phi3", "qwen2", "qwen3"];

    public static TheoryData<string> Sets() => [.. KernelSets.SupportedNames];

    /// <summary>
    /// Against the float32 reference, whose tests hold exact keys and values to 2e-4. With bf16 the emitted set also rounds
    /// queries and weights.
    /// </summary>
    [Theory]
    [MemberData(nameof(Sets))]
    public void Logits_of_every_architecture_stay_near_the_reference(string set)
    {
        foreach (var (format, tolerance) in new[] { (KvFormat.Bf16, 0.12), (KvFormat.Fp8, 0.8) })
        {
            foreach (var model in Architectures)
            {
                using var runner = new ModelRunner(TestData.Architecture(model), set, kvFormat: format);
                foreach (var prompt in GoldenFile.Read(Path.Combine(TestData.Architecture(model), "golden.json")).Prompts)
                {
                    var logits = runner.Run(prompt.InputIds, LogitRows.Last);
                    foreach (var pair in prompt.Top20)
                    {
                        ((double)logits[(int)pair[0]]).ShouldBe(pair[1], tolerance + GoldenTolerance.Of(set).Logit, $"{model}, {format}: {prompt.Text}, id {pair[0]}");
                    }
                }
            }
        }
    }

    [Theory]
    [InlineData("Bf16", 5e-5)]
    [InlineData("Fp8", 8e-3)] // 3 bits of mantissa: 5.8e-3
    public void Next_token_distributions_of_the_held_out_texts_hardly_move(string format, double most)
    {
        var model = TestData.Model("story-3m");
        var tokenizer = Tokenizer.Load(model);
        using var exact = new ModelRunner(model, KernelSets.Choose().Name);
        using var rounded = new ModelRunner(model, KernelSets.Choose().Name, kvFormat: Enum.Parse<KvFormat>(format));
        var (total, rows) = (0.0, 0);
        foreach (var text in GoldenFile.Read(TestData.Golden("story-3m")).HeldOut!.Texts!)
        {
            var tokens = tokenizer.Encode(text, addSpecialTokens: true);
            var (expected, actual) = (exact.Run(tokens, LogitRows.All), rounded.Run(tokens, LogitRows.All));
            for (var row = 0; row < tokens.Length; row++, rows++)
            {
                var (start, count) = (row * exact.Shape.VocabularySize, exact.Shape.VocabularySize);
                total += LogShares.Divergence(expected.AsSpan(start, count), actual.AsSpan(start, count));
            }
        }

        // Not zero: the format was in use. With 16-bit keys the emitted set rounds queries and shares too.
        (total / rows).ShouldBeInRange(1e-12, KernelSets.Choose().Name == "emitted" ? most + 1e-4 : most, "mean divergence");
    }
}
