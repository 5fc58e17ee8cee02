namespace Stoker.ControlPlane.Runtimes;

/// <summary>
/// All that a runtime needs to start one replica, written durably before the start, so that a later server knows what
/// it finds.
/// </summary>
public sealed record ReplicaSpec
{
    public required ReplicaId Id { get; init; }

    /// <summary>The owner's full name, <c>accounts/{account}/deployments/{deployment}</c>.</summary>
    public required string Deployment { get; init; }

    /// <summary>The deployment's revision that this replica runs.</summary>
    public required long Revision { get; init; }

    /// <summary>A local folder of Hugging Face files; empty for a simulated replica of a model without any.</summary>
    public required string ModelFolder { get; init; }

    /// <summary>Files of an addon that becomes part of the weights; null: none.</summary>
    public string? MergeAddonFolder { get; init; }

    /// <summary>The name that requests to the replica carry in <c>model</c>.</summary>
    public required string ServedModelName { get; init; }

    public required string Region { get; init; }

    public required string AcceleratorType { get; init; }

    /// <summary>Which accelerators of the region and type it occupies.</summary>
    public required IReadOnlyList<int> Slots { get; init; }

    /// <summary>Cores that it is pinned to; empty when it is not pinned.</summary>
    public IReadOnlyList<int> Cores { get; init; } = [];

    public required int ContextLength { get; init; }

    /// <summary>Memory for weights and KV cache together, in bytes.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>Addons can be loaded while it runs.</summary>
    public bool EnableAddons { get; init; }

    /// <summary>In memory at once; 0: as many as the engine has by itself.</summary>
    public int MaxLoadedAddons { get; init; }

    /// <summary>Of the weights, as the replica names it: fp8, fp4, int8; null: as stored.</summary>
    public string? Precision { get; init; }

    /// <summary>Of keys and values, as the replica names it; null: its default, bf16.</summary>
    public string? KvPrecision { get; init; }

    /// <summary>Files of the draft model or draft head; null: none drafts.</summary>
    public string? DraftFolder { get; init; }

    /// <summary>Tokens that the n-gram lookup goes by; 0: none.</summary>
    public int NgramLength { get; init; }

    /// <summary>Tokens drafted at a time; 0: none.</summary>
    public int DraftTokens { get; init; }

    /// <summary>It is set up for long prompts.</summary>
    public bool LongPrompt { get; init; }

    /// <summary>The engine that emulates accelerators which are not there; null for the runtime's own.</summary>
    public string? EmulatedBy { get; init; }

    /// <summary>The figures of a simulated replica, as <c>--simulate</c> takes them; null leaves its defaults.</summary>
    public string? Simulate { get; init; }
}
