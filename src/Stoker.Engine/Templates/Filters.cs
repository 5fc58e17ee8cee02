namespace Stoker.Engine.Templates;

/// <summary>A filter: the value before the bar, then the arguments.</summary>
internal delegate object? Filter(Renderer renderer, object? value, Arguments arguments);

/// <summary>The filters by name. Those that Jinja has beyond these make web pages.</summary>
internal static partial class Filters
{
    public static readonly IReadOnlyDictionary<string, Filter> All = new Dictionary<string, Filter>(StringComparer.Ordinal)
    {
        // text
        ["string"] = (r, value, a) => Str(r, value, a),
        ["trim"] = Trim,
        ["upper"] = (r, value, a) => Map(Str(r, value, a), text => text.ToUpperInvariant()),
        ["lower"] = (r, value, a) => Map(Str(r, value, a), text => text.ToLowerInvariant()),
        ["capitalize"] = (r, value, a) => Map(Str(r, value, a), PythonText.Capitalize),
        ["title"] = (r, value, a) => Map(Str(r, value, a), Title),
        ["replace"] = Replace,
        ["indent"] = Indent,
        ["format"] = Format,
        ["center"] = Center,
        ["truncate"] = Truncate,
        ["wordcount"] = WordCount,
        ["escape"] = Escape,
        ["e"] = Escape,
        ["forceescape"] = Escape,
        ["urlencode"] = UrlEncode,
        ["safe"] = (r, value, a) => Str(r, value, a), // nothing is escaped here, so there is nothing to exempt
        ["tojson"] = ToJson,
        ["from_json"] = FromJson,

        // numbers
        ["int"] = ToInteger,
        ["float"] = ToFloat,
        ["abs"] = Absolute,
        ["round"] = Round,
        ["sum"] = Sum,
        ["min"] = (r, value, a) => Extreme(r, value, a, wanted: -1),
        ["max"] = (r, value, a) => Extreme(r, value, a, wanted: 1),

        // any value
        ["default"] = Default,
        ["d"] = Default,
        ["length"] = Length,
        ["count"] = Length,
        ["attr"] = Attribute,
        ["pprint"] = (r, value, a) => { a.Bind(r.Context); return PythonPrinting.Repr(r.Context, value); },

        // sequences
        ["list"] = ToList,
        ["first"] = First,
        ["last"] = Last,
        ["join"] = Join,
        ["reverse"] = Reverse,
        ["sort"] = Sort,
        ["unique"] = Unique,
        ["map"] = Map,
        ["select"] = (r, value, a) => Select(r, value, a, byAttribute: false, keep: true),
        ["reject"] = (r, value, a) => Select(r, value, a, byAttribute: false, keep: false),
        ["selectattr"] = (r, value, a) => Select(r, value, a, byAttribute: true, keep: true),
        ["rejectattr"] = (r, value, a) => Select(r, value, a, byAttribute: true, keep: false),
        ["groupby"] = GroupBy,
        ["batch"] = Batch,
        ["slice"] = SliceInto,
        ["items"] = Items,
        ["dictsort"] = SortMap,
    };

    private static Text Str(Renderer r, object? value, Arguments arguments)
    {
        arguments.Bind(r.Context);
        return Str(r, value);
    }

    private static Text Str(Renderer r, object? value)
    {
        if (value is Text text) r.Context.ChargeText(text.Length);
        return PythonPrinting.Str(r.Context, value);
    }

    private static Text Map(Text text, Func<string, string> mapping) => text.Mapped(mapping(text.Value));

    private static object? Default(Renderer r, object? value, Arguments arguments)
    {
        var bound = arguments.Bind(r.Context, "default_value", "boolean");
        return value is Undefined || (bound.Flag(1) && !PythonOperators.IsTrue(value))
            ? bound.Value(0, Text.Empty)
            : value;
    }

    private static object? Length(Renderer r, object? value, Arguments arguments)
    {
        arguments.Bind(r.Context);
        return (long)(PythonSequences.Length(r.Context, value)
            ?? throw r.Context.Error($"a '{PythonOperators.TypeName(value)}' has no length"));
    }

    private static object? Attribute(Renderer r, object? value, Arguments arguments)
    {
        var name = arguments.Bind(r.Context, "name").Text(0).Value;
        // The filter looks at attributes only, so a key of a map is none.
        return value is TemplateMap && !CollectionMethods.OfMap.ContainsKey(name)
            ? new Undefined($"'dict object' has no attribute '{name}'")
            : ValueAccess.Attribute(r.Context, value, name);
    }

    private static Text ToJson(Renderer r, object? value, Arguments arguments)
    {
        var bound = arguments.Bind(r.Context, "ensure_ascii", "indent", "separators", "sort_keys");
        return JsonWriter.Write(r.Context, value, JsonStyle.From(r.Context, bound));
    }

    private static object? FromJson(Renderer r, object? value, Arguments arguments)
    {
        arguments.Bind(r.Context);
        if (value is not Text text)
        {
            throw r.Context.Error($"'from_json' needs a string, not '{PythonOperators.TypeName(value)}'");
        }

        r.Context.ChargeText(text.Length);
        return JsonValues.TryParse(r.Context, text.Value, text.HasUserData, out var parsed)
            ? parsed
            : throw r.Context.Error("'from_json' got text that is no JSON");
    }
}
