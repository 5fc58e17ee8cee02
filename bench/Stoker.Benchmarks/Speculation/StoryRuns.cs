using Stoker.Benchmarks.Measuring;
using Stoker.Engine;

namespace Stoker.Benchmarks.Speculation;

/// <summary>The built-in story model as it is: what each kind of speculation accepts and gives, greedy, one request after the other.</summary>
internal static class StoryRuns
{
    private const int Tokens = 200;

    private static readonly string[] Prompts =
    [
        "Once upon a time, there was a little girl named Lily. She",
        "One day, Tom and his dog went to the park.",
        "The dragon was very hungry, so he",
        "Ben had a big red ball. He liked to play with",
    ];

    public static async Task RunAsync(EngineOptions options, int rounds)
    {
        var (model, draft, eagle) = (Model("story-3m"), Model("story-draft-400k"), Model("story-3m-eagle"));
        (string Name, SpeculationOptions? Speculation, bool Predicts)[] kinds =
        [
            ("none", null, false),
            ("draft model, k = 4", new() { DraftFolder = draft }, false),
            ("EAGLE head, k = 4", new() { DraftFolder = eagle }, false),
            ("n-gram of 3, k = 4", new() { NgramLength = 3 }, false),
            ("prediction of an edit", null, true),
        ];
        var engines = Array.ConvertAll(kinds, kind => InferenceEngine.Open(model, options with { MaxSequences = 4, PrefixCache = false, Speculation = kind.Speculation }));
        try
        {
            var requests = Array.ConvertAll(Prompts, prompt => new GenerationRequest
            {
                PromptTokens = engines[0].Tokenizer.Encode(prompt, addSpecialTokens: true),
                MaxTokens = Tokens,
                IgnoreEos = true,
                Sampling = new() { Temperature = 0 },
            });
            var speeds = kinds.Select(_ => new List<double>()).ToArray();
            for (var round = -1; round < rounds; round++)
            {
                GenerationResult[]? plain = null;
                for (var kind = 0; kind < kinds.Length; kind++)
                {
                    var (speed, results) = await AllAsync(engines[kind], requests, kinds[kind].Predicts ? plain : null);
                    plain ??= results;
                    EnginePair.RequireSame(results, plain);
                    if (round >= 0) speeds[kind].Add(speed);
                }
            }

            Print(kinds, engines, speeds);
        }
        finally
        {
            foreach (var engine in engines) await engine.DisposeAsync();
        }
    }

    private static void Print((string Name, SpeculationOptions? Speculation, bool Predicts)[] kinds, InferenceEngine[] engines, List<double>[] speeds)
    {
        Console.WriteLine($"story-3m, greedy, one sequence, {Prompts.Length} prompts of {Tokens} tokens");
        var table = new Table(("kind", 24), ("tokens/s", 22), ("x none", 8), ("accepted/drafted", 18), ("by position", 28));
        var none = Spread.Of(speeds[0]).Median;
        for (var kind = 0; kind < kinds.Length; kind++)
        {
            var (figures, speed) = (engines[kind].Statistics.Speculation, Spread.Of(speeds[kind]));
            var positions = figures.AcceptedByPosition.Zip(figures.DraftedByPosition, (accepted, drafted) => Spread.Digits((double)accepted / drafted)).Take(5);
            table.Row(kinds[kind].Name, $"{speed}", Spread.Digits(speed.Median / none), $"{figures.Accepted}/{figures.Drafted}", string.Join(' ', positions));
        }
    }

    private static async Task<(double TokensPerSecond, GenerationResult[] Results)> AllAsync(InferenceEngine engine, GenerationRequest[] requests, GenerationResult[]? plain)
    {
        var (results, seconds) = (new GenerationResult[requests.Length], 0.0);
        for (var index = 0; index < requests.Length; index++)
        {
            var request = plain is null ? requests[index] : requests[index] with { Prediction = SetAcceptance.Edited(EnginePair.Answer(plain[index])) };
            var (speed, one) = await EnginePair.MeasureAsync(engine, [request]);
            results[index] = one[0];
            seconds += (Tokens - 1) / speed;
        }

        return (requests.Length * (Tokens - 1) / seconds, results);
    }

    private static string Model(string name) => Path.Combine(AppContext.BaseDirectory, "models", name);
}
