using System.Text.Json;
using Stoker.Engine;

namespace Stoker.Benchmarks.Speculation.Equality;

/// <summary>The reference's prompts and made-up ones, all greedy; and the same with all that requests of one batch may differ in.</summary>
internal sealed class EqualityRequests
{
    private const int EditEvery = 16; // so that an answer has each kind of edit
    private const int GoldenTokens = 64, LongestPrompt = 300, LongestAnswer = 64, PlainTokens = 2040; // those behind are special

    private readonly List<GenerationRequest> _greedy = [];

    /// <param name="golden">Of the model.</param>
    public EqualityRequests(string golden, int random, int seed)
    {
        using var file = JsonDocument.Parse(File.ReadAllBytes(golden));
        var text = new List<int>();
        foreach (var prompt in file.RootElement.GetProperty("prompts").EnumerateArray())
        {
            var ids = Ids(prompt.GetProperty("input_ids"));
            _greedy.Add(Greedy(ids, GoldenTokens));
            text.AddRange([.. ids, .. Ids(prompt.GetProperty("greedy_ids"))]);
        }

        GoldenCount = _greedy.Count;
        var numbers = new Random(seed);
        for (var index = 0; index < random; index++)
        {
            _greedy.Add(Greedy(Prompt(index, [.. text], numbers), numbers.Next(1, LongestAnswer + 1)));
        }
    }

    public int GoldenCount { get; }

    public IReadOnlyList<GenerationRequest> Greedy() => _greedy;

    /// <summary>What the requests of a mixed batch ask, before they name predictions: base and addons, greedy and sampled.</summary>
    public List<GenerationRequest> Mixed(string zog, string bolt) =>
        [.. _greedy.Select((request, index) => request with
        {
            Addon = (index % 8) switch { 4 or 7 => zog, 5 => bolt, _ => null },
            Logprobs = index % 3 == 0 ? 2 : null,
            Sampling = index % 8 is 6 or 7 ? new() { Seed = index, Temperature = 0.9, TopP = 0.95, PresencePenalty = 0.1 } : request.Sampling,
        })];

    /// <summary>A request of the mixed batch with the speculation that it asks for: right and edited predictions, none of it, or nothing.</summary>
    public static GenerationRequest Speculating(GenerationRequest request, int index, GenerationResult answer) => (index % 8) switch
    {
        1 or 7 => request with { Prediction = EnginePair.Answer(answer) },
        2 or 5 => request with { Prediction = Edited(answer) },
        3 => request with { DisableSpeculation = true },
        _ => request,
    };

    /// <summary>With a prediction that is right, or is the text before an edit.</summary>
    public static GenerationRequest Predicting(GenerationRequest request, int index, GenerationResult answer) =>
        request with { Prediction = index % 2 == 0 ? EnginePair.Answer(answer) : Edited(answer) };

    public static int[] Ids(JsonElement ids) => [.. ids.EnumerateArray().Select(id => id.GetInt32())];

    private static int[] Edited(GenerationResult answer) => SetAcceptance.Edited(EnginePair.Answer(answer), EditEvery);

    private static GenerationRequest Greedy(int[] prompt, int tokens) =>
        new() { PromptTokens = prompt, MaxTokens = tokens, IgnoreEos = true, Sampling = new() { Temperature = 0 } };

    /// <summary>By turns a short part again and again, any tokens, and a piece of the model's own texts.</summary>
    private static int[] Prompt(int index, int[] text, Random numbers)
    {
        var length = numbers.Next(1, LongestPrompt + 1);
        var (from, period) = (numbers.Next(text.Length - LongestPrompt), numbers.Next(2, 30));
        if (index % 3 == 2) return text[from..(from + length)];
        var any = Enumerable.Range(0, length).Select(_ => numbers.Next(PlainTokens)).ToArray();
        if (index % 3 == 0) return [.. any.Select((_, at) => any[at % period])];
        return any;
    }
}
