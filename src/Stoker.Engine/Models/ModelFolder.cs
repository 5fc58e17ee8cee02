using Stoker.Engine.Addons;
using Stoker.Engine.Sampling;
using Stoker.Engine.Templates;
using Stoker.Engine.Tokenization;
using Stoker.Engine.Weights;
using Stoker.Engine.Weights.Packed;

namespace Stoker.Engine.Models;

/// <summary>
/// Checks a folder of Hugging Face files without reading weights, but for an addon's: what an upload must pass before it is ready.
/// </summary>
public static class ModelFolder
{
    /// <summary>
    /// Reads every header: config, names, shapes and types of all tensors, tokenizer, chat template, generation
    /// defaults. What passes here loads, as far as memory suffices.
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

    /// <summary>
    /// The same of a base model whose small files are open already: a large tokenizer is not read twice.
    /// </summary>
    internal static ModelDescription Describe(string folder, ChatTemplate? template, GenerationDefaults defaults)
    {
        using var checkpoint = Checkpoint.Open(folder, WeightPlacement.None);
        return Describe(ConfigObject.Read(folder, LanguageModel.ConfigFile), checkpoint, template, defaults);
    }

    /// <summary>The same from a packed model, which has counted the checkpoint already.</summary>
    internal static ModelDescription Describe(string folder, PackedDescription packed, ChatTemplate? template, GenerationDefaults defaults)
    {
        var config = ConfigObject.Read(folder, LanguageModel.ConfigFile);
        return Describe(config, Architectures.Read(config), packed, template, defaults);
    }

    /// <summary>
    /// Holds an addon against the base it is meant for: every module it changes must be there, with its shape. Its numbers are read
    /// too, one module after the other: one NaN would make every answer one, and a replica would refuse it.
    /// </summary>
    /// <exception cref="ModelLoadException">One of the folders is broken, or the two do not fit.</exception>
    public static ModelDescription InspectAddon(string addonFolder, string baseFolder)
    {
        var addon = PeftAddon.Open(addonFolder);
        addon.CheckAgainst(baseFolder);
        using var file = AddonFile.Open(addonFolder, Architectures.Read(ConfigObject.Read(baseFolder, LanguageModel.ConfigFile)), PeftAddon.MaxRank);
        file.Read(_ => { });
        return addon.Describe();
    }

    /// <summary>The type that holds most parameters.</summary>
    internal static string StoredType(Checkpoint checkpoint) => checkpoint.Tensors
        .GroupBy(tensor => tensor.Type)
        .MaxBy(group => group.Sum(tensor => tensor.ElementCount))!.Key.HeaderName();

    /// <summary>In 16 bits.</summary>
    internal static long KvBytesPerToken(DecoderSpec spec) => 2L * spec.Layers.Count * spec.KvHeads * spec.HeadDim * sizeof(ushort);

    private static ModelDescription DescribeBase(string folder, ConfigObject config, Checkpoint checkpoint)
    {
        _ = Tokenizer.Load(folder);
        return Describe(config, checkpoint, ChatTemplate.Load(folder), GenerationDefaults.Load(folder));
    }

    private static ModelDescription Describe(
        ConfigObject config, Checkpoint checkpoint, ChatTemplate? template, GenerationDefaults defaults)
    {
        var spec = Architectures.Read(config);
        _ = PackPlan.Create(spec, checkpoint, Precision.Auto); // shapes only: the checkpoint holds no bytes
        return Describe(config, spec, new(checkpoint.ParameterCount, checkpoint.SizeBytes, StoredType(checkpoint)), template, defaults);
    }

    private static ModelDescription Describe(
        ConfigObject config, DecoderSpec spec, PackedDescription weights, ChatTemplate? template, GenerationDefaults defaults)
    {
        return new ModelDescription
        {
            Kind = ModelKind.Base,
            Architecture = spec.Architecture,
            ModelType = config.Text("model_type"),
            ParameterCount = weights.ParameterCount,
            WeightBytes = weights.WeightBytes,
            StoredType = weights.StoredType,
            Quantization = spec.Quantization?.ToString(),
            DefaultPrecision = spec.Quantization?.Precision ?? Precision.Auto,
            ContextLength = spec.ContextLength,
            MaxContextLength = spec.MaxContextLength,
            HiddenSize = spec.HiddenSize,
            VocabularySize = spec.VocabularySize,
            KvBytesPerToken = KvBytesPerToken(spec),
            AddonBytesPerRank = AddonPacker.BytesPerRank(spec),
            IsMixtureOfExperts = spec.Experts is not null,
            HasChatTemplate = template is not null,
            DefaultSampling = defaults.Sampling,
            EndTokens = defaults.EndTokens,
        };
    }
}
