using Stoker.Benchmarks.Measuring;
using Stoker.Engine;

namespace Stoker.Benchmarks.Speculation;

/// <summary>The built-in story model as it is: what each kind of speculation accepts and gives, greedy, one request after the other.</summary>
internal static class StoryRuns
{
    private const int Tokens = 200, RoundsFor = 8;
    private const int Warm = 8; // rounds: code is compiled for speed while it runs

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
            var (seconds, answers) = (new double[kinds.Length], new GenerationResult[requests.Length]);
            var (speeds, gains) = (kinds.Select(_ => new List<double>()).ToArray(), kinds.Select(_ => new List<double>()).ToArray());
            for (var round = -Warm; round < RoundsOf(rounds); round++)
            {
                Array.Clear(seconds);
                for (var index = 0; index < requests.Length; index++)
                {
                    for (var turn = 0; turn < kinds.Length; turn++)
                    {
                        var kind = round == -Warm ? turn : (turn + round + Warm + index) % kinds.Length; // each comes behind each
                        var request = kinds[kind].Predicts ? requests[index] with { Prediction = SetAcceptance.Edited(EnginePair.Answer(answers[index])) } : requests[index];
                        var (speed, results) = await EnginePair.MeasureAsync(engines[kind], [request]);
                        if (round == -Warm && kind == 0) answers[index] = results[0];
                        EnginePair.RequireSame(results, [answers[index]]);
                        seconds[kind] += (Tokens - 1) / speed;
                    }
                }

                if (round < 0) continue;
                for (var kind = 0; kind < kinds.Length; kind++)
                {
                    speeds[kind].Add(requests.Length * (Tokens - 1) / seconds[kind]);
                    gains[kind].Add(seconds[0] / seconds[kind]);
                }
            }

            Print(kinds, engines, speeds, gains);
        }
        finally
        {
            foreach (var engine in engines) await engine.DisposeAsync();
        }
    }

    private static void Print((string Name, SpeculationOptions? Speculation, bool Predicts)[] kinds, InferenceEngine[] engines, List<double>[] speeds, List<double>[] gains)
    {
        Console.WriteLine($"story-3m, greedy, one sequence, {Prompts.Length} prompts of {Tokens} tokens");
        var table = new Table(("kind", 24), ("tokens/s", 22), ("x none", 18), ("accepted/drafted", 18), ("by position", 28));
        for (var kind = 0; kind < kinds.Length; kind++)
        {
            var (figures, speed) = (engines[kind].Statistics.Speculation, Spread.Of(speeds[kind]));
            var positions = figures.AcceptedByPosition.Zip(figures.DraftedByPosition, (accepted, drafted) => Spread.Digits((double)accepted / drafted)).Take(5);
            table.Row(kinds[kind].Name, $"{speed}", $"{Spread.Of(gains[kind])}", $"{figures.Accepted}/{figures.Drafted}", string.Join(' ', positions));
        }
    }

    /// <summary>A round takes a tenth of a second for each kind: many of them say more.</summary>
    private static int RoundsOf(int rounds) => RoundsFor * rounds;

    private static string Model(string name) => Path.Combine(AppContext.BaseDirectory, "models", name);
}
