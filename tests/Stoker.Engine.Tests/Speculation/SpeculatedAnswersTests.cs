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

    public static TheoryData<string> Kinds => new("ngram", "adaptive ngram", "model", "adaptive", "eagle", "adaptive eagle");

    /// <summary>Kinds of one engine, and requests with predictions (right, edited and wrong), without speculation and as they are.</summary>
    [Theory]
    [InlineData("ngram")]
    [InlineData("model")]
    [InlineData("adaptive")]
    [InlineData("eagle")]
    [InlineData("adaptive eagle")]
    [InlineData("none")]
    public async Task All_together_with_predictions_and_without(string kind)
    {
        await using var engine = StoryEngine.Open(new() { Threads = 2, MaxSequences = 10, StepTokens = 90, Speculation = Speculation(kind) });
        var running = _requests.Select((request, index) => engine.CompleteAsync(Mixed(request, index))).ToList();
        for (var index = 0; index < running.Count; index++)
        {
            var result = await running[index];
            Same(result, _plain[index]);
            if (index % 4 == 3) (result.Usage.Speculation?.Drafted ?? 0).ShouldBe(0);
            if (index % 4 == 1) result.Usage.Speculation.ShouldNotBeNull().PredictionMatched.ShouldBe(result.Usage.CompletionTokens);
        }
        CheckFigures(engine, kind);
        engine.Statistics.Speculation.PredictionTokens.ShouldBe(_requests.Select(Mixed).Sum(request => request.Prediction.Count));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task One_after_the_other(string kind)
    {
        await using var engine = StoryEngine.Open(new() { Threads = 1, MaxSequences = 1, Speculation = Speculation(kind) });
        for (var index = 0; index < _requests.Count; index++) Same(await engine.CompleteAsync(_requests[index]), _plain[index]);
        CheckFigures(engine, kind);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task All_together(string kind)
    {
        await using var engine = StoryEngine.Open(new() { Threads = 2, MaxSequences = 12, StepTokens = 100, Speculation = Speculation(kind) });
        var running = _requests.ConvertAll(engine.CompleteAsync);
        for (var index = 0; index < running.Count; index++) Same(await running[index], _plain[index]);
        CheckFigures(engine, kind);
    }

    private GenerationRequest Mixed(GenerationRequest request, int index)
    {
        List<int> tokens = [.. _plain[index].Choices[0].Tokens.Select(token => token.Id)];
        if (index % 8 == 2) tokens.RemoveAt(tokens.Count / 2); // the answer has a token more
        if (index % 8 == 6) tokens = [.. tokens.Select(id => (id + 1) % 2040)];
        return (index % 4) switch
        {
            0 => request,
            3 => request with { DisableSpeculation = true },
            _ => request with { Prediction = tokens },
        };
    }

    internal static SpeculationOptions? Speculation(string kind) => kind switch
    {
        "none" => null,
        "ngram" => new() { NgramLength = 3, Adaptive = false },
        "adaptive ngram" => new() { NgramLength = 3 },
        "model" => new() { DraftFolder = TestData.Model("story-draft-400k"), Adaptive = false },
        "adaptive" => new() { DraftFolder = TestData.Model("story-draft-400k") },
        "eagle" => new() { DraftFolder = TestData.Model("story-3m-eagle"), Adaptive = false },
        "adaptive eagle" => new() { DraftFolder = TestData.Model("story-3m-eagle") },
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    private static void CheckFigures(InferenceEngine engine, string kind)
    {
        var figures = engine.Statistics.Speculation;
        // Adaptively it is the machine's to say whether any draft pays.
        figures.Accepted.ShouldBeInRange(kind.StartsWith("adaptive", StringComparison.Ordinal) ? 0 : 1, figures.Drafted);
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
