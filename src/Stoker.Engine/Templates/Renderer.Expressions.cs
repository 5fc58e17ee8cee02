namespace Stoker.Engine.Templates;

/// <summary>Expressions.</summary>
internal sealed partial class Renderer
{
    public object? Evaluate(Expression expression, Scope scope)
    {
        context.Enter();
        context.Step();
        var value = expression switch
        {
            Constant constant => constant.Value,
            Variable variable => scope.TryGet(variable.Name, out var found) ? found : Undefined.Name(variable.Name),
            Attribute attribute => EvaluateAttribute(attribute, scope),
            Subscript { Index: Slice slice } subscript => EvaluateSlice(subscript, slice, scope),
            Subscript subscript => EvaluateSubscript(subscript, scope),
            FilterCall filter => ApplyFilters(filter, null, scope),
            TestCall test => CallTest(test.Name, Evaluate(test.Target, scope), EvaluateArguments(test.Name, test.Arguments, scope)),
            Call call => EvaluateCall(call, scope, null),
            Comparison comparison => EvaluateComparison(comparison, scope),
            Binary binary => EvaluateBinary(binary, scope),
            Unary unary => EvaluateUnary(unary, scope),
            Concatenation concatenation => EvaluateConcatenation(concatenation, scope),
            Conditional conditional => EvaluateConditional(conditional, scope),
            Sequence sequence => EvaluateSequence(sequence, scope),
            MapLiteral map => EvaluateMap(map, scope),
            _ => throw new InvalidOperationException($"{expression.GetType()} has no rule"),
        };
        context.Leave();
        return value;
    }

    private object? EvaluateAttribute(Attribute attribute, Scope scope)
    {
        var target = Evaluate(attribute.Target, scope);
        context.Line = attribute.Line;
        return ValueAccess.Attribute(context, target, attribute.Name);
    }

    private object? EvaluateSubscript(Subscript subscript, Scope scope)
    {
        var target = Evaluate(subscript.Target, scope);
        var index = Evaluate(subscript.Index, scope);
        context.Line = subscript.Line;
        return ValueAccess.Item(context, target, index);
    }

    private object? EvaluateSlice(Subscript subscript, Slice slice, Scope scope)
    {
        var target = Evaluate(subscript.Target, scope);
        var start = slice.Start is null ? null : Evaluate(slice.Start, scope);
        var stop = slice.Stop is null ? null : Evaluate(slice.Stop, scope);
        var step = slice.Step is null ? null : Evaluate(slice.Step, scope);
        context.Line = subscript.Line;
        return PythonSequences.Slice(context, target, start, stop, step);
    }

    /// <summary>A chain of filters; the innermost without target gets <paramref name="body"/>.</summary>
    private object? ApplyFilters(FilterCall filter, object? body, Scope scope)
    {
        var value = filter.Target switch
        {
            null => body,
            FilterCall inner => ApplyChained(inner, body, scope),
            var target => Evaluate(target, scope),
        };
        var arguments = EvaluateArguments(filter.Name, filter.Arguments, scope);
        context.Line = filter.Line;
        return CallFilter(filter.Name, value, arguments);
    }

    private object? ApplyChained(FilterCall inner, object? body, Scope scope)
    {
        context.Enter();
        var value = ApplyFilters(inner, body, scope);
        context.Leave();
        return value;
    }

    public object? CallFilter(string name, object? value, Arguments arguments)
    {
        context.Step();
        context.ChargeText(name.Length);
        return Filters.All.TryGetValue(name, out var filter)
            ? filter(this, value, arguments)
            : throw context.Error($"no filter named '{name}'");
    }

    public bool CallTest(string name, object? value, Arguments arguments)
    {
        context.Step();
        context.ChargeText(name.Length);
        return ValueTests.All.TryGetValue(name, out var test)
            ? test(this, value, arguments)
            : throw context.Error($"no test named '{name}'");
    }

    private object? EvaluateCall(Call call, Scope scope, KeyValuePair<string, object?>? caller)
    {
        var target = Evaluate(call.Target, scope);
        var arguments = EvaluateArguments(NameOf(call.Target), call.Arguments, scope);
        if (caller is { } extra) arguments = arguments with { Named = [.. arguments.Named, extra] };
        context.Line = call.Line;
        if (target is Undefined undefined) throw context.Error(undefined.Reason);
        return target is ICallable callable
            ? callable.Call(this, arguments)
            : throw context.Error($"a '{PythonOperators.TypeName(target)}' cannot be called");
    }

    private static string NameOf(Expression target) => target switch
    {
        Variable variable => variable.Name,
        Attribute attribute => attribute.Name,
        _ => "the call",
    };

    private Arguments EvaluateArguments(string callee, ArgumentNodes nodes, Scope scope)
    {
        if (nodes == ArgumentNodes.None) return new(callee, [], []);
        var positional = nodes.Positional.Select(node => Evaluate(node, scope)).ToList();
        var named = nodes.Named.Select(node => KeyValuePair.Create(node.Name, Evaluate(node.Value, scope))).ToList();
        if (nodes.Spread is not null) positional.AddRange(PythonSequences.Iterate(context, Evaluate(nodes.Spread, scope)));
        if (nodes.SpreadNamed is not null) AddNamed(named, Evaluate(nodes.SpreadNamed, scope));
        return new(callee, positional, named);
    }

    private void AddNamed(List<KeyValuePair<string, object?>> named, object? value)
    {
        if (value is not TemplateMap map)
        {
            throw context.Error($"'**' needs a dict, not '{PythonOperators.TypeName(value)}'");
        }

        context.Step(map.Count);
        var names = named.Select(argument => argument.Key).ToHashSet(StringComparer.Ordinal);
        foreach (var (key, item) in map)
        {
            context.ChargeKey(key);
            if (key is not Text name || !names.Add(name.Value))
            {
                throw context.Error("'**' needs a dict of new argument names");
            }

            named.Add(new(name.Value, item));
        }
    }

    private bool EvaluateComparison(Comparison comparison, Scope scope)
    {
        var left = Evaluate(comparison.First, scope);
        foreach (var (sign, operand) in comparison.Rest)
        {
            var right = Evaluate(operand, scope);
            context.Line = comparison.Line;
            if (!Holds(sign, left, right)) return false;
            left = right;
        }
        return true;
    }

    public bool Holds(string sign, object? left, object? right) => sign switch
    {
        "==" => PythonOperators.AreEqual(context, left, right),
        "!=" => !PythonOperators.AreEqual(context, left, right),
        "in" => PythonOperators.Contains(context, right, left),
        "not in" => !PythonOperators.Contains(context, right, left),
        "<" => PythonOperators.Compare(context, left, right, sign) < 0,
        "<=" => PythonOperators.Compare(context, left, right, sign) <= 0,
        ">" => PythonOperators.Compare(context, left, right, sign) > 0,
        _ => PythonOperators.Compare(context, left, right, sign) >= 0,
    };

    private object? EvaluateBinary(Binary binary, Scope scope)
    {
        var left = Evaluate(binary.Left, scope);
        if (binary.Operator == "and") return PythonOperators.IsTrue(left) ? Evaluate(binary.Right, scope) : left;
        if (binary.Operator == "or") return PythonOperators.IsTrue(left) ? left : Evaluate(binary.Right, scope);
        var right = Evaluate(binary.Right, scope);
        context.Line = binary.Line;
        return PythonArithmetic.Apply(context, binary.Operator, left, right);
    }

    private object? EvaluateUnary(Unary unary, Scope scope)
    {
        var value = Evaluate(unary.Operand, scope);
        return unary.Operator == "not" ? !PythonOperators.IsTrue(value) : PythonArithmetic.Negate(context, value, unary.Operator);
    }

    private Text EvaluateConcatenation(Concatenation concatenation, Scope scope)
    {
        var builder = new TextBuilder(context);
        foreach (var part in concatenation.Parts) PythonPrinting.AppendStr(context, builder, Evaluate(part, scope));
        return builder.ToText();
    }

    private object? EvaluateConditional(Conditional conditional, Scope scope)
    {
        if (PythonOperators.IsTrue(Evaluate(conditional.Test, scope))) return Evaluate(conditional.Then, scope);
        return conditional.Else is null
            ? new Undefined("the inline if was false and has no else")
            : Evaluate(conditional.Else, scope);
    }

    private TemplateList EvaluateSequence(Sequence sequence, Scope scope)
    {
        var items = new object?[sequence.Items.Count];
        for (var i = 0; i < items.Length; i++) items[i] = Evaluate(sequence.Items[i], scope);
        return new(items, sequence.IsTuple ? ListKind.Tuple : ListKind.List);
    }

    private TemplateMap EvaluateMap(MapLiteral literal, Scope scope)
    {
        var map = new TemplateMap();
        foreach (var (keyNode, valueNode) in literal.Entries)
        {
            var key = Evaluate(keyNode, scope);
            if (!PythonKeys.IsHashable(key))
            {
                throw context.Error($"a '{PythonOperators.TypeName(key)}' cannot be a key");
            }

            context.ChargeKey(key);
            map.Set(key, Evaluate(valueNode, scope));
        }
        return map;
    }
}
