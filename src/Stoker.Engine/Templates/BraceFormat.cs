using System.Globalization;

namespace Stoker.Engine.Templates;

/// <summary>
/// str.format: fields by position or name with attributes and indexes, conversions, and format specifications.
/// </summary>
internal static class BraceFormat
{
    public static object? Format(RenderContext context, Text format, Arguments arguments)
    {
        context.ChargeText(format.Length);
        var (result, automatic) = (new TextBuilder(context), 0);
        for (var at = 0; at < format.Length;)
        {
            var brace = format.Value.AsSpan(at).IndexOfAny('{', '}');
            if (brace < 0)
            {
                result.Append(format.Slice(at));
                break;
            }
            result.Append(format.Slice(at, brace));
            at += brace;
            if (at + 1 < format.Length && format.Value[at + 1] == format.Value[at])
            {
                result.Append(format.Slice(at, 1));
                at += 2;
                continue;
            }
            var close = format.Value.IndexOf('}', at);
            if (format.Value[at] == '}' || close < 0) throw context.Error("a single brace in a format string");
            AppendField(context, result, format.Value[(at + 1)..close], arguments, ref automatic);
            at = close + 1;
        }
        return result.ToText();
    }

    private static void AppendField(RenderContext context, TextBuilder result, string field, Arguments arguments, ref int automatic)
    {
        context.Step();
        if (field.Contains('{', StringComparison.Ordinal))
        {
            throw context.Error("nested fields in a format string are not supported");
        }

        var (path, spec) = field.IndexOf(':', StringComparison.Ordinal) is >= 0 and var colon ? (field[..colon], field[(colon + 1)..]) : (field, "");
        var (name, conversion) = path.IndexOf('!', StringComparison.Ordinal) is >= 0 and var bang ? (path[..bang], path[(bang + 1)..]) : (path, "");
        var value = Resolve(context, name, arguments, ref automatic);
        value = conversion switch
        {
            "" => value,
            "s" => PythonPrinting.Str(context, value),
            "r" or "a" => PythonPrinting.Repr(context, value),
            _ => throw context.Error("a format string knows the conversions !s, !r and !a"),
        };
        result.Append(FormatSpecification.Parse(context, spec).Apply(context, value));
    }

    private static object? Resolve(RenderContext context, string path, Arguments arguments, ref int automatic)
    {
        var end = path.AsSpan().IndexOfAny('.', '[');
        var head = end < 0 ? path : path[..end];
        object? value;
        if (head.Length == 0 || char.IsAsciiDigit(head[0]))
        {
            var index = head.Length == 0 ? automatic++ : Index(context, head);
            value = index < arguments.Positional.Count ? arguments.Positional[index] : throw context.Error("not enough values for the format string");
        }
        else
        {
            context.Step(arguments.Named.Count);
            var given = arguments.Named.Where(argument => argument.Key == head).ToList();
            value = given.Count > 0 ? given[0].Value : throw context.Error($"the format string names '{head}', which is not given");
        }
        return end < 0 ? value : Follow(context, value, path[end..]);
    }

    private static int Index(RenderContext context, string digits) =>
        int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var index) ? index : throw context.Error("a malformed field in a format string");

    private static object? Follow(RenderContext context, object? value, string steps)
    {
        while (steps.Length > 0)
        {
            context.ChargeText(steps.Length); // what is left is copied at every step
            var isIndex = steps[0] == '[';
            var end = isIndex ? steps.IndexOf(']', StringComparison.Ordinal) : steps.AsSpan(1).IndexOfAny('.', '[') + 1;
            if (end <= 0) end = isIndex ? throw context.Error("a malformed field in a format string") : steps.Length;
            var name = steps[1..end];
            if (!isIndex) value = ValueAccess.Attribute(context, value, name);
            else value = ValueAccess.Item(context, value, long.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var index) ? index : Text.Template(name));
            steps = steps[(isIndex ? end + 1 : end)..];
        }
        return value;
    }
}
