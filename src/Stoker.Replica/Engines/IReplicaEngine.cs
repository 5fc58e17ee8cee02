using System.Text.Json;
using Stoker.Engine;

namespace Stoker.Replica.Engines;

/// <summary>
/// What the HTTP surface needs of an engine. Two real ones stand behind it: Stoker's own and the simulated one.
/// </summary>
internal interface IReplicaEngine : IAsyncDisposable
{
    /// <summary>Positions a sequence may have, prompt and answer together.</summary>
    int ContextLength { get; }

    /// <summary>Sequences that run at once: what load is a fraction of.</summary>
    int MaxSequences { get; }

    /// <summary>Tokens of prompts that its prefix cache holds; 0: it has none. Null where nothing is known.</summary>
    long? CacheTokens => null;

    int VocabularySize { get; }

    /// <summary>False where the model has no chat template: only raw completions then.</summary>
    bool SupportsChat { get; }

    /// <summary>Values in force where a request says nothing.</summary>
    SamplingOptions DefaultSampling { get; }

    EngineStatistics Statistics { get; }

    /// <summary>
    /// Bytes a second that the engine's threads can read; null where there is nothing to measure. Takes some 10 ms of
    /// its cores.
    /// </summary>
    double? MeasureReadBandwidth() => null;

    /// <summary>What the operator should know of the load, for the log; one sentence each.</summary>
    IReadOnlyList<string> LoadNotes => [];

    /// <summary>Null where it takes no addons.</summary>
    AddonNames? Addons => null;

    /// <summary>A raw prompt's ids, with the tokens that the model expects in front.</summary>
    int[] EncodeText(string text);

    /// <summary>A text's ids as an answer to the prompt would have them.</summary>
    int[] EncodeContinuation(string text, ReadOnlySpan<int> prompt) => EncodeText(text);

    /// <summary>
    /// Renders the chat template and encodes it. The template brings its own special tokens; none are added.
    /// </summary>
    /// <param name="safeTokenization">Special tokens that users wrote stay text.</param>
    /// <exception cref="Requests.ApiException">The template refused the messages.</exception>
    int[] EncodeChat(JsonElement messages, bool safeTokenization);

    /// <summary>Ids to text, special tokens included.</summary>
    string Decode(ReadOnlySpan<int> tokens);

    /// <summary>Answers once: ready means that the model answers.</summary>
    /// <exception cref="ModelLoadException">It does not.</exception>
    Task ProveAsync(CancellationToken cancellation) => Task.CompletedTask;

    /// <exception cref="RequestRefusedException">Not taken; the message has the figures.</exception>
    IReplicaGeneration Submit(GenerationRequest request);
}

/// <summary>One request's stream of events, read once by one reader; disposal cancels what still runs.</summary>
internal interface IReplicaGeneration : IAsyncDisposable
{
    /// <summary>Tokens of an answer at most, after all bounds.</summary>
    int MaxTokens { get; }

    /// <summary>Prompt tokens that the prefix cache had; known with the first event.</summary>
    int CachedTokens { get; }

    IAsyncEnumerable<GenerationEvent> ReadAsync(CancellationToken cancellation);
}
