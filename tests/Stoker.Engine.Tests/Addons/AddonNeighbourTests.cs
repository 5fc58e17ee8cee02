using Stoker.Engine.KvCache;
using Stoker.Engine.Tests.Scheduling;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Addons;

/// <summary>
/// Base and addons in one batch: text and log-probabilities of a request are the same bits as alone, greedy and sampled, with
/// preemption and with the prefix cache.
/// </summary>
public sealed class AddonNeighbourTests : IAsyncLifetime
{
    private static readonly string[] Names = ["story-3m-lora-zog", "story-3m-lora-bolt"];
    private readonly List<GenerationResult> _alone = [];
    private readonly List<GenerationRequest> _requests = [];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>One sequence, one thread, the whole prompt in one step.</summary>
    public async ValueTask InitializeAsync()
    {
        await using var engine = StoryEngine.Open(Options() with { MaxSequences = 1, StepTokens = 512, PrefixCache = false });
        var digests = await LoadAsync(engine);
        for (var index = 0; index < 9; index++) _requests.Add(Request(index, digests));
        foreach (var request in _requests) _alone.Add(await engine.CompleteAsync(request));
        _alone[1].Choices[0].Text.ShouldNotBe(_alone[4].Choices[0].Text);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Theory]
    [InlineData(1, 9, 256)]
    [InlineData(1, 9, 9)] // a prompt takes many steps, beside decodes
    [InlineData(2, 9, 19)]
    public async Task In_a_batch_with_any_chunks_and_threads(int threads, int maxSequences, int stepTokens)
    {
        await using var engine = StoryEngine.Open(Options() with { Threads = threads, MaxSequences = maxSequences, StepTokens = stepTokens });
        await Check(engine, preempts: false);
        await Check(engine, preempts: false); // and once more, with what the prefix cache has
        engine.Statistics.CachedPromptTokens.ShouldBePositive();
    }

    [Theory]
    [InlineData(1, 64)]
    [InlineData(2, 11)]
    public async Task Under_preemption(int threads, int stepTokens)
    {
        var options = Options() with { Threads = threads, MaxSequences = 9, StepTokens = stepTokens };
        long budget;
        await using (var roomy = StoryEngine.Open(options))
        {
            var plan = roomy.Memory;
            budget = plan.WeightBytes + plan.StepBytes + plan.AddonBytes + (plan.KvBytes / plan.KvBlocks * 6);
        }

        await using var engine = StoryEngine.Open(options with { MemoryBudgetBytes = budget });
        await Check(engine, preempts: true);
    }

    [Fact]
    public async Task With_drafts_from_the_text_in_the_same_steps()
    {
        await using var engine = StoryEngine.Open(Options() with { MaxSequences = 9, StepTokens = 64, Speculation = new() { NgramLength = 4, DraftTokens = 4 } });
        await Check(engine, preempts: false);
    }

    [Fact]
    public async Task With_room_for_one_addon_they_take_turns()
    {
        await using var engine = StoryEngine.Open(Options() with { Addons = new() { MaxLoaded = 1 }, MaxSequences = 9, StepTokens = 64 });
        await Check(engine, preempts: false);
        var addons = engine.Statistics.Addons;
        (addons.Registered, addons.Loaded).ShouldBe((2, 1));
        addons.Evictions.ShouldBePositive();
    }

    [Fact]
    public async Task Prompts_are_shared_within_an_addon_and_never_across()
    {
        await using var engine = StoryEngine.Open(Options());
        var digests = await LoadAsync(engine);
        var ids = StoryEngine.Ids(StoryEngine.Prompts[0].GetProperty("input_ids"));
        var prompt = Enumerable.Range(0, 3 * KvStore.BlockSize).Select(index => ids[index % ids.Length]).ToArray();
        foreach (var addon in new string?[] { null, digests[0], digests[1] })
        {
            var request = new GenerationRequest { PromptTokens = prompt, MaxTokens = 2, Addon = addon };
            (await engine.CompleteAsync(request)).Usage.CachedTokens.ShouldBe(0);
            (await engine.CompleteAsync(request)).Usage.CachedTokens.ShouldBe(2 * KvStore.BlockSize);
        }
    }

    private async Task Check(InferenceEngine engine, bool preempts)
    {
        await LoadAsync(engine);
        var generations = _requests.Select(engine.Submit).ToList();
        for (var index = 0; index < generations.Count; index++)
        {
            var result = await generations[index].CompleteAsync(Cancellation);
            result.Choices.Count.ShouldBe(_alone[index].Choices.Count);
            for (var choice = 0; choice < result.Choices.Count; choice++) StepLoopTests.Same(result.Choices[choice], _alone[index].Choices[choice]);
        }

        (engine.Statistics.Preemptions > 0).ShouldBe(preempts);
        engine.Statistics.KvBlocksUsed.ShouldBe(0);
    }

    internal static EngineOptions Options() => new() { Threads = 1, Addons = new() { MaxLoaded = 4, MaxRank = 16 } };

    internal static async Task<string[]> LoadAsync(InferenceEngine engine)
    {
        var digests = new List<string>();
        foreach (var name in Names) digests.Add((await engine.LoadAddonAsync(TestData.Model(name), Cancellation)).Digest);
        return [.. digests];
    }

    private static GenerationRequest Request(int index, string[] digests)
    {
        var ids = StoryEngine.Ids(StoryEngine.Prompts[index % 3].GetProperty("input_ids"));
        return new()
        {
            PromptTokens = [.. ids, .. ids.Skip(1), .. ids.Skip(1), .. ids.Skip(1)],
            MaxTokens = 20 + (5 * index),
            IgnoreEos = index % 2 == 0,
            Choices = index == 3 ? 3 : 1,
            Logprobs = 3,
            Addon = index % 3 == 0 ? null : digests[(index % 3) - 1],
            Sampling = new() { Seed = index, Temperature = index < 3 ? 0 : 0.9 },
        };
    }
}
