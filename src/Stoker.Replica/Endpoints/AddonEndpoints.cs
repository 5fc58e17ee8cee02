using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Stoker.Engine;
using Stoker.Replica.Answers;
using Stoker.Replica.Engines;
using Stoker.Replica.Requests;

namespace Stoker.Replica.Endpoints;

/// <summary>
/// Addons of a running replica: load, unload and list, for its owner. Paths and fields are vLLM's, so that one controller serves
/// every engine. As with the other paths of the owner, whoever reaches the address may use them.
/// </summary>
internal sealed class AddonEndpoints(ReplicaContext context)
{
    public async Task LoadAsync(HttpContext http)
    {
        var names = Names();
        AddonRequest request;
        using (var body = await RequestBody.ReadAsync(http.Request, http.RequestAborted)) request = AddonRequest.Parse(body.Span, loads: true);
        try
        {
            await names.LoadAsync(request.Name, request.Folder!, request.Replace, http.RequestAborted);
        }
        catch (Exception error) when (error is ModelLoadException or InvalidOperationException)
        {
            // The owner's own folder and words: no client's are among them.
            throw new ApiException(ApiError.Invalid("lora_path", EngineRefusal.Line(error, ReplicaArguments.OfEngine), "addon_load_failed"), error);
        }

        await WriteAsync(http, names, request.Name);
    }

    public async Task UnloadAsync(HttpContext http)
    {
        var names = Names();
        AddonRequest request;
        using (var body = await RequestBody.ReadAsync(http.Request, http.RequestAborted)) request = AddonRequest.Parse(body.Span, loads: false);
        if (!await names.UnloadAsync(request.Name, http.RequestAborted))
        {
            throw new ApiException(ApiError.NotFound("No addon of this name is loaded.", "lora_name", "addon_not_found"));
        }

        await WriteAsync(http, names, request.Name);
    }

    public Task ListAsync(HttpContext http) => WriteAsync(http, Names(), null);

    private AddonNames Names()
    {
        var engine = context.Slot.Engine
            ?? throw new ApiException(ApiError.Unavailable("The model is still loading; try again shortly.", "loading", 1));
        return engine.Addons ?? throw new ApiException(ApiError.Invalid(null, "This replica takes no addons; start it with --enable-addons.", "addons_disabled"));
    }

    /// <param name="only">One name, which may be gone; null: all.</param>
    private static async Task WriteAsync(HttpContext http, AddonNames names, string? only)
    {
        var states = names.States();
        var body = new ArrayBufferWriter<byte>(1024);
        using var json = new Utf8JsonWriter(body, AnswerJson.Options);
        json.WriteStartObject();
        json.WriteStartArray("addons"u8);
        var told = only is null ? names.All : names.Find(only) is { } one ? [one] : [];
        foreach (var named in told) Write(json, named, states.GetValueOrDefault(named.Addon.Digest));

        json.WriteEndArray();
        json.WriteEndObject();
        await json.FlushAsync(http.RequestAborted);
        http.Response.ContentType = "application/json; charset=utf-8";
        http.Response.ContentLength = body.WrittenCount;
        await http.Response.Body.WriteAsync(body.WrittenMemory, http.RequestAborted);
    }

    private static void Write(Utf8JsonWriter json, NamedAddon named, AddonState? state)
    {
        json.WriteStartObject();
        json.WriteString("name"u8, named.Name);
        json.WriteString("digest"u8, named.Addon.Digest);
        json.WriteNumber("rank"u8, named.Addon.Rank);
        json.WriteStartArray("modules"u8);
        foreach (var module in named.Addon.Modules) json.WriteStringValue(module);
        json.WriteEndArray();
        json.WriteNumber("bytes"u8, named.Addon.Bytes);
        json.WriteBoolean("loaded"u8, state?.IsLoaded ?? false);
        json.WriteNumber("running"u8, state?.Running ?? 0);
        json.WriteNumber("waiting"u8, state is null ? 0 : state.Requests - state.Running);
        json.WriteEndObject();
    }
}
