namespace Stoker.Engine.Speculation;

/// <summary>What drafting has cost and gained, of one sequence or of the whole engine: drafts are given only while there is room.</summary>
/// <remarks>
/// Time is what the tokens so far would have taken without drafts, loss what they took longer; both in microseconds, and a gain is a loss
/// below zero. Room = share of the time - loss. Whoever stays within it is never slower by more than the share, whatever is
/// estimated wrongly; the time counts from the beginning as that of some turns, or nobody could begin. Gains make room for later trials, up to a limit: measured
/// losses end drafting soon also where it gained for long.
/// </remarks>
/// <param name="share">Of the time that may be lost.</param>
/// <param name="start">Turns that count as done at the beginning.</param>
/// <param name="most">Turns of room at most.</param>
internal sealed class DraftLedger(double share, int start, int most)
{
    public double Time { get; private set; }

    public double Loss { get; private set; }

    /// <summary>What drafting has gained lately and not lost again: of as many turns as there may be of room.</summary>
    public double Gain { get; private set; }

    /// <param name="turn">Microseconds that a turn without drafts takes today, or the owner's part of one.</param>
    public double Room(double turn) => (share * Math.Max(Time, start * turn)) - Loss;

    /// <param name="time">That the tokens of a turn would have taken without drafts.</param>
    /// <param name="loss">What it took longer.</param>
    /// <param name="turn">As for <see cref="Room"/>.</param>
    public void Note(double time, double loss, double turn)
    {
        Time += time;
        Gain = Math.Clamp(Gain - loss, 0, most * turn);
        Loss = Math.Max(Loss + loss, (share * Math.Max(Time, start * turn)) - (most * turn));
    }
}
