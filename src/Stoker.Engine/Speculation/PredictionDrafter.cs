using Stoker.Engine.Scheduling;

namespace Stoker.Engine.Speculation;

/// <summary>Drafts what the caller of a request expects; see <see cref="PredictionCursor"/>. It computes nothing, and what it drafts are tokens: requests with others are refused.</summary>
internal static class PredictionDrafter
{
    /// <summary>Brings the sequence's cursor up to date. False: it has no prediction, or is lost in it.</summary>
    public static bool Follows(Sequence sequence)
    {
        if (sequence.Request.Prediction.Length == 0) return false;
        var cursor = sequence.Drafts.Prediction ??= new(sequence.Request.Prediction);
        cursor.Follow(sequence.Tokens[sequence.PromptLength..]);
        return !cursor.Rest.IsEmpty;
    }

    /// <param name="sequences">Those that follow.</param>
    public static void Propose(List<Sequence> sequences)
    {
        foreach (var sequence in sequences)
        {
            foreach (var token in sequence.Drafts.Prediction!.Rest)
            {
                if (!sequence.Drafts.Add(token)) break;
            }
        }
    }
}
