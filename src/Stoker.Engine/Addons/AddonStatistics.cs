namespace Stoker.Engine;

/// <summary>What addons do and have done since the engine was opened; counters only grow.</summary>
public sealed record AddonStatistics
{
    public int Registered { get; init; }

    public int Loaded { get; init; }

    public int MaxLoaded { get; init; }

    public long PoolBytes { get; init; }

    public long UsedBytes { get; init; }

    /// <summary>Times that an addon came into memory.</summary>
    public long Loads { get; init; }

    /// <summary>Times that one left it for another.</summary>
    public long Evictions { get; init; }

    /// <summary>Times that one could not be brought into memory.</summary>
    public long Failures { get; init; }
}
