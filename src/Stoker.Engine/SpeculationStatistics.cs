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

    /// <summary>Tokens of predictions (<see cref="GenerationRequest.Prediction"/>), for each choice again.</summary>
    public long PredictionTokens { get; init; }

    /// <summary>Tokens of answers that stood where the prediction said.</summary>
    public long PredictionMatched { get; init; }

    /// <summary>Both together.</summary>
    public SpeculationStatistics And(SpeculationStatistics? other) => other is null ? this : new()
    {
        Verifications = Verifications + other.Verifications,
        Drafted = Drafted + other.Drafted,
        Accepted = Accepted + other.Accepted,
        DraftedByPosition = Sum(DraftedByPosition, other.DraftedByPosition),
        AcceptedByPosition = Sum(AcceptedByPosition, other.AcceptedByPosition),
        PredictionTokens = PredictionTokens + other.PredictionTokens,
        PredictionMatched = PredictionMatched + other.PredictionMatched,
    };

    private static long[] Sum(IReadOnlyList<long> one, IReadOnlyList<long> other)
    {
        var sum = new long[Math.Max(one.Count, other.Count)];
        for (var index = 0; index < sum.Length; index++) sum[index] = (index < one.Count ? one[index] : 0) + (index < other.Count ? other[index] : 0);
        return sum;
    }
}
