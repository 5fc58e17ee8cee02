using Stoker.Engine.Scheduling;

namespace Stoker.Engine.Speculation;

/// <summary>Drafts what the caller of a request expects; see <see cref="PredictionCursor"/>.</summary>
internal sealed class PredictionDrafter : IDrafter
{
    public DraftKind Kind => DraftKind.Prediction;

    /// <summary>Brings the sequence's cursor up to date. False: it has no prediction, or is lost in it.</summary>
    public static bool Follows(Sequence sequence)
    {
        if (sequence.Request.Prediction.Length == 0) return false;
        var cursor = sequence.Drafts.Prediction ??= new(sequence.Request.Prediction);
        cursor.Follow(sequence.Tokens[sequence.PromptLength..]);
        return !cursor.Rest.IsEmpty;
    }

    public void Propose(IReadOnlyList<Sequence> sequences)
    {
        for (var index = 0; index < sequences.Count; index++)
        {
            var drafts = sequences[index].Drafts;
            foreach (var token in drafts.Prediction!.Rest)
            {
                if (!drafts.Add(token)) break;
            }
        }
    }

    public void Computed(in PlannedRows rows, int final)
    {
    }

    public void Dispose()
    {
    }
}
