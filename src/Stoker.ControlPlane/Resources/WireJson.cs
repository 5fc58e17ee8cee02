using System.Text.Encodings.Web;
using System.Text.Json;
using Stoker.Api;

namespace Stoker.ControlPlane.Resources;

/// <summary>The management API's JSON as the server writes it.</summary>
public static class WireJson
{
    /// <summary>
    /// As <see cref="ApiJson"/>, but quotes and letters of other scripts stay readable: the content type is JSON, never HTML.
    /// </summary>
    public static ApiJson Context { get; } =
        new(new JsonSerializerOptions(ApiJson.Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
}
