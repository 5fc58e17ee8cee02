using Stoker.Engine;

namespace Stoker.Replica.Simulated;

/// <summary>
/// How far one simulated answer follows what its client predicted, and which of its tokens come in one step for that. As the real engine
/// does it, but that a prediction which was wrong once is left alone.
/// </summary>
/// <param name="begun">Tokens of the answer that another replica gave; ours begins behind them.</param>
/// <param name="isUsed">The client did not disable speculation.</param>
internal sealed class PredictedAnswer(IReadOnlyList<int> prediction, ulong seed, int choice, int begun, bool isUsed)
{
    private const int MostDrafts = 16; // of a step, as of the real engine

    /// <summary>Tokens at its beginning that stand in the answer.</summary>
    private readonly int _right = prediction.TakeWhile((id, index) => id == SimulatedText.WordAt(seed, choice, index)).Count();

    /// <summary>Whether a token, counted from ours, comes in the same step as the one before it.</summary>
    public bool ComesWithPrevious(int index) =>
        isUsed && index > 0 && index + begun <= _right && (index - 1) % (MostDrafts + 1) > 0;

    /// <param name="generated">Tokens of the answer but its end token, those of the other replica among them.</param>
    public SpeculationStatistics Figures(int generated)
    {
        var (drafted, accepted) = (new long[MostDrafts], new long[MostDrafts]);
        var verified = 0;
        // A step drafts while all before it was right; the first token of ours is the prompt's.
        for (var at = begun + 1; isUsed && at < Math.Min(generated, prediction.Count) && at <= _right; at += MostDrafts + 1)
        {
            verified++;
            for (var place = 0; place < MostDrafts && at + place < prediction.Count; place++)
            {
                drafted[place]++;
                if (at + place < Math.Min(_right, generated)) accepted[place]++;
            }
        }

        var places = Array.IndexOf(drafted, 0) is >= 0 and var end ? end : MostDrafts;
        return new()
        {
            Verifications = verified,
            Drafted = drafted.Sum(),
            Accepted = accepted.Sum(),
            DraftedByPosition = drafted[..places],
            AcceptedByPosition = accepted[..places],
            PredictionTokens = prediction.Count,
            PredictionMatched = Math.Min(_right, generated),
        };
    }
}
