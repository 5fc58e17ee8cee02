namespace Stoker.Engine.Speculation;

/// <summary>A sequence that may get drafts, and then how many.</summary>
/// <param name="Acceptance">Of a draft whose predecessors were all accepted.</param>
/// <param name="Most">Drafts that it can have.</param>
/// <param name="HasPasses">Each draft takes a pass of a drafter; else drafts cost their rows alone.</param>
internal record struct DraftCandidate(double Acceptance, int Most, bool HasPasses)
{
    public int Drafts { get; set; }

    /// <summary>The chance that one more draft becomes a token.</summary>
    public double Gain { get; set; }

    /// <summary>
    /// Of the chance, when it is compared with others': lower for a sequence that had drafts lately. Where not all can have some they
    /// then come to each in turn, and none of like sequences falls behind because of an estimate that is off a little.
    /// </summary>
    public double Weight { get; init; } = 1;

    /// <summary>Rows that the drafter must compute before its first draft beside the usual one: of the prompt, or of a pause.</summary>
    public int CatchUp { get; init; }
}
