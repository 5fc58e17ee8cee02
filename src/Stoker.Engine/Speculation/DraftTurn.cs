namespace Stoker.Engine.Speculation;

/// <summary>What a turn of the loop was, from the beginning of its step to the next one's.</summary>
/// <param name="Rows">That its step computed.</param>
/// <param name="Decodes">Sequences that were to get a token.</param>
/// <param name="Asked">Sequences that drafts were proposed for.</param>
/// <param name="Drafts">That were verified.</param>
/// <param name="Proposing">Microseconds of the turn.</param>
/// <param name="IsPure">Nobody's prompt was in it.</param>
internal readonly record struct DraftTurn(
    double Microseconds, double Proposing, int Rows, int Decodes, int Asked, int Drafts, int Accepted, bool IsPure);

/// <summary>One sequence's part of it.</summary>
/// <param name="Rows">Drafts among them.</param>
internal readonly record struct TurnPart(SequenceDrafts Owner, int Rows, int Drafts, int Accepted, bool Asked)
{
    /// <summary>What it pays of what drafting took.</summary>
    public int Weight => Drafts > 0 ? Drafts : Asked ? 1 : 0;
}
