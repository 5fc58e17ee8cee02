namespace Stoker.Engine.Speculation;

/// <summary>What is known of one kind of drafts of one sequence, and whether it is paused.</summary>
/// <remarks>
/// | state   | event                                    | next                                        |
/// | ------- | ---------------------------------------- | ------------------------------------------- |
/// | drafts  | the budget gives it nothing, or some     | paused or short, the shortest pause         |
/// | paused  | so many turns                            | due, until there is room for a probe        |
/// | short   | so many turns                            | due, until there is room for a probe        |
/// | due     | a probe: one draft or a few              | probe                                       |
/// | probe   | of one draft, accepted                   | as before, the shortest pause               |
/// | probe   | rejected, or of several: it is the cost  | as before, twice as long, up to the longest |
/// | any     | the budget gives as many as are good     | drafts                                      |
/// So what a bad drafter costs falls with the length of the answer, and a text that becomes easy is found out. A sequence is short that gets fewer drafts than
/// its acceptance is good for, because so many rows were measured to be dear: it may have been in a bad moment. Beside many others a row
/// costs nearly as much as a token is worth, and all of them probe: pauses are longer then.
/// </remarks>
internal sealed class DraftingState
{
    public const int ShortestPause = 16, LongestPause = 256;

    private const int ShareOfBatch = 8; // beside so many others a pause lasts twice as long
    private const double TurnWeight = 0.3; // as much as estimates are off
    private const double TurnRate = 1.0 / 8;
    private const double ProbeWeight = 1.0 / 3; // probes are rare: a few in a row must tell

    private AcceptanceEstimate _acceptance;
    private bool _begun, _probing;
    private Lack _lack;
    private int _pause = ShortestPause;
    private double _paused, _lately;

    public double Acceptance => _acceptance.Value;

    /// <inheritdoc cref="DraftCandidate.Weight"/>
    public double Weight => 1 - (TurnWeight * _lately);

    /// <param name="acceptance">What drafts of this kind are worth on the mean.</param>
    public void Begin(double acceptance)
    {
        if (_begun) return;
        (_begun, _acceptance) = (true, new(acceptance));
    }

    /// <summary>The budget's word for the next turn. True: a probe is due.</summary>
    /// <param name="drafts">That it gave.</param>
    /// <param name="good">That would be good, were rows cheap.</param>
    /// <param name="decodes">Sequences in the turn.</param>
    public bool Decide(int drafts, int good, int decodes)
    {
        _probing = false;
        _lately += ((drafts > 0 ? 1 : 0) - _lately) * TurnRate;
        var lack = drafts == 0 ? Lack.All : drafts < good ? Lack.Some : Lack.None;
        if (lack != _lack) (_lack, _pause, _paused) = (lack, ShortestPause, 0);
        if (lack == Lack.None) return false;
        _paused += (double)ShareOfBatch / (ShareOfBatch - 1 + decodes);
        return _paused >= _pause;
    }

    /// <summary>The next turn has a probe of it.</summary>
    public void Probes() => (_paused, _probing) = (0, true);

    public void Verified(int drafted, int accepted)
    {
        _acceptance.Observe(drafted, accepted, _probing && _lack == Lack.All ? ProbeWeight : 0);
        if (_probing) _pause = drafted == 1 && accepted == 1 ? ShortestPause : Math.Min(2 * _pause, LongestPause);
    }

    /// <summary>What the budget did not give.</summary>
    private enum Lack
    {
        None,
        Some,
        All,
    }
}
