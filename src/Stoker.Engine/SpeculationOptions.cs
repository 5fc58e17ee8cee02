namespace Stoker.Engine;

/// <summary>
/// What proposes tokens ahead of the model, which then checks several in one step. Answers are the same bits with it and
/// without: only the time changes.
/// </summary>
public sealed record SpeculationOptions
{
    /// <summary>Tokens proposed in a row at most, 0 to 16; 0 is off. 4 is usual: each further one is accepted more rarely.</summary>
    public int DraftTokens { get; init; } = 4;

    /// <summary>
    /// Drafts from the text itself: what followed the last occurrence of the answer's last tokens, at most this many of them
    /// (and two at least, or one where this is 1), in prompt and answer. 0 to 32; 0 is off.
    /// </summary>
    public int NgramLength { get; init; }
}
