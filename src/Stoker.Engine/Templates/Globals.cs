namespace Stoker.Engine.Templates;

/// <summary>The functions that every template finds.</summary>
internal static class Globals
{
    public static Scope Create()
    {
        var scope = new Scope(null);
        Add(scope, "range", Range);
        Add(scope, "dict", MakeMap);
        Add(scope, "namespace", MakeNamespace);
        Add(scope, "raise_exception", RaiseException);
        Add(scope, "strftime_now", FormatNow);
        return scope;
    }

    private static void Add(Scope scope, string name, Func<Renderer, Arguments, object?> body) =>
        scope.Set(name, new Function(name, body));

    private static object? Range(Renderer r, Arguments arguments)
    {
        var bound = arguments.Bind(r.Context, "start", "stop", "step");
        var first = bound.RequiredInteger(0);
        var (start, stop) = bound.Has(1) ? (first, bound.RequiredInteger(1)) : (0, first);
        var step = bound.Integer(2, 1);
        if (step == 0) throw r.Context.Error("'range' needs a step other than zero");
        var distance = (Int128)stop - start;
        var count = (distance + step - Int128.Sign(step)) / step;
        r.Context.CheckItems((long)Int128.Clamp(count, 0, long.MaxValue));
        var items = new object?[(int)Int128.Max(count, 0)];
        for (var i = 0; i < items.Length; i++) items[i] = start + (i * step);
        return new TemplateList(items, ListKind.Range);
    }

    /// <summary>A dict from another one, from pairs, and from named arguments.</summary>
    private static TemplateMap MakeMap(Renderer r, Arguments arguments)
    {
        var map = new TemplateMap();
        if (arguments.Positional.Count > 1) throw r.Context.Error("'dict' takes one positional argument");
        foreach (var source in arguments.Positional) Fill(r.Context, source, map.Set);
        foreach (var (name, value) in arguments.Named) map.Set(Text.Template(name), value);
        return map;
    }

    private static TemplateNamespace MakeNamespace(Renderer r, Arguments arguments)
    {
        var space = new TemplateNamespace();
        if (arguments.Positional.Count > 1) throw r.Context.Error("'namespace' takes one positional argument");
        foreach (var source in arguments.Positional)
            Fill(r.Context, source, (key, value) => space.Attributes[key is Text name ? name.Value : throw r.Context.Error("a namespace needs names")] = value);
        foreach (var (name, value) in arguments.Named) space.Attributes[name] = value;
        return space;
    }

    private static void Fill(RenderContext context, object? source, Action<object?, object?> set)
    {
        var pairs = source is TemplateMap map
            ? CollectionMethods.Pairs(context, map)
            : PythonSequences.Iterate(context, source);
        foreach (var pair in pairs)
        {
            if (PythonSequences.Iterate(context, pair) is not [var key, var value] || !PythonKeys.IsHashable(key))
                throw context.Error("a dict is made of pairs of a key and a value");
            context.ChargeKey(key);
            set(key, value);
        }
    }

    private static object? RaiseException(Renderer r, Arguments arguments)
    {
        var message = PythonPrinting.Str(r.Context, arguments.Bind(r.Context, "message").Required(0));
        throw new TemplateException(message.Value, r.Context.Line, isUserRaised: true);
    }

    private static object? FormatNow(Renderer r, Arguments arguments)
    {
        var format = arguments.Bind(r.Context, "format").Text(0);
        return format.Rearranged(ClockFormat.Format(r.Context, format.Value, r.Context.Time.GetLocalNow()));
    }
}
