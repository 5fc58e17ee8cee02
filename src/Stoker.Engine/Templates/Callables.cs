namespace Stoker.Engine.Templates;

/// <summary>Anything that a template can call: macros, functions, methods of values.</summary>
internal interface ICallable
{
    string Name { get; }

    object? Call(Renderer renderer, Arguments arguments);
}

/// <summary>A function of the environment, such as range.</summary>
internal sealed record Function(string Name, Func<Renderer, Arguments, object?> Body) : ICallable
{
    public object? Call(Renderer renderer, Arguments arguments) => Body(renderer, arguments);
}

/// <summary>Scopes nest; a name is looked up outwards, and assigned where the assignment stands.</summary>
internal sealed class Scope(Scope? parent)
{
    private readonly Dictionary<string, object?> _values = new(StringComparer.Ordinal);

    public void Set(string name, object? value) => _values[name] = value;

    public bool TryGet(string name, out object? value)
    {
        for (var scope = this; scope is not null; scope = scope.Parent)
            if (scope._values.TryGetValue(name, out value)) return true;
        value = null;
        return false;
    }

    private Scope? Parent => parent;
}

/// <summary>
/// A macro, or the body of a call block (<c>caller</c>). It sees the scope in which it stands, as that is when called.
/// </summary>
internal sealed class Macro(string name, MacroSignature signature, IReadOnlyList<Statement> body, Scope definedIn) : ICallable
{
    public string Name => name;

    public object? Call(Renderer renderer, Arguments arguments)
    {
        renderer.Context.Step(signature.Names.Count);
        var scope = new Scope(definedIn);
        var named =
            arguments.Named.ToDictionary(argument => argument.Key, argument => argument.Value, StringComparer.Ordinal);
        for (var i = 0; i < signature.Names.Count; i++)
        {
            var parameter = signature.Names[i];
            if (i < arguments.Positional.Count) scope.Set(parameter, arguments.Positional[i]);
            else if (named.Remove(parameter, out var given)) scope.Set(parameter, given);
            else scope.Set(parameter, Default(renderer, i, scope));
        }
        BindImplicit(renderer.Context, arguments, named, scope);
        return renderer.RenderBody(body, scope);
    }

    private object? Default(Renderer renderer, int index, Scope scope)
    {
        var withDefault = index - (signature.Names.Count - signature.Defaults.Count);
        return withDefault >= 0
            ? renderer.Evaluate(signature.Defaults[withDefault], scope)
            : new Undefined($"parameter '{signature.Names[index]}' was not provided");
    }

    /// <summary>
    /// caller, kwargs and varargs exist only in macros that name them; elsewhere the arguments are too many.
    /// </summary>
    private void BindImplicit(RenderContext context, Arguments arguments, Dictionary<string, object?> named, Scope scope)
    {
        if (signature.UsesCaller && !signature.Names.Contains("caller"))
            scope.Set("caller", named.Remove("caller", out var caller) ? caller : new Undefined("no caller defined"));
        if (signature.UsesKwargs)
        {
            var rest = new TemplateMap();
            foreach (var (key, value) in named) rest.Set(Text.Template(key), value);
            scope.Set("kwargs", rest);
        }
        else if (named.Count > 0)
        {
            throw context.Error($"the macro '{name}' takes no argument '{named.Keys.First()}'");
        }
        if (signature.UsesVarargs)
        {
            scope.Set("varargs", new TemplateList(arguments.Positional.Skip(signature.Names.Count).ToList(), ListKind.Tuple));
        }
        else if (arguments.Positional.Count > signature.Names.Count)
        {
            throw context.Error($"the macro '{name}' takes at most {signature.Names.Count} arguments, " +
                $"{arguments.Positional.Count} were given");
        }
    }
}

/// <summary>The variable <c>loop</c>.</summary>
internal sealed class LoopState(IReadOnlyList<object?> items)
{
    private IReadOnlyList<object?>? _lastChanged;

    public int Index0 { get; set; }

    public int Index => Index0 + 1;

    public int Length => items.Count;

    public object? Attribute(string name) => name switch
    {
        "index" => (long)Index,
        "index0" => (long)Index0,
        "revindex" => (long)(Length - Index0),
        "revindex0" => (long)(Length - Index),
        "first" => Index0 == 0,
        "last" => Index == Length,
        "length" => (long)Length,
        "depth" => 1L,
        "depth0" => 0L,
        "previtem" => Index0 > 0 ? items[Index0 - 1] : new Undefined("there is no previous item"),
        "nextitem" => Index < Length ? items[Index] : new Undefined("there is no next item"),
        "cycle" => new Function("cycle", Cycle),
        "changed" => new Function("changed", Changed),
        _ => new Undefined($"'loop' has no attribute '{name}'"),
    };

    private object? Cycle(Renderer renderer, Arguments arguments) => arguments.Positional.Count > 0
        ? arguments.Positional[Index0 % arguments.Positional.Count]
        : throw renderer.Context.Error("loop.cycle needs at least one value");

    private object? Changed(Renderer renderer, Arguments arguments)
    {
        var before = _lastChanged;
        _lastChanged = arguments.Positional;
        return before is null || !PythonOperators.AreEqual(renderer.Context, new TemplateList(before), new TemplateList(arguments.Positional));
    }
}
