namespace Stoker.Engine;

/// <summary>
/// The plan for prompts above some 3,000 tokens: larger steps, twice the KV cache, a part of it kept for prefixes that were computed
/// before, and a stated share of the speed for the answers that run beside a prompt.
/// </summary>
public sealed record LongPromptOptions
{
    /// <summary>The share for who wants steady streams first: a step with a prompt in it takes hardly longer than one without.</summary>
    public const double DecodeFirst = 0.8;

    /// <summary>
    /// Rows in a step that continues no answer, in place of <see cref="EngineOptions.StepTokens"/> where it is less; at least <see
    /// cref="EngineOptions.MaxSequences"/>, at most 16,384. A chunk goes over all weights and all earlier keys once, so larger ones are
    /// quicker, and who comes meanwhile waits for the chunk to end.
    /// </summary>
    public int ChunkTokens { get; init; } = 1024;

    /// <summary>
    /// How much of their undisturbed speed running answers keep while a prompt is computed, 0.05 to 0.95; the rest of the time is the
    /// prompt's. In place of <see cref="EngineOptions.StepTime"/>.
    /// </summary>
    public double DecodeShare { get; init; } = 0.5;

    /// <summary>
    /// The part of the KV cache that prompts which run beside others leave to what the prefix cache has, 0 to 0.9: such a prompt waits
    /// rather than push more of it out. One that runs alone may take all. Nothing is set aside while nothing is cached.
    /// </summary>
    public double PrefixShare { get; init; } = 0.25;
}
