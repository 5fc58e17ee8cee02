using Stoker.Engine.Addons;
using Stoker.Engine.Kernels;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Models;

/// <summary>How a model is opened.</summary>
internal sealed record LoadOptions
{
    /// <summary>Positions to serve; null: what the config states.</summary>
    public int? ContextLength { get; init; }

    public Precision Precision { get; init; }

    /// <summary>Of the checkpoint, while it is packed.</summary>
    public WeightPlacement Placement { get; init; }

    /// <summary>A packed model of the folder in this precision, the model's from then on; null: the checkpoint is packed.</summary>
    public PackedWeights? Packed { get; init; }

    /// <summary>Memory that there is for packed weights, in bytes; null: nobody counts.</summary>
    public long? MemoryBytes { get; init; }

    /// <summary>Where rows of a step find their addons; null: the base model alone.</summary>
    public AddonSlots? Addons { get; init; }

    /// <summary>Folder of an addon that becomes part of the weights; null: none.</summary>
    public string? MergeAddon { get; init; }

    /// <summary>Keeps the weights in memory.</summary>
    public bool LockMemory { get; init; }

    /// <summary>Told what an operator should know.</summary>
    public ICollection<string>? Notes { get; init; }
}

/// <summary>Opens the model in a folder: config and weights to something that computes logits.</summary>
internal static class LanguageModel
{
    public const string ConfigFile = "config.json";

    /// <param name="team">Shared with nothing else that runs at the same time.</param>
    /// <exception cref="ModelLoadException">A file is missing, broken or asks for what is not supported.</exception>
    /// <exception cref="ArgumentException">
    /// The context length is more than the model reaches, or the weights need more memory than there is.
    /// </exception>
    public static DecoderModel Load(string folder, KernelSet kernels, ThreadTeam team, LoadOptions? options = null)
    {
        options ??= new();
        var spec = Architectures.Read(ConfigObject.Read(folder, ConfigFile));
        if (options.ContextLength is { } asked && (asked < 1 || asked > spec.MaxContextLength))
        {
            throw new ArgumentException(
                $"{nameof(options.ContextLength)}: the model reaches from 1 to {spec.MaxContextLength} positions, was {asked}", nameof(options));
        }

        var weights = options.Packed ?? LoadWeights(folder, spec, team, options);
        try
        {
            if (options.LockMemory && WeightLock.Lock(weights) is { } refused) options.Notes?.Add(refused);
            return new DecoderModel(spec, weights, kernels, team, options.ContextLength ?? spec.ContextLength, options.Addons);
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>Packs the checkpoint in memory; its own bytes are given back before the first step.</summary>
    private static PackedWeights LoadWeights(string folder, DecoderSpec spec, ThreadTeam team, LoadOptions options)
    {
        using var checkpoint = Checkpoint.Open(folder, options.Placement);
        using var addon = options.MergeAddon is { } merged ? AddonFile.Open(merged, spec, int.MaxValue) : null;
        var plan = PackPlan.Create(spec, checkpoint, options.Precision);
        if (addon is not null) plan = AddonMerge.Into(plan, addon);
        // Pages are granted when they are written: asked for more than there is, the system ends the process half-way.
        if (plan.SizeBytes > (options.MemoryBytes ?? long.MaxValue))
        {
            throw new ArgumentException(
                $"{folder}: the weights take {plan.SizeBytes} bytes as {plan.Precision}, and there are {options.MemoryBytes} by "
                + $"{nameof(EngineOptions.MemoryBudgetBytes)} and the machine or cgroup. Allow more, choose a smaller {nameof(EngineOptions.Precision)}, or open a smaller model.",
                nameof(options));
        }

        var weights = WeightPacker.Pack(plan.Precision, plan.Items, team);
        if (addon?.IsUntouched != false) return weights;
        weights.Dispose();
        throw new ModelLoadException(PeftAddon.WeightsFile, null, "was written to while it was merged; start again when it is complete");
    }
}
