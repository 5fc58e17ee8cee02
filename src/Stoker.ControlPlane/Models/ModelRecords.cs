using System.Text.Json.Serialization;
using Stoker.Api.Resources;

namespace Stoker.ControlPlane.Models;

/// <summary>A model's state as observed; the commands and the library alone write it.</summary>
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
    public static ModelStatus Empty(StatusResource? detail) =>
        new(ModelState.Uploading, detail, null, new Dictionary<string, long>(), null, null);
}

/// <summary>JSON of what is stored. A spec is the wire record with the fields that its owner may set.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true)]
[JsonSerializable(typeof(ModelResource))]
[JsonSerializable(typeof(ModelStatus))]
internal sealed partial class ModelJson : JsonSerializerContext;
