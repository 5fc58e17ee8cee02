using Stoker.Api.Problems;

namespace Stoker.ControlPlane.Models;

/// <summary>
/// Looks into a folder of Hugging Face files. The control plane knows no engine: the server implements this with the
/// one it has.
/// </summary>
public interface IModelInspector
{
    /// <summary>Describes the files without loading the weights.</summary>
    /// <param name="baseFolder">For an addon: its base's files, which its tensors are held against; null for other
    /// kinds.</param>
    /// <returns>
    /// A problem of INVALID_ARGUMENT naming file, item and reason when the folder holds no usable model.
    /// </returns>
    Task<Result<ModelInspection>> InspectAsync(string folder, string? baseFolder, CancellationToken cancellation);
}

/// <summary>What the files of a model say about it.</summary>
/// <param name="Kind">A base model, a LoRA addon (<see cref="ModelKind.HfPeftAddon"/>) or a draft head (<see
/// cref="ModelKind.DraftAddon"/>).</param>
/// <param name="ModelType">The architecture, such as <c>llama</c>; null for addons, which have their base's.</param>
/// <param name="Precisions">As what the weights can run without preparation.</param>
/// <param name="WeightBytes">Size of the weights in memory as stored, for planning.</param>
/// <param name="DefaultSamplingParams">From <c>generation_config.json</c>: temperature, top_p, top_k and the
/// like.</param>
/// <param name="Peft">The adapter's shape; null for other kinds.</param>
/// <param name="Warnings">What is odd but works, for the answer of <c>:validateUpload</c>.</param>
public sealed record ModelInspection(
    ModelKind Kind,
    string? ModelType,
    int? ContextLength,
    long ParameterCount,
    long WeightBytes,
    bool Moe,
    bool SupportsChat,
    bool SupportsTools,
    bool SupportsLora,
    IReadOnlyList<Precision> Precisions,
    IReadOnlyDictionary<string, double> DefaultSamplingParams,
    PeftInspection? Peft,
    IReadOnlyList<string> Warnings)
{
    /// <summary>Bytes of the keys and values of one position in 16 bits; null when the files do not say.</summary>
    public long? KvBytesPerToken { get; init; }

    /// <summary>Bytes of an addon in memory for each rank, where it changes every projection; null for kinds that take none.</summary>
    public long? AddonBytesPerRank { get; init; }

    /// <summary>Width of the states; null for addons.</summary>
    public int? HiddenSize { get; init; }

    /// <summary>Of all tokens with their numbers; null for kinds without a tokenizer, and in rows of older programs.</summary>
    public string? VocabularyDigest { get; init; }
}

/// <param name="BaseModel">What the adapter's own files name as its base: a hint, seldom one of our names.</param>
public sealed record PeftInspection(int R, IReadOnlyList<string> TargetModules, string? BaseModel);
