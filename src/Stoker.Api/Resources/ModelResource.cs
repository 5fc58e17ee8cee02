using System.Text.Json.Serialization;

namespace Stoker.Api.Resources;

/// <summary>A model as the wire shows it. Property order is the order on the wire; null means absent.</summary>
public sealed record ModelResource
{
    public string? Name { get; init; }
    public string? DisplayName { get; init; }
    public string? Description { get; init; }
    public DateTimeOffset? CreateTime { get; init; }
    public DateTimeOffset? UpdateTime { get; init; }
    public string? CreatedBy { get; init; }
    public string? State { get; init; }
    public StatusResource? Status { get; init; }
    public string? Kind { get; init; }
    public string? GithubUrl { get; init; }
    public string? HuggingFaceUrl { get; init; }
    public BaseModelDetailsResource? BaseModelDetails { get; init; }
    public PeftDetailsResource? PeftDetails { get; init; }
    public TeftDetailsResource? TeftDetails { get; init; }
    public bool? Public { get; init; }
    public ConversationConfigResource? ConversationConfig { get; init; }
    public int? ContextLength { get; init; }
    public int? TrainingContextLength { get; init; }
    public bool? SupportsImageInput { get; init; }
    public bool? SupportsTools { get; init; }
    public bool? SupportsLora { get; init; }
    public bool? SupportsServerless { get; init; }
    public string? ImportedFrom { get; init; }
    public string? FineTuningJob { get; init; }
    public string? DefaultDraftModel { get; init; }
    public int? DefaultDraftTokenCount { get; init; }
    public IReadOnlyList<DeployedModelRefResource>? DeployedModelRefs { get; init; }
    public string? Cluster { get; init; }
    public DateResource? DeprecationDate { get; init; }

    /// <summary>The serverless model to use instead of this one once it is gone from the serverless tier; ours.</summary>
    public string? StokerAlternative { get; init; }
    public bool? Calibrated { get; init; }
    public bool? Tunable { get; init; }
    public bool? RlTunable { get; init; }
    public IReadOnlyList<string>? SupportedPrecisions { get; init; }
    public IReadOnlyList<string>? SupportedPrecisionsWithCalibration { get; init; }

    /// <summary>Precisions that the model was asked to be prepared for; ours.</summary>
    public IReadOnlyList<ModelPreparationResource>? StokerPreparations { get; init; }
    public IReadOnlyDictionary<string, double>? DefaultSamplingParams { get; init; }
    public string? SnapshotType { get; init; }
    public bool? UseHfApplyChatTemplate { get; init; }
}

public sealed record BaseModelDetailsResource
{
    public int? WorldSize { get; init; }
    public string? CheckpointFormat { get; init; }

    /// <summary>An int64, so a string on the wire.</summary>
    [JsonNumberHandling(JsonNumberHandling.WriteAsString | JsonNumberHandling.AllowReadingFromString)]
    public long? ParameterCount { get; init; }
    public bool? Moe { get; init; }
    public bool? Tunable { get; init; }
    public string? ModelType { get; init; }
    public bool? SupportsFireattention { get; init; }
    public bool? SupportsMtp { get; init; }
    public string? DefaultPrecision { get; init; }
}

public sealed record PeftDetailsResource
{
    public string? BaseModel { get; init; }
    public int? R { get; init; }
    public IReadOnlyList<string>? TargetModules { get; init; }
    public string? BaseModelType { get; init; }
    public string? MergeAddonModelName { get; init; }
}

/// <summary>One precision that a model is prepared for: what <c>:prepare</c> began, until the model's files change.</summary>
public sealed record ModelPreparationResource
{
    public required string Precision { get; init; }

    /// <summary>PENDING, RUNNING, READY or FAILED.</summary>
    public required string State { get; init; }
    public int Percent { get; init; }

    /// <summary>Why it failed, and what to do.</summary>
    public string? Message { get; init; }

    /// <summary>Of the packed file, as int64 text; absent until it is there.</summary>
    [JsonNumberHandling(JsonNumberHandling.WriteAsString | JsonNumberHandling.AllowReadingFromString)]
    public long? SizeBytes { get; init; }

    /// <summary>The variant for other engines; absent where none was asked for.</summary>
    public ModelVariantResource? Safetensors { get; init; }
    public DateTimeOffset UpdateTime { get; init; }
}

/// <summary>A safetensors variant of a model; empty until it is there.</summary>
public sealed record ModelVariantResource
{
    /// <summary>In the model's folder on the server; <c>:getDownloadEndpoint</c> gives addresses for its files.</summary>
    public string? Folder { get; init; }

    /// <summary>Of all its files, as int64 text.</summary>
    [JsonNumberHandling(JsonNumberHandling.WriteAsString | JsonNumberHandling.AllowReadingFromString)]
    public long? SizeBytes { get; init; }
}

/// <summary>The body of <c>POST .../models/{m}:prepare</c>.</summary>
public sealed record PrepareModelRequest
{
    public string? Precision { get; init; }

    /// <summary>Write a safetensors variant for other engines too; ours.</summary>
    public bool? StokerSafetensors { get; init; }
    public string? ReadMask { get; init; }
}

public sealed record TeftDetailsResource;

public sealed record ConversationConfigResource
{
    public string? Style { get; init; }
    public string? System { get; init; }
    public string? Template { get; init; }
}

public sealed record DeployedModelRefResource
{
    public string? Name { get; init; }
    public string? Deployment { get; init; }
    public string? State { get; init; }
    public bool? Default { get; init; }
    public bool? Public { get; init; }
}

public sealed record DateResource(int Year, int Month, int Day);

/// <summary>The body of <c>POST .../models</c>: a wrapper, unlike deployments.</summary>
public sealed record CreateModelRequest
{
    public string? ModelId { get; init; }
    public ModelResource? Model { get; init; }
    public string? Cluster { get; init; }
}

public sealed record ListModelsResponse
{
    public required IReadOnlyList<ModelResource> Models { get; init; }
    public string? NextPageToken { get; init; }
    public int TotalSize { get; init; }
}

/// <summary>
/// The body of <c>POST .../models/{m}:getUploadEndpoint</c>: the size in bytes of each file, as int64 text.
/// </summary>
public sealed record GetUploadEndpointRequest
{
    public IReadOnlyDictionary<string, string>? FilenameToSize { get; init; }
    public bool? EnableResumableUpload { get; init; }
    public string? ReadMask { get; init; }
}

/// <summary>Where to PUT each file.</summary>
public sealed record GetUploadEndpointResponse
{
    public required IReadOnlyDictionary<string, string> FilenameToSignedUrls { get; init; }
    public IReadOnlyDictionary<string, string>? FilenameToUnsignedUris { get; init; }
}

public sealed record ValidateUploadResponse(IReadOnlyList<string> Warnings);
