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
        .. Preparations.Where(preparation => preparation.State == PreparationState.Ready).Select(preparation => preparation.Precision),
    ];

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
public sealed record ModelPreparation(Precision Precision, PreparationState State, int Percent, string? Message, DateTimeOffset Time);

/// <summary>JSON of what is stored. A spec is the wire record with the fields that its owner may set.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true)]
[JsonSerializable(typeof(ModelResource))]
[JsonSerializable(typeof(ModelStatus))]
internal sealed partial class ModelJson : JsonSerializerContext;
