using Stoker.Engine.Kernels;
using Stoker.Engine.Models;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Models;

/// <summary>
/// Every model of the library and every architecture, in every kernel set that this CPU runs, on weights as they are
/// stored and exact keys and values, against the reference outputs.
/// </summary>
public class GoldenTests
{
    private static readonly string[] Library = ["story-3m", "story-draft-400k"];
    private static readonly string[] Fixtures = ["gemma2", "llama31", "mistral", "mixtral", "phi3", "qwen2", "qwen3"];

    public static TheoryData<string, string> Cases()
    {
        var cases = new TheoryData<string, string>();
        foreach (var kernels in KernelSets.SupportedNames)
        {
            foreach (var model in Library.Concat(Fixtures))
            {
                cases.Add(model, kernels);
            }
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Last_logits_of_every_prompt_equal_the_reference(string model, string kernels)
    {
        using var runner = new ModelRunner(Folder(model), kernels);
        foreach (var prompt in Golden(model).Prompts)
        {
            CheckLogits(prompt, runner.Run(prompt.InputIds, LogitRows.Last), GoldenTolerance.Of(kernels));
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Greedy_tokens_equal_the_reference_up_to_its_first_near_tie(string model, string kernels)
    {
        using var runner = new ModelRunner(Folder(model), kernels);
        using var exact = new ModelRunner(Folder(model));
        foreach (var prompt in Golden(model).Prompts)
        {
            var count = prompt.FirstNearTie ?? prompt.GreedyIds.Length;
            var tokens = runner.Greedy(prompt.InputIds, count);
            var equal = tokens.Zip(prompt.GreedyIds).TakeWhile(pair => pair.First == pair.Second).Count();
            if (equal < count)
            {
                var logits = exact.Run([.. prompt.InputIds, .. prompt.GreedyIds[..equal]], LogitRows.Last);
                var gap = logits[prompt.GreedyIds[equal]] - logits[tokens[equal]];
                gap.ShouldBeLessThan((float)GoldenTolerance.Of(kernels).Tie, $"{prompt.Text}: token {equal} is {tokens[equal]}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Token_log_probabilities_and_their_sum_equal_the_reference(string model, string kernels)
    {
        using var runner = new ModelRunner(Folder(model), kernels);
        var (golden, tolerance) = (Golden(model).LogProbabilities, GoldenTolerance.Of(kernels));
        var computed = runner.LogProbabilities(golden.InputIds);
        for (var i = 0; i < golden.Tokens.Length; i++)
        {
            computed[i].ShouldBe(golden.Tokens[i], tolerance.LogProbability, $"token {i}");
        }

        computed.Sum().ShouldBe(golden.Sum, tolerance.Sum);
    }

    internal static void CheckLogits(GoldenPrompt prompt, float[] logits, GoldenTolerance tolerance)
    {
        foreach (var pair in prompt.Top20)
        {
            ((double)logits[(int)pair[0]]).ShouldBe(pair[1], tolerance.Logit, $"{prompt.Text}: id {pair[0]}");
        }

        Math.Sqrt(logits.Sum(logit => (double)logit * logit)).ShouldBe(prompt.L2, tolerance.Length * prompt.L2, prompt.Text);
        for (var id = 0; id < prompt.Full?.Length; id++)
        {
            ((double)logits[id]).ShouldBe(prompt.Full[id], tolerance.Logit, $"{prompt.Text}: id {id}");
        }
    }

    private static string Folder(string model) =>
        Library.Contains(model) ? TestData.Model(model) : TestData.Architecture(model);

    private static GoldenFile Golden(string model) => GoldenFile.Read(
        Library.Contains(model) ? TestData.Golden(model) : Path.Combine(TestData.Architecture(model), "golden.json"));
}
