using System.Text;

namespace Stoker.Engine.Templates;

/// <summary>Filters that make text of text.</summary>
internal static partial class Filters
{
    private static Text Trim(Renderer r, object? value, Arguments arguments)
    {
        var set = arguments.Bind(r.Context, "chars").OptionalText(0)?.Value;
        var text = Str(r, value);
        r.Context.ChargeSearch(text.Length, set?.Length ?? 0);
        return PythonText.Strip(text, set);
    }

    /// <summary>Unlike str.title(), only blanks, hyphens and opening brackets start a word.</summary>
    private static string Title(string value)
    {
        var result = new StringBuilder(value.Length);
        var starts = true;
        foreach (var character in value)
        {
            result.Append(starts ? char.ToUpperInvariant(character) : char.ToLowerInvariant(character));
            starts = PythonText.IsSpace(character) || character is '-' or '(' or '{' or '[' or '<';
        }
        return result.ToString();
    }

    private static Text Replace(Renderer r, object? value, Arguments arguments)
    {
        var bound = arguments.Bind(r.Context, "old", "new", "count");
        var (old, fresh) = (Str(r, bound.Required(0)), Str(r, bound.Required(1)));
        return TextMethods.Replace(r.Context, Str(r, value), old, fresh, bound.OptionalInteger(2) ?? -1);
    }

    private static Text Indent(Renderer r, object? value, Arguments arguments)
    {
        var bound = arguments.Bind(r.Context, "width", "first", "blank");
        if (value is Undefined undefined) throw r.Context.Error(undefined.Reason);
        if (value is not Text text)
        {
            throw r.Context.Error($"'indent' needs a string, not '{PythonOperators.TypeName(value)}'");
        }

        var indention = bound.Value(0) is Text given ? given : Padding(r.Context, bound.Integer(0, 4));
        r.Context.ChargeText(text.Length);
        // keeps a last newline through the split
        var ended = new TextBuilder(r.Context).Append(text).Append("\n").ToText();
        var lines = PythonText.SplitLines(ended);
        var result = new TextBuilder(r.Context);
        if (bound.Flag(1)) result.Append(indention);
        for (var i = 0; i < lines.Count; i++)
        {
            if (i > 0) result.Append("\n");
            if (i > 0 && (lines[i].Length > 0 || bound.Flag(2))) result.Append(indention);
            result.Append(lines[i]);
        }
        return result.ToText();
    }

    private static Text Padding(RenderContext context, long width)
    {
        context.CheckLength(width);
        return width <= 0 ? Text.Empty : new TextBuilder(context).Append(' ', (int)width).ToText();
    }

    private static Text Format(Renderer r, object? value, Arguments arguments)
    {
        if (arguments.Positional.Count > 0 && arguments.Named.Count > 0)
            throw r.Context.Error("'format' takes positional or named arguments, not both");
        if (arguments.Named.Count == 0)
            return PercentFormat.Format(r.Context, Str(r, value), new TemplateList(arguments.Positional, ListKind.Tuple));
        var map = new TemplateMap();
        foreach (var (name, item) in arguments.Named) map.Set(Text.Template(name), item);
        return PercentFormat.Format(r.Context, Str(r, value), map);
    }

    private static Text Center(Renderer r, object? value, Arguments arguments) =>
        TextMethods.Pad(r.Context, Str(r, value), arguments.Bind(r.Context, "width").Integer(0, 80), ' ', TextMethods.Side.Both);

    private static Text Truncate(Renderer r, object? value, Arguments arguments)
    {
        var bound = arguments.Bind(r.Context, "length", "killwords", "end", "leeway");
        var (text, end) = (Str(r, value), bound.Has(2) ? bound.Text(2) : Text.Template("..."));
        var (length, leeway) = (bound.Integer(0, 255), bound.Integer(3, 5));
        var count = PythonText.PointCount(text.Value);
        var endCount = PythonText.PointCount(end.Value);
        if (length < endCount || leeway < 0)
        {
            throw r.Context.Error($"'truncate' needs a length of at least {endCount} and no negative leeway");
        }

        if (count <= length || count - length <= leeway) return text;
        var head = (Text)PythonSequences.Slice(r.Context, text, null, length - endCount, null)!;
        if (!bound.Flag(1) && head.Value.LastIndexOf(' ') is >= 0 and var space) head = head.Slice(0, space);
        return new TextBuilder(r.Context).Append(head).Append(end).ToText();
    }

    private static object? WordCount(Renderer r, object? value, Arguments arguments)
    {
        var (text, count, inWord) = (Str(r, value, arguments).Value, 0L, false);
        foreach (var character in text)
        {
            var isWord = char.IsLetterOrDigit(character) || character == '_';
            if (isWord && !inWord) count++;
            inWord = isWord;
        }
        return count;
    }

    private static object? Escape(Renderer r, object? value, Arguments arguments)
    {
        var text = Str(r, value, arguments);
        foreach (var (plain, escaped) in new[] { ("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("'", "&#39;"), ("\"", "&#34;") })
            text = TextMethods.Replace(r.Context, text, Text.Template(plain), Text.Template(escaped), -1);
        return text;
    }

    private static object? UrlEncode(Renderer r, object? value, Arguments arguments)
    {
        arguments.Bind(r.Context);
        var result = new TextBuilder(r.Context);
        if (value is not TemplateMap map) return AppendUrl(r, result, value, "/", "%20").ToText();
        foreach (var (key, item) in map)
        {
            if (result.Length > 0) result.Append("&");
            AppendUrl(r, result, key, "", "+").Append("=");
            AppendUrl(r, result, item, "", "+");
        }
        return result.ToText();
    }

    private static TextBuilder AppendUrl(Renderer r, TextBuilder result, object? value, string alsoPlain, string space)
    {
        var text = Str(r, value);
        var start = result.Length;
        foreach (var octet in Encoding.UTF8.GetBytes(text.Value))
        {
            var character = (char)octet;
            if (char.IsAsciiLetterOrDigit(character) || "_.-~".Contains(character) || alsoPlain.Contains(character)) result.Append(character);
            else result.Append(character == ' ' ? space : $"%{octet:X2}");
        }
        if (text.HasUserData) result.MarkUserFrom(start);
        return result;
    }
}
