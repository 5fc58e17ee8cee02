namespace Stoker.Engine;

/// <summary>LoRA addons beside the base model: what may be in memory at once. All of it is set aside when the engine opens.</summary>
public sealed record AddonOptions
{
    /// <summary>
    /// Addons in memory at once, 1 to 1024: what may differ within one batch. More than that may be registered; a request for one
    /// that is not in memory waits until it is.
    /// </summary>
    public int MaxLoaded { get; init; } = 16;

    /// <summary>The highest rank that a module of an addon may have, 1 to 512.</summary>
    public int MaxRank { get; init; } = 64;

    /// <summary>
    /// Bytes of the pool; null: <see cref="MaxLoaded"/> addons of rank 16 that change every projection, and at the least one of
    /// <see cref="MaxRank"/>. It is part of <see cref="EngineOptions.MemoryBudgetBytes"/>.
    /// </summary>
    public long? PoolBytes { get; init; }

    /// <summary>Addons that may be registered at once.</summary>
    public int MaxRegistered { get; init; } = 10_000;
}

/// <summary>An addon that requests may name.</summary>
/// <param name="Digest">SHA-256 of what decides its numbers, in hex: what <see cref="GenerationRequest.Addon"/> takes. Two folders with the same contents are one addon.</param>
/// <param name="Rank">The highest of a module.</param>
/// <param name="Modules">Kinds of projections that it changes, such as <c>q_proj</c>.</param>
/// <param name="Bytes">That it takes in the pool.</param>
public sealed record LoadedAddon(string Digest, int Rank, IReadOnlyList<string> Modules, long Bytes);

/// <summary>An addon as it is now.</summary>
/// <param name="IsLoaded">In memory; else it is loaded when a request asks for it.</param>
/// <param name="Requests">That run or wait with it.</param>
public sealed record AddonState(LoadedAddon Addon, bool IsLoaded, int Requests);

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
