namespace Stoker.Engine.Models;

/// <summary>What a model folder holds.</summary>
public enum ModelKind
{
    /// <summary>A whole model with tokenizer.</summary>
    Base,

    /// <summary>A LoRA adapter in PEFT's layout, for a base model.</summary>
    PeftAddon,

    /// <summary>An EAGLE head that drafts for a base model.</summary>
    EagleDraft,
}

/// <summary>
/// What the headers of a model folder say, after all of them have been checked. See <see cref="ModelFolder.Inspect"/>.
/// </summary>
public sealed record ModelDescription
{
    public required ModelKind Kind { get; init; }

    /// <summary>Such as <c>LlamaForCausalLM</c>; <c>LORA</c> for an addon.</summary>
    public required string Architecture { get; init; }

    /// <summary>
    /// What config.json calls its family, such as <c>llama</c>; null for an addon, and where it does not say.
    /// </summary>
    public string? ModelType { get; init; }

    /// <summary>Elements of all tensors.</summary>
    public required long ParameterCount { get; init; }

    /// <summary>Bytes of all tensors.</summary>
    public required long WeightBytes { get; init; }

    /// <summary>The type that most parameters are stored in: BF16, F16 or F32, of a quantised checkpoint F8_E4M3 or I8.</summary>
    public required string StoredType { get; init; }

    /// <summary>How a quantised checkpoint is stored, in one line; null where all weights are numbers.</summary>
    public string? Quantization { get; init; }

    /// <summary>
    /// What it is run in unless asked otherwise: <see cref="Precision.Auto"/>, as stored, of a checkpoint of numbers.
    /// </summary>
    public Precision DefaultPrecision { get; init; }

    /// <summary>Positions served unless asked otherwise; null for an addon, which takes its base's.</summary>
    public int? ContextLength { get; init; }

    /// <summary>Positions that may be asked for.</summary>
    public int? MaxContextLength { get; init; }

    public int? HiddenSize { get; init; }

    /// <summary>Rows of the output matrix; may exceed the tokenizer's vocabulary.</summary>
    public int? VocabularySize { get; init; }

    /// <summary>Bytes of the keys and values of one position in 16 bits; null for an addon.</summary>
    public long? KvBytesPerToken { get; init; }

    /// <summary>
    /// Base models: bytes that an addon which changes every projection takes in memory for each rank; the pool is planned with it. Null
    /// for others.
    /// </summary>
    public long? AddonBytesPerRank { get; init; }

    public bool IsMixtureOfExperts { get; init; }

    public bool HasChatTemplate { get; init; }

    /// <summary>Addons: the highest rank of its modules.</summary>
    public int? Rank { get; init; }

    /// <summary>Addons: the kinds of module it changes, such as <c>q_proj</c>, in alphabetical order.</summary>
    public IReadOnlyList<string> TargetModules { get; init; } = [];

    /// <summary>Addons: the base model as their author named it; a hint, not a resource name.</summary>
    public string? BaseModelName { get; init; }

    /// <summary>From generation_config.json; what it does not say is null.</summary>
    public SamplingOptions DefaultSampling { get; init; } = SamplingOptions.Unset;

    /// <summary>Tokens that end an answer.</summary>
    public IReadOnlyList<int> EndTokens { get; init; } = [];
}
