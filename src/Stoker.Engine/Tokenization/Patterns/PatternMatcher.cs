namespace Stoker.Engine.Tokenization.Patterns;

/// <summary>
/// Finds where a split pattern matches. Implementations are immutable; text is valid UTF-8 and its end is the end of
/// the piece.
/// </summary>
internal abstract class PatternMatcher
{
    public const int NoMatch = -1;

    /// <summary>Whether a match can be empty; such a pattern is tried at the end of the text too.</summary>
    public virtual bool CanBeEmpty => false;

    /// <summary>
    /// End of the match that starts exactly here, or <see cref="NoMatch"/>. May be the start itself (an empty match).
    /// </summary>
    public abstract int Match(ReadOnlySpan<byte> text, int start, MatchScratch scratch);
}
