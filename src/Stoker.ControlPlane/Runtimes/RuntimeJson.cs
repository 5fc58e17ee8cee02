using System.Text.Json;
using System.Text.Json.Serialization;

namespace Stoker.ControlPlane.Runtimes;

/// <summary>A value that is text in JSON and has a parser.</summary>
public sealed class ParsableJsonConverter<T> : JsonConverter<T>
    where T : class, IParsable<T>
{
    public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        T.TryParse(reader.GetString(), null, out var value) ? value : throw new JsonException($"No valid {typeof(T).Name}");

    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.ToString());
}

/// <summary>A replica's spec in its directory.</summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web, WriteIndented = true, Converters = [typeof(ParsableJsonConverter<ReplicaId>)])]
[JsonSerializable(typeof(ReplicaSpec))]
internal sealed partial class RuntimeJson : JsonSerializerContext;
