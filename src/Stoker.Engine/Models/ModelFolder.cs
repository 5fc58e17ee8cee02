using Stoker.Engine.Sampling;
using Stoker.Engine.Templates;
using Stoker.Engine.Tokenization;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Models;

/// <summary>Checks a folder of Hugging Face files without reading weights: what an upload must pass before it is ready.</summary>
public static class ModelFolder
{
    /// <summary>
    /// Reads every header: config, names, shapes and types of all tensors, tokenizer, chat template, generation defaults. What
    /// passes here loads, as far as memory suffices.
    /// </summary>
    /// <exception cref="ModelLoadException">Names the file, the item in it, and the reason.</exception>
    public static ModelDescription Inspect(string folder)
    {
        if (!Directory.Exists(folder))
        {
            throw new ModelLoadException(Path.GetFileName(folder), null, "the model folder does not exist");
        }

        if (File.Exists(Path.Combine(folder, PeftAddon.ConfigFile)))
        {
            return PeftAddon.Open(folder).Describe();
        }

        var config = ConfigObject.Read(folder, LanguageModel.ConfigFile);
        using var checkpoint = Checkpoint.Open(folder, WeightPlacement.None);
        return EagleDraft.IsOne(config, checkpoint)
            ? EagleDraft.Describe(config, checkpoint)
            : DescribeBase(folder, config, checkpoint);
    }

    /// <summary>Holds an addon against the base it is meant for: every module it changes must be there, with its shape.</summary>
    /// <exception cref="ModelLoadException">One of the folders is broken, or the two do not fit.</exception>
    public static ModelDescription InspectAddon(string addonFolder, string baseFolder)
    {
        var addon = PeftAddon.Open(addonFolder);
        addon.CheckAgainst(baseFolder);
        return addon.Describe();
    }

    /// <summary>The type that holds most parameters.</summary>
    internal static string StoredType(Checkpoint checkpoint) => checkpoint.Tensors
        .GroupBy(tensor => tensor.Type)
        .MaxBy(group => group.Sum(tensor => tensor.ElementCount))!.Key.HeaderName();

    private static ModelDescription DescribeBase(string folder, ConfigObject config, Checkpoint checkpoint)
    {
        var spec = Architectures.Read(config);
        _ = new DecoderWeightsReader(spec, checkpoint).Read(); // shapes only: the checkpoint holds no bytes
        _ = Tokenizer.Load(folder);
        var defaults = GenerationDefaults.Load(folder);
        return new ModelDescription
        {
            Kind = ModelKind.Base,
            Architecture = spec.Architecture,
            ParameterCount = checkpoint.ParameterCount,
            WeightBytes = checkpoint.SizeBytes,
            StoredType = StoredType(checkpoint),
            ContextLength = spec.ContextLength,
            MaxContextLength = spec.MaxContextLength,
            HiddenSize = spec.HiddenSize,
            VocabularySize = spec.VocabularySize,
            IsMixtureOfExperts = spec.Experts is not null,
            HasChatTemplate = ChatTemplate.Load(folder) is not null,
            DefaultSampling = defaults.Sampling,
            EndTokens = defaults.EndTokens,
        };
    }
}
