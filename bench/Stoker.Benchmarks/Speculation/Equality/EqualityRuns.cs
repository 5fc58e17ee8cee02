using Stoker.Benchmarks.Measuring;
using Stoker.Engine;

namespace Stoker.Benchmarks.Speculation.Equality;

/// <summary>
/// Every kind of speculation on story-3m, one request after the other and all at once with addons, predictions, sampled requests and such
/// that disable speculation: no answer may differ from the one given alone without. Exact, so the machine may be busy.
/// </summary>
internal sealed class EqualityRuns(EngineOptions options, int random, int seed)
{
    private const int Batch = 16, StepTokens = 160; // prompts take several steps, beside decodes

    private static readonly string Models = Path.Combine(AppContext.BaseDirectory, "models");
    private readonly EqualityRequests _requests = new(Path.Combine(AppContext.BaseDirectory, "goldens", "story-3m.json"), random, seed);
    private readonly List<string> _faults = [];

    /// <summary>Prints a row for each kind, and how often drafts were accepted in the reference.</summary>
    /// <returns>What is not as it must be.</returns>
    public async Task<List<string>> MeasureAsync()
    {
        Console.WriteLine($"story-3m: {_requests.GoldenCount} prompts of the reference and {random} random ones of 1 to 300 tokens (seed {seed})");
        await using var plain = Open(null, sequences: 1);
        var mixed = _requests.Mixed(await LoadAsync(plain, "story-3m-lora-zog"), await LoadAsync(plain, "story-3m-lora-bolt"));
        var alone = await OneByOneAsync(plain, _requests.Greedy());
        var mixedAlone = await OneByOneAsync(plain, mixed);
        var table = new Table(("kind", 12), ("k", 3), ("adaptive", 8), ("batch", 6), ("prompts", 7), ("tokens", 7), ("differing", 9), ("accepted/drafted", 17), ("plain count", 17));
        foreach (var kind in EqualityKind.All(Models))
        {
            Print(table, kind, "alone", await AloneAsync(kind, alone));
            Print(table, kind, "mixed", await MixedAsync(kind, mixed, mixedAlone));
        }

        Console.WriteLine();
        _faults.AddRange(GoldenTable.Print(Models, Path.Combine(AppContext.BaseDirectory, "goldens")));
        return _faults;
    }

    private async Task<EqualityRow> AloneAsync(EqualityKind kind, GenerationResult[] alone)
    {
        await using var engine = Open(kind.Speculation, sequences: 1);
        var requests = _requests.Greedy().Select((request, index) => kind.Predicts ? EqualityRequests.Predicting(request, index, alone[index]) : request);
        return Row(kind, "alone", engine, await OneByOneAsync(engine, [.. requests]), alone, Count(kind, alone));
    }

    private async Task<EqualityRow> MixedAsync(EqualityKind kind, List<GenerationRequest> mixed, GenerationResult[] alone)
    {
        await using var engine = Open(kind.Speculation, Batch);
        await LoadAsync(engine, "story-3m-lora-zog");
        await LoadAsync(engine, "story-3m-lora-bolt");
        var requests = mixed.Select((request, index) => EqualityRequests.Speculating(request, index, alone[index]));
        var results = await Task.WhenAll(engine.SubmitTogether([.. requests]).Select(generation => generation.CompleteAsync()));
        return Row(kind, "mixed", engine, results, alone, expected: null);
    }

    private static EqualityRow Row(EqualityKind kind, string batch, InferenceEngine engine, GenerationResult[] results, GenerationResult[] alone, (long, long)? expected)
    {
        var differing = results.Zip(alone).Count(pair => !EqualityRow.AreSame(pair.First, pair.Second));
        var tokens = results.Sum(result => (long)result.Usage.CompletionTokens);
        var name = $"{kind.Name}, k = {kind.Drafts}, adaptive {kind.Adaptive}, {batch}";
        return new(name, results.Length, tokens, differing, engine.Statistics.Speculation, expected) { MayPause = kind.Speculation.Adaptive };
    }

    private (long, long)? Count(EqualityKind kind, GenerationResult[] alone)
    {
        if (kind.Speculation is not { NgramLength: > 0, Adaptive: false }) return null;
        var (drafted, accepted) = (0L, 0L);
        for (var index = 0; index < alone.Length; index++)
        {
            var one = NgramCount.Along([.. _requests.Greedy()[index].PromptTokens], EnginePair.Answer(alone[index]), kind.Speculation.NgramLength, kind.Speculation.DraftTokens);
            (drafted, accepted) = (drafted + one.Drafted, accepted + one.Accepted);
        }

        return (drafted, accepted);
    }

    private void Print(Table table, EqualityKind kind, string batch, EqualityRow row)
    {
        var (figures, expected) = (row.Figures, row.Expected);
        table.Row(
            kind.Name, kind.Drafts, kind.Adaptive, batch, $"{row.Prompts}", $"{row.Tokens}", $"{row.Differing}",
            $"{figures.Accepted}/{figures.Drafted}", expected is { } count ? $"{count.Accepted}/{count.Drafted}" : "-");
        if (row.Fault is { } fault) _faults.Add(fault);
    }

    private static async Task<GenerationResult[]> OneByOneAsync(InferenceEngine engine, IReadOnlyList<GenerationRequest> requests)
    {
        var results = new GenerationResult[requests.Count];
        for (var index = 0; index < results.Length; index++) results[index] = await engine.Submit(requests[index]).CompleteAsync();
        return results;
    }

    private InferenceEngine Open(SpeculationOptions? speculation, int sequences) => InferenceEngine.Open(Path.Combine(Models, "story-3m"), options with
    {
        MaxSequences = sequences,
        StepTokens = StepTokens,
        MaxQueuedRequests = Math.Max(options.MaxQueuedRequests, random + _requests.GoldenCount),
        Addons = new() { MaxLoaded = 2 },
        Speculation = speculation,
    });

    private static async Task<string> LoadAsync(InferenceEngine engine, string name) => (await engine.LoadAddonAsync(Path.Combine(Models, name))).Digest;
}
