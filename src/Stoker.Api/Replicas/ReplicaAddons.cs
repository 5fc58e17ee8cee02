using System.Text.Json.Serialization;

namespace Stoker.Api.Replicas;

/// <summary>The body of <see cref="ReplicaProtocol.LoadAddonPath"/>, under vLLM's names.</summary>
/// <param name="Folder">As the replica sees it.</param>
public sealed record LoadAddonRequest(
    [property: JsonPropertyName("lora_name")] string Name, [property: JsonPropertyName("lora_path")] string Folder);

/// <summary>The body of <see cref="ReplicaProtocol.UnloadAddonPath"/>.</summary>
public sealed record UnloadAddonRequest([property: JsonPropertyName("lora_name")] string Name);

/// <summary>The answer at <see cref="ReplicaProtocol.AddonsPath"/>; its other figures are for people.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
public sealed record ReplicaAddonList(IReadOnlyList<ReplicaAddon> Addons);

[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
public sealed record ReplicaAddon(string Name);

/// <summary>A replica's refusal, in the inference surface's form.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
public sealed record ReplicaRefusal(ReplicaRefusalError Error);

[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
public sealed record ReplicaRefusalError(string Message);
