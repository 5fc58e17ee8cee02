using System.Text.Json;

namespace Stoker.Engine.Templates;

/// <summary>Brings a request's messages into the form that templates expect.</summary>
/// <remarks>
/// Arguments of tool calls, JSON text on the wire, become objects (and stay text when they are none). A list of content
/// parts becomes one string, the parts' texts joined by newlines, unless the template loops over parts. Parts other
/// than text are refused.
/// </remarks>
internal static class ChatMessages
{
    // Templates build control tokens from these; other roles count as user data.
    private static readonly HashSet<string> KnownRoles = new(StringComparer.Ordinal)
    {
        "system", "developer", "user", "assistant", "tool", "function", "ipython",
    };

    public static TemplateList From(RenderContext context, JsonElement messages, bool keepsParts, string? continuationMarker)
    {
        if (messages.ValueKind != JsonValueKind.Array) throw new TemplateException("messages must be an array");
        var items = new List<object?>();
        var (count, index) = (messages.GetArrayLength(), 0);
        foreach (var message in messages.EnumerateArray())
        {
            var marker = index == count - 1 ? continuationMarker : null;
            items.Add(Message(context, message, $"messages[{index++}]", keepsParts, marker));
        }
        if (continuationMarker is not null && items.Count == 0)
        {
            throw new TemplateException("there is no message to continue");
        }

        return new(items);
    }

    /// <summary>Null when absent or empty, so that a template's test for truth fails.</summary>
    public static TemplateList? OptionalArray(RenderContext context, JsonElement? value, string name)
    {
        if (value is not { } element || element.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined) return null;
        if (element.ValueKind != JsonValueKind.Array) throw new TemplateException($"{name} must be an array");
        return element.GetArrayLength() == 0
            ? null
            : (TemplateList?)JsonValues.From(context, element, isUserData: true);
    }

    /// <summary>Text that is nowhere in the messages; put behind the last message, it shows where to cut.</summary>
    public static string UnusedMarker(JsonElement messages)
    {
        var raw = messages.GetRawText();
        for (var i = 0; ; i++)
        {
            // A private-use character, so that no case mapping and no trimming changes it. Escaped forms are looked for
            // too.
            var marker = $"\uE0F7{i}\uE0F7";
            if (!raw.Contains($"{i}\uE0F7", StringComparison.Ordinal) && !raw.Contains($"{i}\\ue0f7", StringComparison.OrdinalIgnoreCase)) return marker;
        }
    }

    private static TemplateMap Message(RenderContext context, JsonElement element, string place, bool keepsParts, string? marker)
    {
        if (element.ValueKind != JsonValueKind.Object) throw new TemplateException($"{place} must be an object");
        var given = (TemplateMap)JsonValues.From(context, element, isUserData: true)!;
        if (given.Get("role") is not Text) throw new TemplateException($"{place}.role must be a string");
        var message = new TemplateMap();
        foreach (var (key, value) in given)
        {
            message.Set(key, ((Text)key!).Value switch
            {
                "role" => Role((Text)value!),
                "content" => Content(context, value, $"{place}.content", keepsParts),
                "tool_calls" when value is TemplateList calls => new TemplateList([.. calls.Items.Select(call => ToolCall(context, call))]),
                "function_call" => WithParsedArguments(context, value),
                _ => value,
            });
        }
        if (marker is not null) message.Set(Text.Template("content"), Marked(context, message.Get("content"), place, marker));
        return message;
    }

    private static Text Role(Text role) => KnownRoles.Contains(role.Value) ? Text.Template(role.Value) : role;

    private static object? Content(RenderContext context, object? content, string place, bool keepsParts)
    {
        if (content is null or Text) return content;
        if (content is not TemplateList parts)
        {
            throw new TemplateException($"{place} must be a string or an array of parts");
        }

        var result = new TextBuilder(context);
        for (var i = 0; i < parts.Count; i++)
        {
            if (i > 0) result.Append("\n");
            result.Append(PartText(parts.Items[i], $"{place}[{i}]"));
        }
        return keepsParts ? parts : result.ToText();
    }

    private static Text PartText(object? part, string place)
    {
        if (part is not TemplateMap map) throw new TemplateException($"{place} must be an object");
        if (map.Get("type") is not Text { Value: "text" }) throw new TemplateException($"{place}.type must be 'text': this model reads text only");
        return map.Get("text") as Text ?? throw new TemplateException($"{place}.text must be a string");
    }

    private static object? ToolCall(RenderContext context, object? call)
    {
        if (call is not TemplateMap map) return call;
        return map.Contains("function") ? With(map, "function", WithParsedArguments(context, map.Get("function"))) : map;
    }

    private static object? WithParsedArguments(RenderContext context, object? function)
    {
        if (function is not TemplateMap map || map.Get("arguments") is not Text text) return function;
        var parsed = JsonValues.TryParse(context, text.Value, isUserData: true, out var value) && value is TemplateMap;
        return parsed ? With(map, "arguments", value) : map;
    }

    private static TemplateMap With(TemplateMap map, string key, object? value)
    {
        var copy = new TemplateMap();
        foreach (var (name, old) in map) copy.Set(name, name is Text text && text.Value == key ? value : old);
        return copy;
    }

    private static object Marked(RenderContext context, object? content, string place, string marker)
    {
        if (content is Text text) return new TextBuilder(context).Append(text).Append(marker).ToText();
        if (content is not TemplateList { Items: [.., TemplateMap last] } parts)
            throw new TemplateException($"{place}.content must hold text to be continued");
        var marked =
            With(last, "text", new TextBuilder(context).Append((Text)last.Get("text")!).Append(marker).ToText());
        return new TemplateList([.. parts.Items.Take(parts.Count - 1), marked]);
    }
}
