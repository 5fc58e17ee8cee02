using Stoker.Engine.Tokenization.Patterns;
using Stoker.Engine.Tokenization.Unicode;

namespace Stoker.Engine.Tokenization.Splitting;

/// <summary>
/// Walks a piece as matches and the gaps between them, in order, without leaving anything out. Gaps are never empty;
/// matches may be.
/// </summary>
internal ref struct Segments(ReadOnlySpan<byte> piece, PatternMatcher matcher, MatchScratch scratch)
{
    private readonly ReadOnlySpan<byte> _piece = piece;
    private int _done; // end of the last segment
    private int _search; // where the next match may start
    private int _matchStart = -1; // a match found but not handed out yet
    private int _matchEnd = -1;

    public Range Current { get; private set; }

    public bool IsMatch { get; private set; }

    public bool MoveNext()
    {
        if (_matchStart < 0 && !FindNext())
        {
            if (_done == _piece.Length) return false;
            return Take(_piece.Length, isMatch: false);
        }

        if (_matchStart > _done) return Take(_matchStart, isMatch: false);
        _matchStart = -1;
        return Take(_matchEnd, isMatch: true);
    }

    private bool Take(int end, bool isMatch)
    {
        (Current, IsMatch) = (_done..end, isMatch);
        _done = end;
        return true;
    }

    /// <summary>An empty match counts unless it stands at the end of the match before it.</summary>
    private bool FindNext()
    {
        while (_search < _piece.Length || (_search == _piece.Length && matcher.CanBeEmpty))
        {
            var (start, end) = (_search, matcher.Match(_piece, _search, scratch));
            _search = end > start ? end : start + LengthAt(start);
            if (end < 0 || (end == start && end == _matchEnd)) continue;
            (_matchStart, _matchEnd) = (start, end);
            return true;
        }

        return false;
    }

    private readonly int LengthAt(int position)
    {
        if (position == _piece.Length) return 1; // steps over the end
        Utf8.ReadAt(_piece, position, out var length);
        return length;
    }
}
