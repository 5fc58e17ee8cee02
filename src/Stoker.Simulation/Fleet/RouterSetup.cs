namespace Stoker.Simulation.Fleet;

/// <summary>Who chooses a request's replica.</summary>
public enum RouterKind
{
    /// <summary>The gateway's own choice.</summary>
    Gateway,

    /// <summary>The fewest requests.</summary>
    FewestRequests,

    /// <summary>The fewest prompt tokens that have no first token yet; then the fewest requests.</summary>
    LeastLoad,

    /// <summary>The longest prefix, whoever waits there.</summary>
    BestMatch,
}

/// <summary>How the router of a run chooses, and what it knows.</summary>
public sealed record RouterSetup
{
    public RouterKind Kind { get; init; }

    /// <summary>It knows what is in the replicas' caches, instead of what it sent them.</summary>
    public bool KnowsContents { get; init; }

    /// <summary>How late it hears of first tokens and ends: the age of what it knows of the replicas' load.</summary>
    public TimeSpan NewsAge { get; init; }
}
