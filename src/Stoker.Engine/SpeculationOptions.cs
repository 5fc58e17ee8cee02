namespace Stoker.Engine;

/// <summary>
/// What proposes tokens ahead of the model, which then checks several in one step. Answers are the same bits with it and
/// without: only the time changes.
/// </summary>
public sealed record SpeculationOptions
{
    /// <summary>
    /// A smaller model with the same tokenizer that drafts, or an EAGLE head for this model: its folder; the files tell which. Its keys and
    /// values take memory beside the model's. Not together with <see cref="NgramLength"/>.
    /// </summary>
    public string? DraftFolder { get; init; }

    /// <summary>Tokens proposed in a row at most, 0 to 16; 0 is off. 4 is usual: each further one is accepted more rarely.</summary>
    public int DraftTokens { get; init; } = 4;

    /// <summary>
    /// Drafts from the text itself: what followed the last occurrence of the answer's last tokens, at most this many of them
    /// (and two at least, or one where this is 1), in prompt and answer. 0 to 32; 0 is off.
    /// </summary>
    public int NgramLength { get; init; }

    /// <summary>
    /// Drafts as many as pay, by what steps and drafts were measured to cost and by how many are accepted, and none where that is best. Off:
    /// always <see cref="DraftTokens"/>.
    /// </summary>
    public bool Adaptive { get; init; } = true;
}
