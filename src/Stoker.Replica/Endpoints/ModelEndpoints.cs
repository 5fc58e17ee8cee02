using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Stoker.Replica.Answers;
using Stoker.Replica.Engines;
using Stoker.Replica.Requests;

namespace Stoker.Replica.Endpoints;

/// <summary><c>/v1/models</c>: the one model served here, and its addons.</summary>
internal sealed class ModelEndpoints(ReplicaContext context)
{
    public async Task HandleAsync(HttpContext http)
    {
        var engine = context.Slot.Engine
            ?? throw new ApiException(ApiError.Unavailable("The model is still loading; try again shortly.", "loading", 1));
        var body = new ArrayBufferWriter<byte>(256);
        using var json = new Utf8JsonWriter(body, AnswerJson.Options);
        json.WriteStartObject();
        json.WriteString("object"u8, "list"u8);
        json.WriteStartArray("data"u8);
        Write(json, engine, context.ServedModelName, context.Started, parent: null);
        foreach (var addon in engine.Addons?.All ?? []) Write(json, engine, addon.Name, addon.Since, context.ServedModelName);
        json.WriteEndArray();
        json.WriteEndObject();
        await json.FlushAsync(http.RequestAborted);
        http.Response.ContentType = "application/json; charset=utf-8";
        http.Response.ContentLength = body.WrittenCount;
        await http.Response.Body.WriteAsync(body.WrittenMemory, http.RequestAborted);
    }

    /// <param name="parent">Of an addon its base model.</param>
    private static void Write(Utf8JsonWriter json, IReplicaEngine engine, string name, DateTimeOffset since, string? parent)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, name);
        json.WriteString("object"u8, "model"u8);
        json.WriteNumber("created"u8, since.ToUnixTimeSeconds());
        json.WriteString("owned_by"u8, "stoker"u8);
        if (parent is not null) json.WriteString("parent"u8, parent);
        json.WriteBoolean("supports_chat"u8, engine.SupportsChat);
        json.WriteBoolean("supports_image_input"u8, false);
        json.WriteBoolean("supports_tools"u8, false);
        json.WriteNumber("context_length"u8, engine.ContextLength);
        json.WriteEndObject();
    }
}
