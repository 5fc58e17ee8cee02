namespace Stoker.Engine.Templates;

/// <summary>
/// <c>a.b</c> and <c>a["b"]</c>: the first tries methods and attributes before keys, the second the other way round.
/// </summary>
internal static class ValueAccess
{
    // Methods that would change a value. The reference's sandbox refuses them too.
    private static readonly HashSet<string> Mutators = new(StringComparer.Ordinal)
    {
        "append", "clear", "extend", "insert", "pop", "popitem", "remove", "reverse", "setdefault", "sort", "update",
    };

    public static object? Attribute(RenderContext context, object? target, string name)
    {
        if (target is Undefined undefined) throw context.Error(undefined.Reason);
        context.ChargeText(name.Length);
        if (OwnAttribute(target, name) is { } found) return found.Value;
        return target is TemplateMap map && map.TryGet(Text.Template(name), out var value)
            ? value
            : new Undefined($"'{ObjectName(target)}' has no attribute '{name}'");
    }

    public static object? Item(RenderContext context, object? target, object? index)
    {
        if (target is Undefined undefined) throw context.Error(undefined.Reason);
        context.ChargeKey(index);
        if (target is TemplateMap map && map.TryGet(index, out var value)) return value;
        if (PythonOperators.AsInteger(index) is { } at && PythonSequences.TryIndex(context, target, at, out var item))
        {
            return item;
        }

        if (index is Text name && OwnAttribute(target, name.Value) is { } found) return found.Value;
        return new Undefined(index is Text { HasUserData: false, Length: < 100 } known
            ? $"'{ObjectName(target)}' has no attribute '{known.Value}'"
            : $"'{ObjectName(target)}' has no such element");
    }

    private static string ObjectName(object? target) =>
        target is null ? "None" : PythonOperators.TypeName(target) + " object";

    /// <summary>A value that may itself be None.</summary>
    private sealed record Found(object? Value);

    private static Found? OwnAttribute(object? target, string name)
    {
        switch (target)
        {
            case TemplateNamespace space: return space.Attributes.TryGetValue(name, out var value) ? new(value) : null;
            case LoopState loop: return new(loop.Attribute(name));
            case Macro macro when name == "name": return new(Text.Template(macro.Name));
            case Text text: return TextMethods.All.TryGetValue(name, out var textMethod) ? Method(name, text, textMethod) : null;
            case TemplateMap or TemplateList when Mutators.Contains(name):
                return new(new Undefined($"'{name}' would change a {PythonOperators.TypeName(target)}, which templates may not do; " +
                    "build a new value or use a namespace"));
            case TemplateMap map: return CollectionMethods.OfMap.TryGetValue(name, out var mapMethod) ? Method(name, map, mapMethod) : null;
            case TemplateList { IsIndexable: true } list:
                return CollectionMethods.OfList.TryGetValue(name, out var listMethod)
                    ? Method(name, list, listMethod)
                    : null;
            default: return null;
        }
    }

    private static Found Method<T>(string name, T self, Func<RenderContext, T, Arguments, object?> body) =>
        new(new Function(name, (renderer, arguments) => body(renderer.Context, self, arguments)));
}
