using System.Text.Json;
using System.Text.Json.Serialization;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;

namespace Stoker.ControlPlane.Models;

/// <summary>
/// One line of <c>catalogue.json</c>: a model of the library that comes with us, or one that an operator may fill.
/// </summary>
/// <param name="Folder">Its folder in the library's; null for an entry without weights.</param>
internal sealed record CatalogueEntry(string Id, string? Folder, ModelResource Spec);

/// <summary>The library account's models as data.</summary>
internal sealed class ModelCatalogue
{
    private readonly Dictionary<ModelName, CatalogueEntry> _entries;

    private ModelCatalogue(IEnumerable<CatalogueEntry> entries) =>
        _entries = entries.ToDictionary(entry => AccountName.Library.Model(ResourceId.Parse(entry.Id)));

    public IReadOnlyDictionary<ModelName, CatalogueEntry> Entries => _entries;

    /// <summary>The catalogue that is part of the program.</summary>
    public static ModelCatalogue Load()
    {
        using var stream = typeof(ModelCatalogue).Assembly.GetManifestResourceStream("catalogue.json")
            ?? throw new InvalidOperationException("catalogue.json is not in the assembly");
        var entries = JsonSerializer.Deserialize(stream, CatalogueJson.Default.IReadOnlyListCatalogueEntry)!;
        return new ModelCatalogue(entries.Select(entry => entry with { Spec = entry.Spec with { Public = true } }));
    }

    public CatalogueEntry? Find(ModelName name) =>
        _entries.GetValueOrDefault(name) is { Folder: null } entry ? entry : null;

    /// <summary>The status of an entry without weights: what to do about it.</summary>
    public static StatusResource NotFilled(ModelName name) => new(
        Code.FailedPrecondition.Row().WireName, $"a catalogue entry without weights; an admin fills it by: firectl upload model {name} PATH");
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    AllowDuplicateProperties = false,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(IReadOnlyList<CatalogueEntry>))]
internal sealed partial class CatalogueJson : JsonSerializerContext;
