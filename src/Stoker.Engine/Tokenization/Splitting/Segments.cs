using Stoker.Engine.Tokenization.Patterns;
using Stoker.Engine.Tokenization.Unicode;

namespace Stoker.Engine.Tokenization.Splitting;

/// <summary>Walks a piece as matches and the gaps between them, in order, without leaving anything out. Gaps are never empty; matches may be.</summary>
internal ref struct Segments(ReadOnlySpan<byte> piece, PatternMatcher matcher, MatchScratch scratch)
{
    private readonly ReadOnlySpan<byte> _piece = piece;
    private int _done; // end of the last segment
    private int _search; // where the next match may start
    private int _matchStart = -1; // a match found but not handed out yet
    private int _matchEnd;

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

    private readonly int LengthAt(int position)
    {
        Utf8.ReadAt(_piece, position, out var length);
        return length;
    }

    private bool FindNext()
    {
        while (_search < _piece.Length)
        {
            var end = matcher.Match(_piece, _search, scratch);
            if (end >= 0) (_matchStart, _matchEnd) = (_search, end);
            _search = end > _search ? end : _search + LengthAt(_search);
            if (end >= 0) return true;
        }

        return false;
    }
}
