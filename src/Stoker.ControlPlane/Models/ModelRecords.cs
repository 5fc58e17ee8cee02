using System.Text.Json.Serialization;
using Stoker.Api.Resources;

namespace Stoker.ControlPlane.Models;

/// <summary>A model's state as observed; written by the commands, the library and the packing, each its own part.</summary>
/// <param name="Folder">An absolute folder outside the data directory (the library's); null for one's own place in
/// it.</param>
/// <param name="Upload">The files that the upload under way or the last one consists of, with their sizes in
/// bytes.</param>
/// <param name="FilesDigest">Names and sizes of the inspected files, and when they were last written.</param>
public sealed record ModelStatus(
    ModelState State,
    StatusResource? Detail,
    string? Folder,
    IReadOnlyDictionary<string, long> Upload,
    ModelInspection? Inspection,
    string? FilesDigest)
{
    /// <summary>Precisions that the files were asked to be prepared for, in the order of asking.</summary>
    /// <remarks>A row of an older program has none, which its reader hands over as null.</remarks>
    public IReadOnlyList<ModelPreparation> Preparations { get; init => field = value ?? []; } = [];

    /// <summary>What the model can run in: its own precisions, and those that it was prepared for.</summary>
    public IReadOnlyList<Precision> Precisions() =>
    [
        .. Inspection?.Precisions ?? [],
        .. Preparations.Where(preparation => preparation.IsPacked).Select(preparation => preparation.Precision),
    ];

    /// <summary>What was asked of one precision; null: nothing.</summary>
    public ModelPreparation? Preparation(Precision precision) => Preparations.FirstOrDefault(preparation => preparation.Precision == precision);

    public ModelStatus With(ModelPreparation preparation) =>
        this with { Preparations = [.. Preparations.Where(other => other.Precision != preparation.Precision), preparation] };

    public static ModelStatus Empty(StatusResource? detail) =>
        new(ModelState.Uploading, detail, null, new Dictionary<string, long>(), null, null);
}

public enum PreparationState
{
    Pending,
    Running,
    Ready,
    Failed,
}

/// <param name="Percent">0 to 100.</param>
/// <param name="Message">Why it failed.</param>
/// <param name="Time">When this was written.</param>
public sealed record ModelPreparation(Precision Precision, PreparationState State, int Percent, string? Message, DateTimeOffset Time)
{
    /// <summary>Whether the packed file is there: replicas can run in the precision, whatever becomes of the variant.</summary>
    /// <remarks>Rows of older programs say it by their state alone.</remarks>
    public bool IsPacked { get => field || State == PreparationState.Ready; init; }

    /// <summary>Of the packed file; null until it is there, and in rows of older programs.</summary>
    public long? PackedBytes { get; init; }

    /// <summary>Whether a safetensors variant was asked for.</summary>
    public bool Safetensors { get; init; }

    /// <summary>Of all files of the variant; null until it is there.</summary>
    public long? SafetensorsBytes { get; init; }

    /// <summary>Somebody is at work on it, or is to be.</summary>
    public bool IsOpen => State is PreparationState.Pending or PreparationState.Running;
}

/// <summary>JSON of what is stored. A spec is the wire record with the fields that its owner may set.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true)]
[JsonSerializable(typeof(ModelResource))]
[JsonSerializable(typeof(ModelStatus))]
internal sealed partial class ModelJson : JsonSerializerContext;
