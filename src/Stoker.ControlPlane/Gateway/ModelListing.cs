using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Stoker.Api.Names;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Routing;

namespace Stoker.ControlPlane.Gateway;

/// <summary>GET /models: what the caller's key can call, in OpenAI's form.</summary>
/// <remarks>
/// A model with a deployment is there by its own name, which leads to its default deployment; every deployment is there
/// by its full
/// <c>model#deployment</c> name, and so are its addons. Models of the serverless tier are there by their own names. Deployments that will not answer (failed, parked, being deleted) are not.
/// </remarks>
internal sealed class ModelListing(Authenticator authenticator, RoutingSource routing, TimeProvider time, IOptions<GatewayOptions> options)
{
    private const string AddonKind = "HF_PEFT_ADDON";

    private static readonly JsonWriterOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public async Task HandleAsync(HttpContext context)
    {
        RequestIds.Assign(context);
        if (!authenticator.TryAuthenticate(context, KeyScopes.Inference, out var caller, out var refusal))
        {
            await InferenceError.Refused(refusal).WriteAsync(context);
            return;
        }

        var table = await routing.KnownAsync(options.Value.StartPatience, time, context.RequestAborted);
        if (!table.IsKnown)
        {
            await RouteErrors.NothingKnown.WriteAsync(context);
            return;
        }

        var body = new ArrayBufferWriter<byte>();
        Write(body, table, caller.Account);
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = body.WrittenCount;
        await context.Response.BodyWriter.WriteAsync(body.WrittenMemory, context.RequestAborted);
    }

    internal static void Write(IBufferWriter<byte> writer, RoutingTable table, AccountName caller)
    {
        using var json = new Utf8JsonWriter(writer, Json);
        json.WriteStartObject();
        json.WriteString("object"u8, "list"u8);
        json.WriteStartArray("data"u8);
        foreach (var route in table.Of(caller))
        {
            if (!route.IsCallable) continue;
            if (table.IsDefault(route)) Write(json, route, route.BaseModel, route.BaseModel.ToString());
            Write(json, route, route.BaseModel, $"{route.BaseModel}#{route.Name}");
            foreach (var addon in route.Addons.ByModel.Values.OrderBy(addon => addon.Name.ToString(), StringComparer.Ordinal))
            {
                if (route.To(addon.Model) is not { IsCallable: true } own) continue;
                if (table.IsDefault(own)) Write(json, own, addon.Model, addon.Model.ToString());
                Write(json, own, addon.Model, $"{addon.Model}#{route.Name}");
            }
        }

        foreach (var route in table.SharedFor(caller))
        {
            var model = route.Addon?.Model ?? route.BaseModel;
            if (route.IsCallable) Write(json, route, model, model.ToString());
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, Route route, ModelName model, string id)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, id);
        json.WriteString("object"u8, "model"u8);
        json.WriteString("owned_by"u8, model.Account.ToString());
        json.WriteNumber("created"u8, route.CreateTime.ToUnixTimeSeconds());
        if ((route.Addon is null ? route.Model.Kind : AddonKind) is { } kind) json.WriteString("kind"u8, kind);
        json.WriteBoolean("supports_chat"u8, route.Model.SupportsChat);
        json.WriteBoolean("supports_image_input"u8, route.Model.SupportsImageInput);
        json.WriteBoolean("supports_tools"u8, route.Model.SupportsTools);
        if (route.Model.ContextLength is { } length) json.WriteNumber("context_length"u8, length);
        json.WriteEndObject();
    }
}
