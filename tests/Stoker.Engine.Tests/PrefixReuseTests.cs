using Stoker.Engine.Kernels;
using Stoker.Engine.KvCache;
using Stoker.Engine.Tests.Scheduling;

namespace Stoker.Engine.Tests;

/// <summary>
/// On the real model: with the prefix cache and without it answers and log-probabilities are the same bits.
/// </summary>
public sealed class PrefixReuseTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1, 256, false)]
    [InlineData(2, 19, false)]
    [InlineData(1, 64, true)] // room for about two of the requests: preemption, and what is cached goes all the time
    public async Task Cached_equals_computed(int threads, int stepTokens, bool tiny)
    {
        var requests = Enumerable.Range(0, 10).Select(Request).ToList();
        var computed = await AnswersAsync(requests, new() { Threads = 1, MaxSequences = 1, StepTokens = 512, PrefixCache = false });
        await using var engine = StoryEngine.Open(new()
        {
            Threads = threads,
            MaxSequences = 8,
            StepTokens = stepTokens,
            MemoryBudgetBytes = tiny ? await BudgetAsync(320 / KvStore.BlockSize, stepTokens) : null,
        });
        for (var round = 0; round < 2; round++)
        {
            var generations = requests.Select(engine.Submit).ToList();
            for (var index = 0; index < requests.Count; index++)
            {
                var result = await generations[index].CompleteAsync(Cancellation);
                for (var choice = 0; choice < result.Choices.Count; choice++) StepLoopTests.Same(result.Choices[choice], computed[index].Choices[choice]);
            }
        }

        var statistics = engine.Statistics;
        statistics.CachedPromptTokens.ShouldBePositive();
        (statistics.Preemptions > 0).ShouldBe(tiny);
        statistics.KvBlocksUsed.ShouldBe(0);
    }

    [Fact]
    public async Task A_conversation_goes_on_where_it_was()
    {
        await using var engine = StoryEngine.Open();
        var prompt = Ids(2 * KvStore.BlockSize);
        var first = await engine.CompleteAsync(Greedy(prompt));
        int[] next = [.. prompt, .. first.Choices[0].Tokens.Select(token => token.Id), .. Ids(9)];
        var second = await engine.CompleteAsync(Greedy(next));
        second.Usage.CachedTokens.ShouldBe((prompt.Length + first.Usage.CompletionTokens - 1) / KvStore.BlockSize * KvStore.BlockSize);
        await using var off = StoryEngine.Open(new() { Threads = 1, PrefixCache = false });
        StepLoopTests.Same(second.Choices[0], (await off.CompleteAsync(Greedy(next))).Choices[0]);
        engine.Statistics.CachedPromptTokens.ShouldBe(second.Usage.CachedTokens);
    }

    [Theory]
    [MemberData(nameof(Sets))]
    public async Task It_is_so_in_every_kernel_set_and_precision_of_keys_and_values(string? set, KvPrecision precision)
    {
        var options = new EngineOptions { Threads = 1, MaxSequences = 4, KernelSet = set, KvPrecision = precision };
        var request = Greedy(Ids(2 * KvStore.BlockSize + 9)) with { Logprobs = 5, MaxTokens = 12 };
        await using var off = StoryEngine.Open(options with { PrefixCache = false });
        await using var on = StoryEngine.Open(options);
        await on.CompleteAsync(request with { MaxTokens = 1 });
        var cached = await on.CompleteAsync(request);
        cached.Usage.CachedTokens.ShouldBe(2 * KvStore.BlockSize);
        StepLoopTests.Same(cached.Choices[0], (await off.CompleteAsync(request)).Choices[0]);
    }

    public static TheoryData<string?, KvPrecision> Sets()
    {
        var all = new TheoryData<string?, KvPrecision> { { null, KvPrecision.F32 }, { null, KvPrecision.Fp8 } };
        foreach (var set in KernelSets.SupportedNames) all.Add(set, KvPrecision.Auto);
        return all;
    }

    [Fact]
    public async Task Another_salt_computes_everything_anew()
    {
        await using var engine = StoryEngine.Open();
        var request = Greedy(Ids(2 * KvStore.BlockSize + 1));
        await engine.CompleteAsync(request);
        (await engine.CompleteAsync(request with { CacheSalt = "accounts/other" })).Usage.CachedTokens.ShouldBe(0);
        (await engine.CompleteAsync(request)).Usage.CachedTokens.ShouldBe(2 * KvStore.BlockSize);
    }

    private static async Task<List<GenerationResult>> AnswersAsync(List<GenerationRequest> requests, EngineOptions options)
    {
        await using var engine = StoryEngine.Open(options);
        var results = new List<GenerationResult>();
        foreach (var request in requests) results.Add(await engine.CompleteAsync(request));
        return results;
    }

    /// <summary>A budget that leaves so many blocks of cache.</summary>
    private static async Task<long> BudgetAsync(int blocks, int stepTokens)
    {
        await using var engine = StoryEngine.Open(new() { Threads = 1, MaxSequences = 8, StepTokens = stepTokens });
        var plan = engine.Memory;
        return plan.WeightBytes + plan.StepBytes + (plan.KvBytes / plan.KvBlocks * blocks);
    }

    // Three beginnings of several blocks each, and ends of their own.
    private static GenerationRequest Request(int index) => new()
    {
        PromptTokens = [.. Ids(70 + (31 * (index % 3))), .. Ids(40).Skip(index)],
        MaxTokens = 20 + (7 * index),
        IgnoreEos = true,
        Choices = index == 3 ? 3 : 1,
        Logprobs = 3,
        Echo = index == 2,
        EchoLast = index == 6 ? 5 : null,
        CacheSalt = index % 4 == 3 ? "other" : null,
        Sampling = new() { Seed = index, Temperature = index % 4 == 0 ? 0 : 0.9 },
    };

    private static GenerationRequest Greedy(int[] prompt) =>
        new() { PromptTokens = prompt, MaxTokens = 40, IgnoreEos = true, Sampling = new() { Temperature = 0 } };

    /// <summary>The golden prompts one after the other.</summary>
    private static int[] Ids(int count) => [.. StoryEngine.Prompts.SelectMany(prompt => StoryEngine.Ids(prompt.GetProperty("input_ids"))).Take(count)];
}
