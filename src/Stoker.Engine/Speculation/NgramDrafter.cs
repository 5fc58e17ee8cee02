using Stoker.Engine.Scheduling;

namespace Stoker.Engine.Speculation;

/// <summary>Drafts what followed the last tokens when they stood in the text before.</summary>
internal sealed class NgramDrafter(int longest) : IDrafter
{
    public DraftKind Kind => DraftKind.Ngram;

    public void Propose(IReadOnlyList<Sequence> sequences)
    {
        for (var index = 0; index < sequences.Count; index++) Propose(sequences[index].Tokens, sequences[index].Drafts);
    }

    public void Computed(in PlannedRows rows, int final)
    {
    }

    public void Dispose()
    {
    }

    // Behind the text's end its drafts go on: a text that repeats itself every few tokens is drafted to the full length.
    private void Propose(ReadOnlySpan<int> tokens, SequenceDrafts drafts)
    {
        var next = NgramLookup.Continuation(tokens, longest);
        if (next < 0) return;
        for (var more = true; more; next++) more = drafts.Add(next < tokens.Length ? tokens[next] : drafts.Tokens[next - tokens.Length]);
    }
}
