namespace Stoker.Engine.Speculation;

/// <summary>Where an answer stands in what its caller expects it to be.</summary>
/// <remarks>
/// | state   | the next token                                            | next                      |
/// | ------- | --------------------------------------------------------- | ------------------------- |
/// | follows | is the one expected                                       | follows, one further on   |
/// | any     | stands among the next few expected ones (a small deletion or replacement) | follows, behind it |
/// | any     | stands further on, behind the token before it as here     | follows, behind it        |
/// | any     | stands nowhere                                            | lost: nothing is expected |
/// What it looks in begins where it last followed for some tokens: a chance find leads away, but not for good. Pure: the same
/// tokens lead to the same place.
/// </remarks>
internal sealed class PredictionCursor(int[] predicted)
{
    private const int Near = 4; // a single token further away would mostly be another one
    private const int Sure = 4; // followed so far is no chance

    private int _next, _from, _run;
    private int _before = -1;
    private bool _lost;

    /// <summary>Tokens of the answer that it has seen.</summary>
    public int Seen { get; private set; }

    /// <summary>Of those, the ones that were expected.</summary>
    public int Matched { get; private set; }

    /// <summary>What is expected from here on; empty where it is lost or at the end.</summary>
    public ReadOnlySpan<int> Rest => _lost ? [] : predicted.AsSpan(_next);

    /// <summary>Goes on over the tokens of the answer that it has not seen.</summary>
    public void Follow(ReadOnlySpan<int> answer)
    {
        foreach (var token in answer[Seen..]) Advance(token);
    }

    public void Advance(int token)
    {
        Seen++;
        if (!_lost && _next < predicted.Length && predicted[_next] == token) Match();
        else Search(token);
        _before = token;
    }

    private void Match()
    {
        (_next, _run) = (_next + 1, _run + 1);
        Matched++;
        if (_run >= Sure) _from = _next;
    }

    private void Search(int token)
    {
        var rest = predicted.AsSpan(_from);
        var found = rest[..Math.Min(Near, rest.Length)].IndexOf(token);
        if (found < 0) found = rest.IndexOf([_before, token]) is >= 0 and var pair ? pair + 1 : -1;
        (_lost, _run) = (found < 0, 0);
        if (found >= 0) _next = _from + found + 1;
    }
}
