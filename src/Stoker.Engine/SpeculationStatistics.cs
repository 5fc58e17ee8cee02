namespace Stoker.Engine;

/// <summary>What speculation did, for one request or for the engine. Tokens out are those accepted and one for each step of a
/// sequence, whether it verified drafts or not.</summary>
public sealed record SpeculationStatistics
{
    public static readonly SpeculationStatistics None = new();

    /// <summary>Times that a sequence's drafts were verified.</summary>
    public long Verifications { get; init; }

    /// <summary>Drafts that were verified.</summary>
    public long Drafted { get; init; }

    /// <summary>Drafts that became tokens of an answer; a token that ended one is not counted as a draft.</summary>
    public long Accepted { get; init; }

    /// <summary>Drafts by their place among those of one verification, the first at 0.</summary>
    public IReadOnlyList<long> DraftedByPosition { get; init; } = [];

    /// <summary>Of them, those accepted.</summary>
    public IReadOnlyList<long> AcceptedByPosition { get; init; } = [];
}
