namespace Stoker.Engine.Templates;

/// <summary>The methods of dicts, lists and tuples that change nothing.</summary>
internal static class CollectionMethods
{
    public static readonly IReadOnlyDictionary<string, Func<RenderContext, TemplateMap, Arguments, object?>> OfMap =
        new Dictionary<string, Func<RenderContext, TemplateMap, Arguments, object?>>(StringComparer.Ordinal)
        {
            ["get"] = Get,
            ["items"] = (c, map, a) => { a.Bind(c); return new TemplateList(Pairs(c, map), ListKind.Items); },
            ["keys"] = (c, map, a) => { a.Bind(c); c.Step(map.Count); return new TemplateList(map.Keys.ToList(), ListKind.Keys); },
            ["values"] = (c, map, a) => { a.Bind(c); c.Step(map.Count); return new TemplateList(map.Values.ToList(), ListKind.Values); },
            ["copy"] = (c, map, a) => { a.Bind(c); return map; },
        };

    public static readonly IReadOnlyDictionary<string, Func<RenderContext, TemplateList, Arguments, object?>> OfList =
        new Dictionary<string, Func<RenderContext, TemplateList, Arguments, object?>>(StringComparer.Ordinal)
        {
            ["index"] = IndexOf,
            ["count"] = (c, list, a) => { var item = a.Bind(c, "value").Required(0); return (long)list.Items.Count(other => PythonOperators.AreEqual(c, other, item)); },
            ["copy"] = (c, list, a) => { a.Bind(c); return list; },
        };

    public static List<object?> Pairs(RenderContext context, TemplateMap map)
    {
        context.Step(map.Count);
        return [.. map.Select(entry => new TemplateList([entry.Key, entry.Value], ListKind.Tuple))];
    }

    private static object? Get(RenderContext context, TemplateMap map, Arguments arguments)
    {
        var bound = arguments.Bind(context, "key", "default");
        var key = bound.Required(0);
        if (!PythonKeys.IsHashable(key)) throw context.Error($"a '{PythonOperators.TypeName(key)}' cannot be a key");
        context.ChargeKey(key);
        return map.TryGet(key, out var value) ? value : bound.Value(1);
    }

    private static object? IndexOf(RenderContext context, TemplateList list, Arguments arguments)
    {
        var item = arguments.Bind(context, "value").Required(0);
        for (var i = 0; i < list.Count; i++)
            if (PythonOperators.AreEqual(context, list.Items[i], item)) return (long)i;
        throw context.Error("the value is not in the list");
    }
}
