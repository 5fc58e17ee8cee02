using Stoker.Engine.Tests.Scheduling;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Speculation;

/// <summary>The head of the base model drafts for its addons too: how often it is right changes, what is answered does not.</summary>
public sealed class EagleAddonTests
{
    [Fact]
    public async Task Answers_with_addons_and_without_are_the_same_with_a_head_in_one_batch()
    {
        var plain = await AnswersAsync(null, maxSequences: 1);
        var drafted = await AnswersAsync(new() { DraftFolder = TestData.Model("story-3m-eagle"), Adaptive = false }, maxSequences: 12);
        for (var index = 0; index < plain.Count; index++) StepLoopTests.Same(drafted[index].Choices[0], plain[index].Choices[0]);
        drafted.Sum(result => result.Usage.Speculation!.Accepted).ShouldBeGreaterThan(100);
        plain[0].Choices[0].Text.ShouldNotBe(plain[1].Choices[0].Text); // of one prompt
    }

    private static async Task<List<GenerationResult>> AnswersAsync(SpeculationOptions? speculation, int maxSequences)
    {
        await using var engine = StoryEngine.Open(new()
        {
            Threads = 1,
            MaxSequences = maxSequences,
            StepTokens = 120,
            Addons = new() { MaxLoaded = 2 },
            Speculation = speculation,
        });
        List<string?> addons = [null];
        foreach (var name in new[] { "story-3m-lora-zog", "story-3m-lora-bolt" })
        {
            addons.Add((await engine.LoadAddonAsync(TestData.Model(name), TestContext.Current.CancellationToken)).Digest);
        }

        var running = Enumerable.Range(0, 12).Select(index => engine.CompleteAsync(new()
        {
            PromptTokens = StoryEngine.Ids(StoryEngine.Prompts[index / 3].GetProperty("input_ids")),
            MaxTokens = 60,
            IgnoreEos = true,
            Addon = addons[index % 3],
            Sampling = new() { Temperature = 0 },
        })).ToList();
        return [.. await Task.WhenAll(running)];
    }
}
