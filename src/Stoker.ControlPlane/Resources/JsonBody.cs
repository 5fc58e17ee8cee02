using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;
using Microsoft.AspNetCore.Http;
using Stoker.Api.Problems;

namespace Stoker.ControlPlane.Resources;

/// <summary>
/// Reads request bodies strictly: what is not understood is refused with the path of the property, never ignored.
/// </summary>
public static class JsonBody
{
    /// <summary>Management bodies are small; the largest holds a chat template of some 20 KB.</summary>
    public const int DefaultMaxBytes = 1 << 20;

    public static async Task<Result<T>> ReadAsync<T>(
        HttpRequest request, JsonTypeInfo<T> json, CancellationToken cancellation, int maxBytes = DefaultMaxBytes)
        where T : notnull
    {
        if (request.Headers.ContentEncoding.Count > 0)
        {
            return Problem.InvalidArgument("A compressed body is not accepted: send it without Content-Encoding");
        }

        return (await ReadBytesAsync(request, maxBytes, cancellation)).Then(body => Parse(body.Span, json));
    }

    public static Result<T> Parse<T>(ReadOnlySpan<byte> body, JsonTypeInfo<T> json)
        where T : notnull
    {
        if (body.IsEmpty) return Problem.InvalidArgument("The body is empty: a JSON object is expected, at least {}");
        if (!Utf8.IsValid(body)) return Problem.InvalidArgument("The body is not valid UTF-8");
        try
        {
            var violations = JsonShape.Check(body, json);
            if (violations.Any) return violations.ToProblem();
            return JsonSerializer.Deserialize(body, json) is { } value
                ? value
                : Problem.InvalidArgument("The body is null: a JSON object is expected, at least {}");
        }
        catch (JsonException error)
        {
            return Malformed(error);
        }
        catch (InvalidOperationException)
        {
            return Problem.InvalidArgument("The body holds half of a surrogate pair (such as \\ud800 alone), which is no text");
        }
    }

    /// <summary>
    /// The serializer's own message may quote the value or name our types: position and path are enough.
    /// </summary>
    private static Problem Malformed(JsonException error)
    {
        var path = error.Path is ['$', '.', .. var rest] ? rest : "";
        if (path.Length > 0)
        {
            return new Problem(
                Code.InvalidArgument, $"{path} has a value out of range or of a wrong form", [new(path, "has a value of a wrong form")]);
        }

        return Problem.InvalidArgument(
            $"The body is not valid JSON at line {error.LineNumber + 1}, byte {error.BytePositionInLine + 1}");
    }

    private static async Task<Result<ReadOnlyMemory<byte>>> ReadBytesAsync(
        HttpRequest request, int maxBytes, CancellationToken cancellation)
    {
        if (request.ContentLength > maxBytes) return TooLarge(maxBytes);
        var buffer = new ArrayBufferWriter<byte>();
        while (true)
        {
            var read = await request.Body.ReadAsync(buffer.GetMemory(4096), cancellation);
            if (read == 0) return (ReadOnlyMemory<byte>)buffer.WrittenMemory;
            buffer.Advance(read);
            if (buffer.WrittenCount > maxBytes) return TooLarge(maxBytes);
        }
    }

    private static Problem TooLarge(int maxBytes) =>
        Problem.InvalidArgument($"The body is larger than {maxBytes} bytes");
}
