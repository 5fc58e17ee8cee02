using Stoker.Engine.Kernels;
using Stoker.Engine.Tokenization;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Models;

/// <summary>
/// Perplexity of the two held-out texts, each scored alone as bos + tokens + end_of_text: model and tokenizer together.
/// </summary>
public class PerplexityTests
{
    private const int EndOfText = 2041;

    public static TheoryData<string, string> Cases()
    {
        var data = new TheoryData<string, string>();
        foreach (var set in KernelSets.SupportedNames)
        {
            data.Add("story-3m", set);
            data.Add("story-draft-400k", set);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Perplexity_of_the_held_out_texts_equals_the_reference(string model, string kernels)
    {
        var golden = GoldenFile.Read(TestData.Golden(model)).HeldOut!.Results["bf16_weights_fp32_math"];
        var texts = GoldenFile.Read(TestData.Golden("story-3m")).HeldOut!.Texts!;
        var tokenizer = Tokenizer.Load(TestData.Model(model));
        using var runner = new ModelRunner(TestData.Model(model), kernels);
        var logProbabilities = texts
            .SelectMany(text => runner.LogProbabilities([.. tokenizer.Encode(text, addSpecialTokens: true), EndOfText]))
            .ToArray();
        logProbabilities.Length.ShouldBe(golden.Tokens);
        // The emitted set rounds activations to bf16: half a percent is what bf16 may cost.
        var (nll, perplexity) = kernels == "emitted" ? (5e-3, 5e-3 * golden.Perplexity) : (1e-5, 2e-4);
        (-logProbabilities.Average()).ShouldBe(golden.MeanNll, nll);
        Math.Exp(-logProbabilities.Average()).ShouldBe(golden.Perplexity, perplexity);
    }
}
