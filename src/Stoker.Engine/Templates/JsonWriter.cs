using System.Globalization;
using System.Numerics;

namespace Stoker.Engine.Templates;

/// <summary>The arguments of tojson.</summary>
/// <param name="Indent">The text of one level; null writes everything on one line.</param>
internal sealed record JsonStyle(bool EnsureAscii, string? Indent, Text ItemSeparator, Text KeySeparator, bool SortKeys)
{
    public static JsonStyle From(RenderContext context, BoundArguments bound)
    {
        var indent = bound.Value(1) switch
        {
            null => null,
            Text text => text.Value,
            _ => Spaces(context, bound.RequiredInteger(1)),
        };
        var (item, key) = (Text.Template(indent is null ? ", " : ","), Text.Template(": "));
        if (bound.Value(2) is { } separators)
        {
            if (separators is not TemplateList { Items: [Text givenItem, Text givenKey] })
                throw context.Error("'tojson': separators must be two strings");
            (item, key) = (givenItem, givenKey);
        }
        return new(bound.Flag(0), indent, item, key, bound.Flag(3));
    }

    private static string Spaces(RenderContext context, long count)
    {
        if (count > 100) throw context.Error("'tojson': indent is at most 100");
        return new string(' ', (int)Math.Max(count, 0));
    }
}

/// <summary>Python's json.dumps.</summary>
internal sealed class JsonWriter
{
    private readonly RenderContext _context;
    private readonly JsonStyle _style;
    private readonly TextBuilder _result;

    private JsonWriter(RenderContext context, JsonStyle style) =>
        (_context, _style, _result) = (context, style, new(context));

    public static Text Write(RenderContext context, object? value, JsonStyle style)
    {
        var writer = new JsonWriter(context, style);
        writer.Append(value, 0);
        return writer._result.ToText();
    }

    private void Append(object? value, int depth)
    {
        _context.Step();
        _context.CheckValueDepth(depth);
        switch (value)
        {
            case Text text: AppendString(text); break;
            case TemplateMap map: AppendMap(map, depth); break;
            case TemplateList { Kind: ListKind.List or ListKind.Tuple } list: AppendList(list, depth); break;
            default: _result.Append(Scalar(value)); break;
        }
    }

    private string Scalar(object? value) => value switch
    {
        null => "null",
        bool flag => flag ? "true" : "false",
        long or BigInteger => ((IFormattable)value).ToString(null, CultureInfo.InvariantCulture),
        double number => double.IsNaN(number) ? "NaN" : double.IsInfinity(number) ? (number > 0 ? "Infinity" : "-Infinity") : PythonPrinting.Float(number),
        Undefined undefined => throw _context.Error($"'tojson' cannot write an undefined value: {undefined.Reason}"),
        _ => throw _context.Error($"'tojson' cannot write a '{PythonOperators.TypeName(value)}'"),
    };

    private void AppendList(TemplateList list, int depth)
    {
        if (list.Count == 0) { _result.Append("[]"); return; }
        _result.Append("[");
        for (var i = 0; i < list.Count; i++)
        {
            AppendBreak(i > 0, depth + 1);
            Append(list.Items[i], depth + 1);
        }
        AppendEnd(depth, "]");
    }

    private void AppendMap(TemplateMap map, int depth)
    {
        if (map.Count == 0) { _result.Append("{}"); return; }
        _result.Append("{");
        var first = true;
        foreach (var (key, value) in _style.SortKeys ? ByKey(map) : map)
        {
            AppendBreak(!first, depth + 1);
            first = false;
            AppendString(key switch
            {
                Text text => text,
                null or bool or long or double or BigInteger => Text.Template(Scalar(key)),
                _ => throw _context.Error($"'tojson' cannot write a '{PythonOperators.TypeName(key)}' as a key"),
            });
            _result.Append(_style.KeySeparator);
            Append(value, depth + 1);
        }
        AppendEnd(depth, "}");
    }

    private IEnumerable<KeyValuePair<object?, object?>> ByKey(TemplateMap map) =>
        Filters.Sorted(_context, map.Keys.ToList(), reverse: false, key => key)
            .Select(key => KeyValuePair.Create(key, map.TryGet(key, out var value) ? value : null));

    private void AppendBreak(bool separated, int depth)
    {
        if (separated) _result.Append(_style.ItemSeparator);
        if (_style.Indent is null) return;
        _result.Append("\n");
        for (var i = 0; i < depth; i++) _result.Append(_style.Indent);
    }

    private void AppendEnd(int depth, string close)
    {
        AppendBreak(separated: false, depth);
        _result.Append(close);
    }

    private void AppendString(Text text)
    {
        var start = _result.Length;
        _result.Append("\"");
        var plainFrom = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if (Escape(text.Value[i]) is not { } escape) continue;
            _result.Append(text.Value[plainFrom..i]).Append(escape);
            plainFrom = i + 1;
        }
        _result.Append(text.Value[plainFrom..]).Append("\"");
        if (text.HasUserData) _result.MarkUserFrom(start);
    }

    private string? Escape(char character) => character switch
    {
        '"' => "\\\"",
        '\\' => @"\\",
        '\n' => @"\n",
        '\r' => @"\r",
        '\t' => @"\t",
        '\f' => @"\f",
        '\b' => @"\b",
        < ' ' => Unicode(character),
        > '~' when _style.EnsureAscii && character != '\x7f' => Unicode(character),
        _ => null,
    };

    private static string Unicode(char character) =>
        string.Create(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}");
}
