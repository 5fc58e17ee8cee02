using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Firectl.Output;

/// <summary>
/// Resources as JSON for programs: the wire's record with snake_case keys, as the hosted tool prints it.
/// </summary>
internal static class JsonOutput
{
    // Relaxed: the output goes to terminals and jq, not into HTML.
    private static readonly JsonSerializerOptions Style =
        new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Write(JsonNode resource) => SnakeCase(resource)!.ToJsonString(Style) + "\n";

    public static JsonNode? SnakeCase(JsonNode? node) => node switch
    {
        JsonObject map => new JsonObject(map.Select(pair => KeyValuePair.Create(Snake(pair.Key), SnakeCase(pair.Value)))),
        JsonArray list => new JsonArray([.. list.Select(SnakeCase)]),
        _ => node?.DeepClone(),
    };

    public static string Snake(string camel)
    {
        var text = new StringBuilder(camel.Length + 4);
        foreach (var letter in camel)
        {
            if (char.IsAsciiLetterUpper(letter)) text.Append('_').Append(char.ToLowerInvariant(letter));
            else text.Append(letter);
        }

        return text.ToString();
    }
}
