using Stoker.Engine.Scheduling;

namespace Stoker.Engine.Speculation;

/// <summary>The tokens proposed to follow a sequence's last one in the next step; the loop's, like the sequence.</summary>
/// <remarks>They are no part of <see cref="SequenceState.Tokens"/>: what is not verified is nowhere taken for text.</remarks>
internal sealed class SequenceDrafts
{
    /// <summary>Drafts in a row: with nine of ten accepted, one of six rows gets so far.</summary>
    public const int Most = 16;

    private readonly int[] _tokens = new int[Most];

    /// <summary>Drafts that the sequence may have in the step in question: rows and blocks are there for them.</summary>
    public int Allowed { get; set; }

    public int Count { get; private set; }

    public ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, Count);

    /// <summary>Of those that the last step verified.</summary>
    public int Accepted { get; set; }

    /// <summary>Of the drafts there are now, and of an allowance that is not used yet.</summary>
    public DraftKind Kind { get; set; }

    /// <summary>Where the answer stands in the prediction; none before the first look.</summary>
    public PredictionCursor? Prediction { get; set; }

    /// <summary>Leading positions that a drafter of its own has computed, drafts among them; the drafter's.</summary>
    public int Drafted { get; set; }

    /// <summary>Leading blocks of final tokens that are known to be complete there.</summary>
    public int DraftedBlocks { get; set; }

    /// <summary>Preemptions that the sequence had then; those before are forgotten with the blocks.</summary>
    public int DraftedSince { get; set; } = -1;

    /// <summary>How good its drafts are: the deployment's, and those of its prediction.</summary>
    public DraftingState Own { get; } = new();

    public DraftingState Predicted { get; } = new();

    /// <summary>What drafts of either kind have cost it.</summary>
    public DraftLedger Ledger { get; } = AdaptiveDrafts.NewLedger();

    public DraftingState State => Kind == DraftKind.Prediction ? Predicted : Own;

    /// <summary>One more; nothing when as many as allowed are there.</summary>
    /// <returns>True while there is room for another.</returns>
    public bool Add(int token)
    {
        if (Count < Allowed) _tokens[Count++] = token;
        return Count < Allowed;
    }

    public void Clear() => (Count, Allowed) = (0, 0);

    /// <summary>Leaves out the first that is no token of the model, and all behind it.</summary>
    /// <param name="vocabularySize">0 leaves none.</param>
    public void Keep(int vocabularySize)
    {
        for (var index = 0; index < Count; index++)
        {
            if ((uint)_tokens[index] >= (uint)vocabularySize) Count = index;
        }
    }
}
