namespace Stoker.Engine;

/// <summary>
/// One prompt and how to go on from it. Tokens, not text: tokenising and templates happen before, on the caller's
/// thread.
/// </summary>
public sealed record GenerationRequest
{
    public required IReadOnlyList<int> PromptTokens { get; init; }

    public SamplingOptions Sampling { get; init; } = SamplingOptions.Unset;

    /// <summary>
    /// Tokens to generate at most, for each choice; null goes on to the end of the context (or of the KV cache).
    /// </summary>
    public int? MaxTokens { get; init; }

    /// <summary>
    /// Lowers <see cref="MaxTokens"/> to what context and KV cache hold, instead of refusing. The prompt is never cut.
    /// </summary>
    public bool FitMaxTokens { get; init; }

    /// <summary>Before this many tokens the end tokens are masked and stop strings do not count.</summary>
    public int MinTokens { get; init; }

    /// <summary>Generation ends where one of these appears in the text, also across token boundaries.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <summary>End tokens besides the model's own.</summary>
    public IReadOnlyList<int> StopTokens { get; init; } = [];

    /// <summary>The stop text is left out of the answer unless this is set.</summary>
    public bool IncludeStopText { get; init; }

    /// <summary>
    /// The model's end tokens are tokens like any other; <see cref="StopTokens"/> still end the generation.
    /// </summary>
    public bool IgnoreEos { get; init; }

    /// <summary>Independent answers to the one prompt, 1 to 128.</summary>
    public int Choices { get; init; } = 1;

    /// <summary>Null: none. 0: of each token chosen. k: also of the k most likely ones, at most 20.
    /// They are of the model's own distribution, before temperature, penalties and masks.</summary>
    public int? Logprobs { get; init; }

    /// <summary>
    /// Gives the whole prompt back first, as one event with <see cref="GenerationEvent.IsPrompt"/> for each choice.
    /// </summary>
    public bool Echo { get; init; }

    /// <summary>Gives only the last tokens of the prompt back; not together with <see cref="Echo"/>.</summary>
    public int? EchoLast { get; init; }

    /// <summary>Special tokens leave no text, unless this is false.</summary>
    public bool SkipSpecialTokens { get; init; } = true;

    /// <summary>
    /// A name space of the prefix cache, 1 to 512 characters: only requests with the same one use each other's
    /// computed prompts. Set it to whom the prompt belongs to (an account, say), never to what a caller says alone:
    /// the time to the first token tells whether others sent a prefix before. Null is a name space, too.
    /// </summary>
    public string? CacheSalt { get; init; }

    /// <summary>
    /// Asked by whoever runs the engine, to see that it answers: statistics of requests and tokens leave it out. Its steps
    /// are steps like any other.
    /// </summary>
    public bool IsProbe { get; init; }

    /// <summary>The addon to answer with, by the digest that <see cref="InferenceEngine.LoadAddonAsync"/> gave; null: the base model.</summary>
    public string? Addon { get; init; }

    /// <summary>
    /// The answer so far, when an engine like this one was cut off in it: the tokens of all events that its reader has. The
    /// answer goes on after them as if it had never stopped; positions, limits, penalties, stop strings and usage count them.
    /// For one choice, and the same answer only with the same seed, or at temperature 0.
    /// </summary>
    public IReadOnlyList<int> Answered { get; init; } = [];

    /// <summary>
    /// What the answer is expected to be, mostly: an edited text's original, say. Where the answer follows it, several tokens come in a
    /// step; the answer is the same with any prediction. At most as many tokens as may be generated.
    /// </summary>
    public IReadOnlyList<int> Prediction { get; init; } = [];

    /// <summary>The engine's drafter still drafts, but its drafts are not used; nor is <see cref="Prediction"/>.</summary>
    public bool DisableSpeculation { get; init; }

    /// <summary>The name in <see cref="Generation.Id"/>; null makes one.</summary>
    public string? Id { get; init; }
}
