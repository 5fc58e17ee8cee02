using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Stoker.ControlPlane.Gateway;

/// <summary>An error's body as the last event of a stream.</summary>
internal static class ErrorEvent
{
    private static readonly JsonWriterOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <param name="body">A JSON object, also one that is laid out over several lines, which an event cannot hold.</param>
    public static void Write(IBufferWriter<byte> writer, ReadOnlyMemory<byte> body)
    {
        writer.Write("data: "u8);
        if (body.Span.IndexOfAny((byte)'\n', (byte)'\r') < 0)
        {
            writer.Write(body.Span);
        }
        else
        {
            using var document = JsonDocument.Parse(body);
            using var json = new Utf8JsonWriter(writer, Json);
            document.WriteTo(json);
        }

        writer.Write("\n\n"u8);
    }
}
