using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Stoker.Api.Time;

namespace Firectl.Output;

/// <summary>
/// Resources as text for people: <c>Label: value</c> lines, nested blocks indented by two, Go durations, UTC times.
/// </summary>
internal static class TextOutput
{
    public static string Write(JsonObject resource)
    {
        var text = new StringBuilder();
        // The name comes first for people, wherever the wire has it.
        Lines(text, resource.OrderBy(pair => pair.Key == "name" ? 0 : 1), indent: "");
        return text.ToString();
    }

    /// <summary>A value in one cell or line.</summary>
    public static string Value(string key, JsonNode? value) => value switch
    {
        null => "",
        JsonArray list => string.Join(", ", list.Select(item => Value(key, item))),
        JsonObject map => string.Join(", ", map.Select(pair => $"{pair.Key}={Value(pair.Key, pair.Value)}")),
        _ when value.GetValueKind() == JsonValueKind.String => Text(key, value.GetValue<string>()),
        _ => value.ToJsonString(),
    };

    public static string Label(string camel)
    {
        var text = new StringBuilder(camel.Length + 8);
        foreach (var letter in camel)
        {
            if (text is [] or [.., ' ']) text.Append(char.ToUpperInvariant(letter));
            else if (letter == '_') text.Append(' '); // top_p, as OpenAI spells it
            else if (char.IsAsciiLetterUpper(letter)) text.Append(' ').Append(letter);
            else text.Append(letter);
        }

        return text.ToString();
    }

    private static void Lines(StringBuilder text, IEnumerable<KeyValuePair<string, JsonNode?>> pairs, string indent)
    {
        foreach (var (key, value) in pairs)
        {
            switch (value)
            {
                case JsonObject status when key == "status" && status["code"] is not null:
                    text.Append(CultureInfo.InvariantCulture, $"{indent}Status: {status["code"]}: {status["message"]}\n");
                    break;
                case JsonObject map:
                    text.Append(CultureInfo.InvariantCulture, $"{indent}{Label(key)}:\n");
                    Lines(text, map, indent + "  ");
                    break;
                case JsonArray list when list.Any(item => item is JsonObject):
                    text.Append(CultureInfo.InvariantCulture, $"{indent}{Label(key)}:\n");
                    foreach (var item in list.OfType<JsonObject>())
                    {
                        text.Append(CultureInfo.InvariantCulture, $"{indent}  -\n");
                        Lines(text, item, indent + "    ");
                    }

                    break;
                default:
                    text.Append($"{indent}{Label(key)}: {Value(key, value)}".TrimEnd()).Append('\n');
                    break;
            }
        }
    }

    private static string Text(string key, string text)
    {
        if ((key is "time" or "timestamp" || key.EndsWith("Time", StringComparison.Ordinal))
            && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time))
        {
            return time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
        }

        return IsDuration(key) && ProtoDuration.TryParse(text, out var duration) ? GoDuration.Format(duration) : text;
    }

    private static bool IsDuration(string key) =>
        key == "timeout" || key.EndsWith("Window", StringComparison.Ordinal) || key.EndsWith("Duration", StringComparison.Ordinal);
}
