using Microsoft.Extensions.Logging;
using Stoker.Engine;
using Stoker.Replica.Hosting;
using Stoker.Replica.Simulated;

namespace Stoker.Replica;

internal enum EngineKind { Stoker, Simulated }

/// <summary>
/// What the command line of <c>stoker replica</c> says. Only <see cref="ReplicaArguments"/> makes one outside tests.
/// </summary>
internal sealed record ReplicaOptions
{
    /// <summary>The identity that the owner gave; one started by hand makes its own.</summary>
    public required string Id { get; init; }

    /// <summary>Where log and exit file go; null, started by hand: the log goes to standard error.</summary>
    public string? Directory { get; init; }

    public EngineKind Engine { get; init; } = EngineKind.Stoker;

    /// <summary>The model's folder; the simulated engine needs none.</summary>
    public string? Model { get; init; }

    public required string ServedModelName { get; init; }

    public required IReadOnlyList<ListenAddress> Listen { get; init; }

    /// <summary>Of the weights in memory.</summary>
    public Precision Precision { get; init; }

    /// <summary>Null: the fastest that runs here.</summary>
    public string? KernelSet { get; init; }

    /// <summary>0: what affinity mask and cgroup allow.</summary>
    public int Threads { get; init; }

    /// <summary>
    /// Auto, unlike the library: nothing else in this process computes, and a mask as large as the team means that the
    /// cores were given to it.
    /// </summary>
    public ThreadPinning PinThreads { get; init; } = ThreadPinning.Auto;

    /// <summary>Empty: not bound.</summary>
    public IReadOnlyList<int> Cores { get; init; } = [];

    public int? ContextLength { get; init; }

    public long? MemoryBytes { get; init; }

    public KvPrecision KvPrecision { get; init; }

    public int? MaxSequences { get; init; }

    /// <summary>Null: the engine's default, and at least a row of each sequence.</summary>
    public int? StepTokens { get; init; }

    /// <summary>Zero: rows alone limit a step. Null: the engine's default.</summary>
    public TimeSpan? StepTime { get; init; }

    /// <summary>Null: prompts are the usual mix of lengths.</summary>
    public LongPromptOptions? LongPrompt { get; init; }

    public bool PrefixCache { get; init; } = true;

    /// <summary>Null: no owner, no lease.</summary>
    public TimeSpan? Lease { get; init; }

    /// <summary>Leaves the starter's session and terminal.</summary>
    public bool Detach { get; init; }

    public PackedUse Packed { get; init; }

    public bool LockMemory { get; init; }

    /// <summary>Takes addons beside the base model.</summary>
    public bool EnableAddons { get; init; }

    /// <summary>Names and folders of those that it has from the start: it is not ready without them.</summary>
    public IReadOnlyList<(string Name, string Folder)> Addons { get; init; } = [];

    /// <summary>Addons in memory at once; null: the engine's default.</summary>
    public int? MaxAddons { get; init; }

    public int? MaxAddonRank { get; init; }

    /// <summary>Of the pool; null: by the two above.</summary>
    public long? AddonBytes { get; init; }

    /// <summary>Folder of an addon that becomes part of the weights.</summary>
    public string? MergeAddon { get; init; }

    /// <summary>Null: nothing drafts but predictions.</summary>
    public SpeculationOptions? Speculation { get; init; }

    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    public ReplicaModelOptions Simulated { get; init; } = new();

    public EngineOptions ToEngineOptions(TimeProvider time)
    {
        var defaults = new EngineOptions();
        return defaults with
        {
            Threads = Threads,
            Precision = Precision,
            KernelSet = KernelSet,
            PinThreads = PinThreads,
            ContextLength = ContextLength,
            MemoryBudgetBytes = MemoryBytes,
            KvPrecision = KvPrecision,
            MaxSequences = MaxSequences ?? defaults.MaxSequences,
            StepTokens = StepTokens ?? Math.Max(defaults.StepTokens, MaxSequences ?? 0),
            StepTime = StepTime ?? defaults.StepTime,
            LongPrompt = LongPrompt,
            PrefixCache = PrefixCache,
            Packed = Packed,
            LockMemory = LockMemory,
            Addons = AddonOptions(),
            MergeAddon = MergeAddon,
            Speculation = Speculation,
            Time = time,
        };
    }

    private AddonOptions? AddonOptions()
    {
        if (!EnableAddons) return null;
        var defaults = new AddonOptions();
        return defaults with { MaxLoaded = MaxAddons ?? defaults.MaxLoaded, MaxRank = MaxAddonRank ?? defaults.MaxRank, PoolBytes = AddonBytes };
    }

    /// <summary>The simulated engine's figures, with the flags that every engine knows over them.</summary>
    public ReplicaModelOptions ToSimulatedOptions() => Simulated with
    {
        Slots = MaxSequences ?? Simulated.Slots,
        ContextLength = ContextLength ?? Simulated.ContextLength,
        PrefixCacheTokens = PrefixCache ? Simulated.PrefixCacheTokens : 0,
        TakesAddons = EnableAddons,
    };
}
