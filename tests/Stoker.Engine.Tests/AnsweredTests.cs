using Stoker.Engine.Kernels;
using Stoker.Engine.Tests.Scheduling;

namespace Stoker.Engine.Tests;

/// <summary>On the real model: prefilled or decoded, the tokens of an answer lead on to the same bits.</summary>
public sealed class AnsweredTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Greedy_answers_go_on_at_every_event_as_the_reference_has_them()
    {
        var exact = new EngineOptions { Threads = 1, Precision = Precision.F32, KvPrecision = KvPrecision.F32 };
        await using var first = StoryEngine.Open(exact);
        await using var second = StoryEngine.Open(exact with { Threads = 2, MaxSequences = 16, StepTokens = 96 });
        foreach (var prompt in StoryEngine.Prompts)
        {
            var golden = StoryEngine.Ids(prompt.GetProperty("greedy_ids"));
            var request = new GenerationRequest
            {
                PromptTokens = StoryEngine.Ids(prompt.GetProperty("input_ids")),
                MaxTokens = golden.Length,
                Sampling = new() { Temperature = 0 },
                Logprobs = 3,
            };
            var whole = await EventsAsync(first, request);
            whole.SelectMany(item => item.Tokens).Select(token => token.Id).ShouldBe(golden);
            await SameAtEveryEventAsync(second, request, whole);
        }
    }

    [Theory]
    [InlineData(1.0, null, null, null, null)]
    [InlineData(0.9, 0.9, null, null, null)]
    [InlineData(1.2, null, 20, null, null)]
    [InlineData(0.8, 0.95, 50, 1.2, 0.5)]
    public async Task Seeded_answers_go_on_at_every_event(double temperature, double? topP, int? topK, double? repetition, double? frequency)
    {
        await using var first = StoryEngine.Open();
        await using var second = StoryEngine.Open(new() { Threads = 1, MaxSequences = 16, StepTokens = 64 });
        var request = new GenerationRequest
        {
            PromptTokens = StoryEngine.Ids(StoryEngine.Prompts[2].GetProperty("input_ids")),
            MaxTokens = 48,
            Stop = ["said", "he was"],
            MinTokens = 20,
            Sampling = new()
            {
                Temperature = temperature,
                TopP = topP,
                TopK = topK,
                RepetitionPenalty = repetition,
                FrequencyPenalty = frequency,
                PresencePenalty = frequency,
                Seed = 7,
            },
        };
        await SameAtEveryEventAsync(second, request, await EventsAsync(first, request));
    }

    [Theory]
    [MemberData(nameof(Sets))]
    public async Task It_is_so_in_every_kernel_set_and_precision(string? set, Precision precision, KvPrecision kv)
    {
        var options = new EngineOptions { Threads = 1, MaxSequences = 16, KernelSet = set, Precision = precision, KvPrecision = kv };
        await using var first = StoryEngine.Open(options);
        await using var second = StoryEngine.Open(options with { PrefixCache = false, StepTokens = 33 });
        var request = new GenerationRequest
        {
            PromptTokens = StoryEngine.Ids(StoryEngine.Prompts[5].GetProperty("input_ids")),
            MaxTokens = set == "reference" ? 12 : 40,
            Sampling = new() { Temperature = 1, Seed = 3 },
            Logprobs = 2,
        };
        await SameAtEveryEventAsync(second, request, await EventsAsync(first, request));
    }

    public static TheoryData<string?, Precision, KvPrecision> Sets()
    {
        var all = new TheoryData<string?, Precision, KvPrecision> { { null, Precision.Auto, KvPrecision.F32 }, { null, Precision.Auto, KvPrecision.Fp8 } };
        foreach (var precision in new[] { Precision.F32, Precision.Int8, Precision.Fp8, Precision.Fp4 }) all.Add(null, precision, KvPrecision.Auto);
        foreach (var set in KernelSets.SupportedNames) all.Add(set, Precision.Auto, KvPrecision.Auto);
        return all;
    }

    /// <summary>A replica that drafted is gone, and one that drafts takes over; or one that drafts otherwise, or not at all.</summary>
    [Theory]
    [InlineData("model", "model")]
    [InlineData("eagle", "none")]
    [InlineData("none", "adaptive eagle")]
    [InlineData("model", "ngram")]
    public async Task It_is_so_whatever_drafts_before_and_after(string before, string after)
    {
        await using var first = StoryEngine.Open(new() { Threads = 1, Speculation = Speculation.SpeculatedAnswersTests.Speculation(before) });
        await using var second = StoryEngine.Open(new() { Threads = 1, MaxSequences = 16, StepTokens = 96, Speculation = Speculation.SpeculatedAnswersTests.Speculation(after) });
        for (var seed = 0; seed < 2; seed++)
        {
            var request = new GenerationRequest
            {
                PromptTokens = StoryEngine.Ids(StoryEngine.Prompts[seed].GetProperty("input_ids")),
                MaxTokens = 48,
                IgnoreEos = true,
                Sampling = new() { Seed = seed, Temperature = seed },
                Logprobs = 1,
            };
            var whole = await EventsAsync(first, request);
            await SameAtEveryEventAsync(second, request, whole);
            int[] answer = [.. whole.SelectMany(item => item.Tokens).Select(token => token.Id)];
            await SameAtEveryEventAsync(second, request with { Prediction = answer }, whole);
        }
    }

    [Fact]
    public async Task Characters_of_many_tokens_go_on_where_they_were()
    {
        await using var engine = StoryEngine.Open();
        var parts = engine.Tokenizer.Encode("😀🦉漢", addSpecialTokens: false).Distinct().ToDictionary(id => id, _ => 100.0);
        var cutInside = 0;
        for (var seed = 0; seed < 8; seed++)
        {
            var request = new GenerationRequest
            {
                PromptTokens = [1],
                MaxTokens = 24,
                Sampling = new() { Temperature = 2, Seed = seed, FrequencyPenalty = 2, LogitBias = parts },
                IgnoreEos = true,
            };
            var whole = await EventsAsync(engine, request);
            cutInside += whole.Count(item => item.Tokens.Count > 1);
            await SameAtEveryEventAsync(engine, request, whole);
        }

        cutInside.ShouldBePositive();
    }

    private static async Task SameAtEveryEventAsync(InferenceEngine engine, GenerationRequest request, List<GenerationEvent> whole)
    {
        var cuts = GoneOn.Cuts(request, whole).ToList();
        cuts.Count.ShouldBeGreaterThan(5);
        var running = cuts.ConvertAll(cut => engine.Submit(cut.Request)); // side by side: other sequences change nothing either
        for (var index = 0; index < cuts.Count; index++) GoneOn.Same(await EventsAsync(running[index]), whole, cuts[index].Events);
    }

    private static async Task<List<GenerationEvent>> EventsAsync(InferenceEngine engine, GenerationRequest request) => await EventsAsync(engine.Submit(request));

    private static async Task<List<GenerationEvent>> EventsAsync(Generation generation)
    {
        await using var _ = generation;
        var events = new List<GenerationEvent>();
        await foreach (var item in generation.WithCancellation(Cancellation)) events.Add(item);
        return events;
    }
}
