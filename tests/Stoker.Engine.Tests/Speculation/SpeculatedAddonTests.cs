using Stoker.Engine.Tests.Scheduling;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Speculation;

/// <summary>
/// Drafts, predictions, addons, sampled and plain requests in one batch: each answer is the one given alone without speculation. The
/// drafter knows nothing of addons; what it drafts for them is only accepted more rarely.
/// </summary>
public sealed class SpeculatedAddonTests
{
    private static readonly string[] Names = ["story-3m-lora-zog", "story-3m-lora-bolt"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("model")]
    [InlineData("ngram")]
    [InlineData("adaptive")]
    [InlineData("eagle")]
    public async Task Answers_of_any_mix_are_those_given_alone_without(string kind)
    {
        var options = new EngineOptions { Threads = 1, Addons = new() };
        await using var plain = StoryEngine.Open(options with { MaxSequences = 1 });
        await using var drafting = StoryEngine.Open(
            options with { Threads = 2, MaxSequences = 10, StepTokens = 90, Speculation = SpeculatedAnswersTests.Speculation(kind) });
        var digests = new List<string?> { null };
        foreach (var name in Names)
        {
            digests.Add((await plain.LoadAddonAsync(TestData.Model(name), Cancellation)).Digest);
            await drafting.LoadAddonAsync(TestData.Model(name), Cancellation);
        }

        var requests = Enumerable.Range(0, 36).Select(index => Request(index, digests[index % 3])).ToList();
        var alone = new List<GenerationResult>();
        foreach (var request in requests) alone.Add(await plain.CompleteAsync(request));
        var together = requests.Select((request, index) => drafting.CompleteAsync(Speculated(request, index, alone[index]))).ToList();
        for (var index = 0; index < requests.Count; index++) StepLoopTests.Same((await together[index]).Choices[0], alone[index].Choices[0]);
        drafting.Statistics.Speculation.Accepted.ShouldBeInRange(1, drafting.Statistics.Speculation.Drafted);
        drafting.Statistics.DrafterFaults.ShouldBe(0);
    }

    private static GenerationRequest Speculated(GenerationRequest request, int index, GenerationResult alone) => (index % 4) switch
    {
        0 => request with { Prediction = [.. alone.Choices[0].Tokens.Select(token => token.Id)] },
        1 => request with { DisableSpeculation = true },
        _ => request,
    };

    private static GenerationRequest Request(int index, string? addon) => new()
    {
        PromptTokens = StoryEngine.Ids(StoryEngine.Prompts[index % StoryEngine.Prompts.Count].GetProperty("input_ids")),
        MaxTokens = 20 + index,
        IgnoreEos = true,
        Addon = addon,
        Logprobs = 1,
        Sampling = new() { Seed = index, Temperature = index % 2 == 0 ? 0 : 0.8, RepetitionPenalty = index % 5 == 0 ? 1.1 : 1 },
    };
}
