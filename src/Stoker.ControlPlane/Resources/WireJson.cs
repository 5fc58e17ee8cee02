using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Stoker.Api;

namespace Stoker.ControlPlane.Resources;

/// <summary>The management API's JSON as the server writes it.</summary>
public static class WireJson
{
    /// <summary>
    /// As <see cref="ApiJson"/>, but quotes and letters of other scripts stay readable: the content type is JSON, never
    /// HTML.
    /// </summary>
    public static ApiJson Context { get; } =
        new(new JsonSerializerOptions(ApiJson.Default.Options)
        {
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            Converters = { new UtcTimeConverter() },
        });

    /// <summary>
    /// Times as proto3 JSON writes them: UTC with a <c>Z</c>, where the serializer would write <c>+00:00</c>.
    /// </summary>
    private sealed class UtcTimeConverter : JsonConverter<DateTimeOffset>
    {
        public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.GetDateTimeOffset();

        public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
            writer.WriteStringValue(value.UtcDateTime);
    }
}
