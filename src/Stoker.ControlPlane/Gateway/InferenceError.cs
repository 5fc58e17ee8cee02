using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Stoker.Api.Problems;
using Stoker.ControlPlane.Accounts;

namespace Stoker.ControlPlane.Gateway;

/// <summary>A failure as OpenAI clients read it: <c>{"error":{"message","type","param","code"}}</c>.</summary>
/// <remarks>
/// It has its HTTP status itself: on this surface some statuses (408, 413, 415, 502) have no gRPC code. The message
/// goes to the caller alone and may name a key of the request's body; nothing of it is logged.
/// </remarks>
/// <param name="Code">Stable and machine-readable, such as <c>NOT_FOUND</c>.</param>
/// <param name="Param">The field at fault; null when it is none.</param>
internal sealed record InferenceError(int Status, string Code, string Message, string? Param = null)
{
    private static readonly JsonWriterOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>When trying again makes sense; becomes <c>Retry-After</c>.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>The one answer for a key that is missing, wrong, expired or revoked.</summary>
    public static InferenceError Unauthorized { get; } =
        new(StatusCodes.Status401Unauthorized, "UNAUTHORIZED", "The API key you provided is invalid.");

    /// <summary>Why a caller was refused, in this surface's form.</summary>
    public static InferenceError Refused(Problem refusal) => ReferenceEquals(refusal, AccessRule.Unauthenticated)
        ? Unauthorized
        : new(
            refusal.Code.Row().HttpStatus,
            refusal.Code == Stoker.Api.Problems.Code.Unauthenticated ? Unauthorized.Code : refusal.Code.Row().WireName,
            refusal.Message)
        {
            RetryAfter = refusal.RetryAfter,
        };

    /// <summary>The one answer for a model that is missing, not deployed, or somebody else's.</summary>
    public static InferenceError ModelNotFound { get; } =
        new(StatusCodes.Status404NotFound, "NOT_FOUND", "Model not found, inaccessible, and/or not deployed", "model");

    public static InferenceError Invalid(string message, string? param = null) =>
        new(StatusCodes.Status400BadRequest, "INVALID_ARGUMENT", message, param);

    /// <summary>The answer with this error as its body; the head must not have been sent.</summary>
    public async Task WriteAsync(HttpContext context)
    {
        var response = context.Response;
        response.Clear();
        response.StatusCode = Status;
        response.ContentType = "application/json";
        if (Status == StatusCodes.Status401Unauthorized) response.Headers.WWWAuthenticate = "Bearer";
        if (RetryAfter is { } delay)
        {
            response.Headers.RetryAfter = Math.Max(1, (long)Math.Ceiling(delay.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        }

        var body = new ArrayBufferWriter<byte>();
        Write(body);
        response.ContentLength = body.WrittenCount;
        await response.BodyWriter.WriteAsync(body.WrittenMemory, context.RequestAborted);
    }

    /// <summary>The same body as one event of a stream whose head is out: <c>data: {"error":{...}}</c>.</summary>
    public void WriteEvent(IBufferWriter<byte> writer)
    {
        writer.Write("data: "u8);
        Write(writer);
        writer.Write("\n\n"u8);
    }

    private void Write(IBufferWriter<byte> writer)
    {
        using var json = new Utf8JsonWriter(writer, Json);
        json.WriteStartObject();
        json.WriteStartObject("error"u8);
        json.WriteString("message"u8, Message);
        if (Param is not null) json.WriteString("param"u8, Param);
        json.WriteString("code"u8, Code);
        json.WriteString("type"u8, "error"u8);
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
