using Stoker.Api.Names;
using Stoker.Api.Resources;

namespace Stoker.ControlPlane.Models;

/// <summary>A model as the other slices see it: what its owner said and what its files say, taken together.</summary>
/// <param name="Folder">The local folder with its files; null while it has none: an entry of the catalogue or an upload
/// under way.</param>
/// <param name="ContextLength">The maximum; what the owner set wins over what the files say.</param>
/// <param name="BaseModel">The base of an addon or of a draft head; null for base models.</param>
/// <param name="SupportsChat">There is a conversation style or a chat template.</param>
public sealed record Model(
    ModelName Name,
    ModelKind Kind,
    ModelState State,
    StatusResource? Status,
    string? Folder,
    int? ContextLength,
    long? ParameterCount,
    bool Moe,
    IReadOnlyList<Precision> SupportedPrecisions,
    ModelName? BaseModel,
    ModelName? DefaultDraftModel,
    int? DefaultDraftTokenCount,
    bool Public,
    bool SupportsChat)
{
    public bool SupportsTools { get; init; }

    public bool SupportsLora { get; init; }

    /// <summary>The architecture, such as <c>llama</c> or <c>qwen2</c>; null when nobody knows it yet.</summary>
    public string? ModelType { get; init; }

    /// <summary>Size of the weights in memory as stored; null until the files were inspected.</summary>
    public long? WeightBytes { get; init; }

    /// <summary>Bytes of the keys and values of one position in 16 bits; null until the files were inspected.</summary>
    public long? KvBytesPerToken { get; init; }

    /// <summary>Bytes of an addon in memory for each rank, where it changes every projection; null until the files were inspected.</summary>
    public long? AddonBytesPerRank { get; init; }

    /// <summary>Width of the states; null until the files were inspected, and for addons.</summary>
    public int? HiddenSize { get; init; }

    /// <summary>Of all tokens with their numbers: equal where a token means the same text. Null for kinds without a tokenizer.</summary>
    public string? VocabularyDigest { get; init; }

    /// <summary>An addon's rank and target modules; null for other kinds.</summary>
    public PeftDetailsResource? Peft { get; init; }

    public IReadOnlyDictionary<string, double> DefaultSamplingParams { get; init; } = new Dictionary<string, double>();

    /// <summary>
    /// Names this very set of files: addons are told apart by it and not by their name, which may be used again.
    /// </summary>
    public string? FilesDigest { get; init; }

    /// <summary>An operator put it on the serverless tier.</summary>
    public bool SupportsServerless { get; init; }

    /// <summary>The day (UTC) on which it leaves the serverless tier, or left it; null while none is set.</summary>
    public DateOnly? DeprecationDate { get; init; }

    /// <summary>The serverless model to use then; null where none was named.</summary>
    public ModelName? Alternative { get; init; }

    public bool IsAddon => Kind is ModelKind.HfPeftAddon or ModelKind.HfTeftAddon;

    /// <summary>Whether its files are there and were found good.</summary>
    public bool IsReady => State == ModelState.Ready && Folder is not null;
}
