using System.Diagnostics;
using Stoker.Benchmarks.Comparing;
using Stoker.Benchmarks.RandomModels;
using Stoker.Engine;

namespace Stoker.Benchmarks.Speculation;

/// <summary>Two engines on one model: one without speculation, one with a drafter whose acceptance is set.</summary>
internal sealed class EnginePair(InferenceEngine plain, InferenceEngine drafting, ReplacingDrafter drafter, int vocabulary) : IAsyncDisposable
{
    public const int DraftTokens = 4, MostSequences = 32, Prompt = 16;

    private readonly Workload _work = new(vocabulary);

    public InferenceEngine Plain => plain;

    public InferenceEngine Drafting => drafting;

    public ReplacingDrafter Drafter => drafter;

    /// <exception cref="UsageException">Neither folders nor a place for random ones.</exception>
    public static EnginePair Open(Arguments arguments, EngineOptions options)
    {
        var (model, draft) = (arguments.Text("--model"), arguments.Text("--draft"));
        if (model is null || draft is null)
        {
            var models = new ComparedModels(arguments.Text("--models") ?? throw new UsageException("--models DIR, or --model DIR and --draft DIR, is required for the parts target and adaptive."));
            (model, draft) = (model ?? models.Folder(RandomShape.Qwen05B), draft ?? models.Folder(RandomShape.Qwen05BDraft));
        }

        options = options with { MaxSequences = MostSequences, ContextLength = 512, PrefixCache = false };
        ReplacingDrafter? drafter = null;
        var plain = InferenceEngine.Open(model, options);
        var drafting = InferenceEngine.Open(model, options with
        {
            Speculation = new() { DraftFolder = draft, DraftTokens = DraftTokens },
            WrapDrafter = inner => drafter = new(inner),
        });
        return new(plain, drafting, drafter!, plain.Tokenizer.VocabularySize);
    }

    /// <summary>Prompts of made-up tokens, and what the model goes on with.</summary>
    public async Task<GenerationRequest[]> PrepareAsync(int count, int tokens)
    {
        var requests = new GenerationRequest[count];
        for (var index = 0; index < count; index++)
        {
            var prompt = _work.Tokens(Prompt);
            requests[index] = new() { PromptTokens = prompt, MaxTokens = tokens, IgnoreEos = true, Sampling = new() { Temperature = 0 } };
        }

        var answers = await Task.WhenAll(requests.Select(request => plain.Submit(request).CompleteAsync()));
        for (var index = 0; index < count; index++)
        {
            drafter.Know([.. requests[index].PromptTokens], Answer(answers[index]));
            requests[index] = requests[index] with { Id = $"{index}" };
        }

        return requests;
    }

    public static int[] Answer(GenerationResult result) => [.. result.Choices[0].Tokens.Select(token => token.Id)];

    /// <summary>Generated tokens a second behind the first of each, all together; the answers with and without must be the same.</summary>
    public static async Task<(double TokensPerSecond, GenerationResult[] Results)> MeasureAsync(InferenceEngine engine, GenerationRequest[] requests)
    {
        var generations = engine.SubmitTogether(requests);
        var (begun, tokens) = (0L, 0L);
        var results = await Task.WhenAll(generations.Select(async generation =>
        {
            var counted = 0;
            var seen = new List<GeneratedToken>();
            GenerationUsage? usage = null;
            await foreach (var item in generation)
            {
                Interlocked.CompareExchange(ref begun, Stopwatch.GetTimestamp(), 0);
                counted += item.Tokens.Count;
                seen.AddRange(item.Tokens);
                usage = item.Usage ?? usage;
            }

            Interlocked.Add(ref tokens, counted - 1);
            return new GenerationResult([new("", [], seen, FinishReason.Length, null)], usage!);
        }));
        return (tokens / Stopwatch.GetElapsedTime(begun).TotalSeconds, results);
    }

    public static void RequireSame(GenerationResult[] one, GenerationResult[] other)
    {
        for (var index = 0; index < one.Length; index++)
        {
            if (!Answer(one[index]).AsSpan().SequenceEqual(Answer(other[index]))) throw new BenchFailedException("an answer with speculation differs from the one without");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await plain.DisposeAsync();
        await drafting.DisposeAsync();
    }
}
