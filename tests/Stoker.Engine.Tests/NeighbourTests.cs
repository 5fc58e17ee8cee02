using Stoker.Engine.Tests.Scheduling;

namespace Stoker.Engine.Tests;

/// <summary>
/// On the real model: text and log-probabilities of a request are the same bits whatever goes on around it.
/// </summary>
public sealed class NeighbourTests : IAsyncLifetime
{
    private readonly List<GenerationRequest> _requests = [.. Enumerable.Range(0, 8).Select(Request)];
    private readonly List<GenerationResult> _alone = [];

    /// <summary>One sequence, one thread, the whole prompt in one step.</summary>
    public async ValueTask InitializeAsync()
    {
        await using var engine = StoryEngine.Open(new() { Threads = 1, MaxSequences = 1, StepTokens = 512 });
        foreach (var request in _requests) _alone.Add(await engine.CompleteAsync(request));
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Theory]
    [InlineData(1, 8, 256)]
    [InlineData(1, 8, 8)] // a prompt takes many steps, beside decodes
    [InlineData(1, 3, 5)]
    [InlineData(2, 8, 19)]
    public Task In_a_batch_with_any_chunks_and_threads(int threads, int maxSequences, int stepTokens) =>
        Check(new() { Threads = threads, MaxSequences = maxSequences, StepTokens = stepTokens }, preempts: false);

    [Theory]
    [InlineData(1, 64)]
    [InlineData(2, 11)]
    public async Task Under_preemption(int threads, int stepTokens) =>
        // Weights, a step's buffers, and blocks for about two of the eight requests.
        await Check(new() { Threads = threads, MaxSequences = 8, StepTokens = stepTokens, MemoryBudgetBytes = await BudgetAsync(blocks: 6, stepTokens, threads) }, preempts: true);

    private async Task Check(EngineOptions options, bool preempts)
    {
        await using var engine = StoryEngine.Open(options);
        var generations = _requests.Select(engine.Submit).ToList();
        var results = new List<GenerationResult>();
        foreach (var generation in generations) results.Add(await generation.CompleteAsync(TestContext.Current.CancellationToken));
        for (var index = 0; index < results.Count; index++)
        {
            results[index].Choices.Count.ShouldBe(_alone[index].Choices.Count);
            for (var choice = 0; choice < results[index].Choices.Count; choice++)
            {
                StepLoopTests.Same(results[index].Choices[choice], _alone[index].Choices[choice]);
            }
        }
        (engine.Statistics.Preemptions > 0).ShouldBe(preempts);
        engine.Statistics.KvBlocksUsed.ShouldBe(0);
    }

    private static async Task<long> BudgetAsync(int blocks, int stepTokens, int threads)
    {
        await using var engine = StoryEngine.Open(new() { Threads = threads, MaxSequences = 8, StepTokens = stepTokens });
        var plan = engine.Memory;
        return plan.WeightBytes + plan.StepBytes + (plan.KvBytes / plan.KvBlocks * blocks);
    }

    private static GenerationRequest Request(int index)
    {
        var ids = StoryEngine.Ids(StoryEngine.Prompts[index % StoryEngine.Prompts.Count].GetProperty("input_ids"));
        return new()
        {
            PromptTokens = [.. ids, .. ids.Skip(1)],
            MaxTokens = 24 + (5 * index),
            IgnoreEos = index % 2 == 0,
            Choices = index == 3 ? 3 : 1,
            Logprobs = 3,
            Echo = index == 2,
            Stop = index == 5 ? ["the"] : [],
            Sampling = new() { Seed = index, Temperature = index % 4 == 0 ? 0 : 0.9, RepetitionPenalty = index == 1 ? 1.2 : 1 },
        };
    }
}
