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
