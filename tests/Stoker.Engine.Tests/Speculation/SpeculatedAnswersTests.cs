using Stoker.Testing;

namespace Stoker.Engine.Tests.Speculation;

/// <summary>On the real model: answers with every kind of speculation are those without, bit for bit.</summary>
public sealed class SpeculatedAnswersTests : IAsyncLifetime
{
    private const int RandomPrompts = 200;

    private readonly List<GenerationRequest> _requests =
        [.. StoryEngine.Prompts.Select((prompt, index) => Greedy(StoryEngine.Ids(prompt.GetProperty("input_ids")), 64, index)), .. Enumerable.Range(0, RandomPrompts).Select(Random)];

    private readonly List<GenerationResult> _plain = [];

    /// <summary>Without speculation, one after the other.</summary>
    public async ValueTask InitializeAsync()
    {
        await using var engine = StoryEngine.Open(new() { Threads = 1, MaxSequences = 1 });
        foreach (var request in _requests) _plain.Add(await engine.CompleteAsync(request));
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    public static TheoryData<string> Kinds => new("ngram", "model", "adaptive");

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task One_after_the_other(string kind)
    {
        await using var engine = StoryEngine.Open(new() { Threads = 1, MaxSequences = 1, Speculation = Speculation(kind) });
        for (var index = 0; index < _requests.Count; index++) Same(await engine.CompleteAsync(_requests[index]), _plain[index]);
        CheckFigures(engine);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task All_together(string kind)
    {
        await using var engine = StoryEngine.Open(new() { Threads = 2, MaxSequences = 12, StepTokens = 100, Speculation = Speculation(kind) });
        var running = _requests.ConvertAll(engine.CompleteAsync);
        for (var index = 0; index < running.Count; index++) Same(await running[index], _plain[index]);
        CheckFigures(engine);
    }

    internal static SpeculationOptions Speculation(string kind) => kind switch
    {
        "ngram" => new() { NgramLength = 3, Adaptive = false },
        "model" => new() { DraftFolder = TestData.Model("story-draft-400k"), Adaptive = false },
        "adaptive" => new() { DraftFolder = TestData.Model("story-draft-400k") },
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    private static void CheckFigures(InferenceEngine engine)
    {
        var figures = engine.Statistics.Speculation;
        figures.Accepted.ShouldBeInRange(1, figures.Drafted);
        engine.Statistics.DrafterFaults.ShouldBe(0);
        engine.Statistics.KvBlocksUsed.ShouldBe(0);
    }

    private static void Same(GenerationResult one, GenerationResult other)
    {
        for (var choice = 0; choice < other.Choices.Count; choice++) Scheduling.StepLoopTests.Same(one.Choices[choice], other.Choices[choice]);
    }

    private static GenerationRequest Greedy(int[] prompt, int maxTokens, int index) => new()
    {
        PromptTokens = prompt,
        MaxTokens = maxTokens,
        IgnoreEos = true,
        Logprobs = index % 4 == 0 ? 2 : null,
        Sampling = new() { Temperature = 0 },
    };

    /// <summary>Most of them greedy, some sampled and with penalties; some repeat themselves.</summary>
    private static GenerationRequest Random(int index)
    {
        var random = new Random(index);
        int[] part = [.. Enumerable.Range(0, random.Next(2, 40)).Select(_ => random.Next(2040))];
        var request = Greedy(index % 3 == 0 ? [.. part, .. part] : part, random.Next(1, 40), index);
        return (index % 5) switch
        {
            0 => request with { Sampling = new() { Seed = index, Temperature = 0.8, TopP = 0.95 } },
            1 => request with { IgnoreEos = false, Sampling = new() { Temperature = 0, RepetitionPenalty = 1.1, PresencePenalty = 0.2 }, Stop = ["the"] },
            _ => request,
        };
    }
}
