using System.Globalization;
using System.Numerics;
using System.Text.Json;

namespace Stoker.Engine.Templates;

/// <summary>JSON to template values, as Python's json module reads it.</summary>
internal static class JsonValues
{
    // Python refuses longer integers too: reading them takes quadratic time.
    private const int MaxIntegerDigits = 4300;

    public static object? From(RenderContext context, JsonElement element, bool isUserData, int depth = 0)
    {
        context.CheckValueDepth(depth);
        context.Step();
        return element.ValueKind switch
        {
            JsonValueKind.Object => Map(context, element, isUserData, depth),
            JsonValueKind.Array => List(context, element, isUserData, depth),
            JsonValueKind.String => String(context, element.GetString, isUserData),
            JsonValueKind.Number => Number(context, element.GetRawText()),
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => null,
        };
    }

    public static bool TryParse(RenderContext context, string json, bool isUserData, out object? value)
    {
        value = null;
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = context.Limits.ValueDepth });
            value = From(context, document.RootElement, isUserData);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static TemplateMap Map(RenderContext context, JsonElement element, bool isUserData, int depth)
    {
        var map = new TemplateMap();
        foreach (var property in element.EnumerateObject())
            map.Set(String(context, () => property.Name, isUserData), From(context, property.Value, isUserData, depth + 1));
        return map;
    }

    private static TemplateList List(RenderContext context, JsonElement element, bool isUserData, int depth)
    {
        var items = new object?[element.GetArrayLength()];
        context.CheckItems(items.Length);
        var i = 0;
        foreach (var item in element.EnumerateArray()) items[i++] = From(context, item, isUserData, depth + 1);
        return new(items);
    }

    private static Text String(RenderContext context, Func<string?> read, bool isUserData)
    {
        string text;
        try
        {
            text = read() ?? "";
        }
        catch (InvalidOperationException) // the reader's answer to half a surrogate pair
        {
            throw new TemplateException("a string in the request has an invalid Unicode escape (half a surrogate pair)");
        }
        context.AddInput(text.Length);
        return isUserData ? Text.User(text) : Text.Template(text);
    }

    private static object Number(RenderContext context, string digits)
    {
        if (digits.AsSpan().IndexOfAny('.', 'e', 'E') >= 0)
        {
            return double.Parse(digits, NumberStyles.Float, CultureInfo.InvariantCulture);
        }

        if (long.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var integer))
        {
            return integer;
        }

        if (digits.Length > MaxIntegerDigits)
        {
            throw context.Error($"an integer in JSON has more than {MaxIntegerDigits} digits");
        }

        return BigInteger.Parse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
    }
}
