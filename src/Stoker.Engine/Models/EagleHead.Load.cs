using Stoker.Engine.Kernels;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Models;

/// <remarks>Opening: the files, and whether they are of a head for this target.</remarks>
internal sealed partial class EagleHead
{
    /// <param name="target">What it drafts for.</param>
    /// <param name="options">Precision, memory and notes are heeded; a head is never in a packed file.</param>
    /// <param name="targetName">For messages.</param>
    /// <exception cref="ModelLoadException">The files are of no EAGLE-1 head, or of one for another model.</exception>
    /// <exception cref="ArgumentException">There is not the memory for it.</exception>
    public static EagleHead Load(
        string folder, DecoderModel target, KernelSet kernels, ThreadTeam team, LoadOptions? options = null, string? targetName = null)
    {
        options ??= new();
        var config = ConfigObject.Read(folder, LanguageModel.ConfigFile);
        var spec = EagleDraft.ReadSpec(config);
        CheckTarget(folder, spec, target.Spec, targetName ?? target.Spec.Architecture);
        var weights = LoadWeights(folder, config, spec, team, options);
        try
        {
            if (options.LockMemory && WeightLock.Lock(weights) is { } refused) options.Notes?.Add(refused);
            return new(spec, weights, target, kernels, team, Math.Min(target.Shape.ContextLength, spec.MaxContextLength));
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>It multiplies the target's states and uses the target's head: widths must be the same. Its attention is its own.</summary>
    private static void CheckTarget(string folder, DecoderSpec spec, DecoderSpec target, string targetName)
    {
        if (spec.HiddenSize != target.HiddenSize) throw Unfit("hidden_size", spec.HiddenSize, target.HiddenSize);
        if (spec.VocabularySize != target.VocabularySize) throw Unfit("vocab_size", spec.VocabularySize, target.VocabularySize);
        if (target.Gemma)
        {
            throw new ModelLoadException(
                FileIn(folder), null, $"EAGLE heads do not draft for models such as {targetName} ({target.Architecture}), whose embeddings are scaled; use a small model of the same family");
        }

        ModelLoadException Unfit(string key, int own, int other) => new(
            FileIn(folder), key,
            $"is {own}, and that of {targetName}, which it is to draft for, is {other}; an EAGLE head is trained for one model: name the one for this model, or leave it out");
    }

    private static string FileIn(string folder) => $"{Path.GetFileName(Path.TrimEndingDirectorySeparator(folder))}/{LanguageModel.ConfigFile}";

    private static PackedWeights LoadWeights(string folder, ConfigObject config, DecoderSpec spec, ThreadTeam team, LoadOptions options)
    {
        using var checkpoint = Checkpoint.Open(folder, options.Placement);
        var plan = EagleDraft.Plan(config, spec, checkpoint, options.Precision);
        return plan.SizeBytes <= (options.MemoryBytes ?? long.MaxValue)
            ? WeightPacker.Pack(plan.Precision, plan.Items, team)
            : throw new ArgumentException(
                $"{folder}: the EAGLE head takes {plan.SizeBytes} bytes as {plan.Precision}, and there are {options.MemoryBytes} left by "
                + $"{nameof(EngineOptions.MemoryBudgetBytes)} and the machine or cgroup. Allow more, or leave the head out.",
                nameof(options));
    }
}
