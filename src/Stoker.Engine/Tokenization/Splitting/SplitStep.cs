using Stoker.Engine.Tokenization.Patterns;

namespace Stoker.Engine.Tokenization.Splitting;

/// <summary>Cuts a piece where a pattern matches.</summary>
internal sealed class SplitStep(PatternMatcher matcher, SplitBehavior behavior, bool invert, PieceStep next) : PieceStep
{
    public override void Process(ReadOnlySpan<byte> piece, bool atStart, EncodeState state)
    {
        var (open, openIsMatch) = (default(Range), false); // what waits for its neighbour; empty when nothing does
        var segments = new Segments(piece, matcher, state.Matching);
        while (segments.MoveNext())
        {
            var (segment, isMatch) = (segments.Current, segments.IsMatch != invert);
            if (behavior == SplitBehavior.Isolated || (behavior == SplitBehavior.Removed && !isMatch))
            {
                Emit(piece, segment, atStart, state);
                continue;
            }

            if (behavior == SplitBehavior.Removed) continue;
            var joins = Joins(openIsMatch, isMatch, open.End.Value == 0);
            if (!joins) Emit(piece, open, atStart, state);
            open = joins ? open.Start..segment.End : segment;
            openIsMatch = isMatch;
        }

        Emit(piece, open, atStart, state);
    }

    /// <summary>Whether a segment joins the open one before it.</summary>
    private bool Joins(bool openIsMatch, bool isMatch, bool nothingOpen) => !nothingOpen && behavior switch
    {
        SplitBehavior.Contiguous => openIsMatch == isMatch,
        SplitBehavior.MergedWithPrevious => isMatch && !openIsMatch,
        _ => openIsMatch && !isMatch, // MergedWithNext
    };

    private void Emit(ReadOnlySpan<byte> piece, Range segment, bool atStart, EncodeState state)
    {
        var part = piece[segment];
        if (!part.IsEmpty) next.Process(part, atStart && segment.Start.Value == 0, state);
    }
}
