using Stoker.Engine.Weights;

namespace Stoker.Engine.Models;

/// <summary>A LoRA adapter's files: y = W x + scale · B (A x) for some of a base model's projections.</summary>
/// <remarks>
/// Checked at upload and not at the first request: an adapter whose names match nothing would load and silently do
/// nothing, and one with a key that is ignored would answer with other numbers than its author's.
/// </remarks>
internal sealed class PeftAddon
{
    public const string ConfigFile = "adapter_config.json";
    public const string WeightsFile = "adapter_model.safetensors";

    private const int MinRank = 4; // the platform's documented range
    internal const int MaxRank = 64;

    private readonly PeftConfig _config;
    private readonly ModelDescription _description;
    private readonly IReadOnlyList<LoraModule> _modules;

    private PeftAddon(PeftConfig config, ModelDescription description, IReadOnlyList<LoraModule> modules) =>
        (_config, _description, _modules) = (config, description, modules);

    /// <exception cref="ModelLoadException">A setting that cannot be computed, or a tensor that does not fit the
    /// settings.</exception>
    public static PeftAddon Open(string folder)
    {
        var config = PeftConfig.Read(folder);
        RefusePickle(folder);
        using var checkpoint = Checkpoint.OpenFile(folder, WeightsFile, WeightPlacement.None);
        var modules = LoraModules.Pair(checkpoint);
        foreach (var module in modules)
        {
            CheckModule(config, module, MinRank, MaxRank);
        }

        return new PeftAddon(config, Describe(config, checkpoint, modules), modules);
    }

    internal static void RefusePickle(string folder)
    {
        if (!File.Exists(Path.Combine(folder, WeightsFile)) && File.Exists(Path.Combine(folder, "adapter_model.bin")))
        {
            throw new ModelLoadException(
                WeightsFile, null, "is missing; adapter_model.bin is a pickle file, which can run code when read: convert it to safetensors");
        }
    }

    public ModelDescription Describe() => _description;

    /// <summary>
    /// Every tensor has its module in the base, with its shape, and every module that the settings target has its
    /// tensors.
    /// </summary>
    /// <exception cref="ModelLoadException">Names the first module for which that does not hold.</exception>
    public void CheckAgainst(string baseFolder)
    {
        using var checkpoint = Checkpoint.Open(baseFolder, WeightPlacement.None);
        var shapes =
            checkpoint.Tensors.ToDictionary(tensor => tensor.Name, tensor => tensor.Shape, StringComparer.Ordinal);
        foreach (var module in _modules)
        {
            if (!shapes.TryGetValue(module.Path + ".weight", out var shape))
            {
                throw new ModelLoadException(WeightsFile, module.Path, "is not a module of the base model");
            }

            if (shape is not [var outputs, var inputs] || outputs != module.Outputs || inputs != module.Inputs)
            {
                throw new ModelLoadException(
                    WeightsFile, module.Path,
                    $"is for a weight [{module.Outputs}, {module.Inputs}], the base model's is [{string.Join(", ", shape)}]");
            }
        }

        CheckComplete(shapes.Keys);
    }

    /// <summary>A cut adapter file would leave some targets as they are in the base, and nobody would notice.</summary>
    private void CheckComplete(IEnumerable<string> baseTensors)
    {
        var present = _modules.Select(module => module.Path).ToHashSet(StringComparer.Ordinal);
        foreach (var tensor in baseTensors.Where(name => name.EndsWith(".weight", StringComparison.Ordinal)))
        {
            var path = tensor[..^".weight".Length];
            if (LoraModules.CanChange(path) && _config.Targets(path) && !present.Contains(path))
            {
                throw new ModelLoadException(WeightsFile, path, $"is a target of {ConfigFile}, but its tensors are missing");
            }
        }
    }

    /// <summary>The settings target it, with its rank.</summary>
    internal static void CheckModule(PeftConfig config, LoraModule module, int minRank, int maxRank)
    {
        if (!config.Targets(module.Path))
        {
            throw new ModelLoadException(WeightsFile, module.Path, $"is no target of {ConfigFile} (target_modules, exclude_modules)");
        }

        var rank = config.RankOf(module.Path);
        if (module.Rank != rank)
        {
            throw new ModelLoadException(WeightsFile, module.Path, $"has rank {module.Rank}, {ConfigFile} says {rank}");
        }

        if (rank < minRank || rank > maxRank)
        {
            throw new ModelLoadException(WeightsFile, module.Path, $"has rank {rank}, {minRank} to {maxRank} is supported");
        }
    }

    private static ModelDescription Describe(PeftConfig config, Checkpoint checkpoint, IReadOnlyList<LoraModule> modules) => new()
    {
        Kind = ModelKind.PeftAddon,
        Architecture = "LORA",
        ParameterCount = checkpoint.ParameterCount,
        WeightBytes = checkpoint.SizeBytes,
        StoredType = ModelFolder.StoredType(checkpoint),
        Rank = modules.Max(module => module.Rank),
        TargetModules = [.. modules.Select(module => module.Kind).Distinct().Order(StringComparer.Ordinal)],
        BaseModelName = config.BaseModelName,
    };
}
