namespace Stoker.Engine.Speculation;

/// <summary>Where a sequence's drafts come from.</summary>
internal enum DraftKind
{
    /// <summary>The text so far.</summary>
    Ngram,

    /// <summary>A smaller model.</summary>
    Model,

    /// <summary>A head on the target's hidden states.</summary>
    Eagle,

    /// <summary>What the caller expects the answer to be.</summary>
    Prediction,
}
