namespace Stoker.Engine.Templates;

/// <summary>Runs the statements of one template once.</summary>
internal sealed partial class Renderer(RenderContext context)
{
    private enum Flow
    {
        Next,
        Break,
        Continue,
    }

    private TextBuilder _output = new(context);

    public RenderContext Context => context;

    public Text Render(IReadOnlyList<Statement> template, Scope globals)
    {
        Run(template, new Scope(globals));
        return _output.ToText();
    }

    /// <summary>Renders a body into a value of its own.</summary>
    public Text RenderBody(IReadOnlyList<Statement> body, Scope scope)
    {
        var outer = _output;
        _output = new TextBuilder(context);
        Run(body, scope);
        var text = _output.ToText();
        _output = outer;
        return text;
    }

    private Flow Run(IReadOnlyList<Statement> statements, Scope scope)
    {
        context.Enter();
        var flow = Flow.Next;
        for (var i = 0; i < statements.Count && flow == Flow.Next; i++)
        {
            context.Line = statements[i].Line;
            context.Step();
            flow = Run(statements[i], scope);
        }
        context.Leave();
        return flow;
    }

    private Flow Run(Statement statement, Scope scope)
    {
        switch (statement)
        {
            case Data data: _output.Append(data.Value); break;
            case Print print: PythonPrinting.AppendStr(context, _output, Evaluate(print.Value, scope)); break;
            case If branches: return RunIf(branches, scope);
            case For loop: RunFor(loop, scope); break;
            case Set set: Assign(set.Target, Evaluate(set.Value, scope), scope); break;
            case SetBlock set: RunSetBlock(set, scope); break;
            case FilterBlock filter: RunFilterBlock(filter, scope); break;
            case With with: return RunWith(with, scope);
            case Scoped scoped: return Run(scoped.Body, new Scope(scope));
            case LoopControl control: return control.IsBreak ? Flow.Break : Flow.Continue;
            case MacroDefinition macro: scope.Set(macro.Name, new Macro(macro.Name, macro.Signature, macro.Body, scope)); break;
            case CallBlock call: RunCallBlock(call, scope); break;
            default: throw new InvalidOperationException($"{statement.GetType()} has no rule");
        }
        return Flow.Next;
    }

    private Flow RunIf(If branches, Scope scope)
    {
        foreach (var (test, body) in branches.Branches)
            if (PythonOperators.IsTrue(Evaluate(test, scope))) return Run(body, scope);
        return Run(branches.Else, scope);
    }

    private void RunFor(For loop, Scope scope)
    {
        var items = PythonSequences.Iterate(context, Evaluate(loop.Items, scope));
        if (loop.Filter is not null) items = Filtered(loop, loop.Filter, items, scope);
        if (items.Count == 0) Run(loop.Else, new Scope(scope));
        var state = new LoopState(items);
        for (var i = 0; i < items.Count; i++)
        {
            context.Step();
            state.Index0 = i;
            var iteration = new Scope(scope); // what the body assigns ends with the iteration
            iteration.Set("loop", state);
            Assign(loop.Target, items[i], iteration);
            if (Run(loop.Body, iteration) == Flow.Break) break;
        }
    }

    private List<object?> Filtered(For loop, Expression filter, IReadOnlyList<object?> items, Scope scope)
    {
        var kept = new List<object?>();
        foreach (var item in items)
        {
            var test = new Scope(scope);
            Assign(loop.Target, item, test);
            if (PythonOperators.IsTrue(Evaluate(filter, test))) kept.Add(item);
        }
        return kept;
    }

    private void RunSetBlock(SetBlock set, Scope scope)
    {
        object? value = RenderBody(set.Body, new Scope(scope));
        Assign(set.Target, set.Filter is null ? value : ApplyFilters(set.Filter, value, scope), scope);
    }

    private void RunFilterBlock(FilterBlock block, Scope scope)
    {
        var inner = new Scope(scope);
        var body = RenderBody(block.Body, inner);
        PythonPrinting.AppendStr(context, _output, ApplyFilters(block.Filter, body, inner));
    }

    private Flow RunWith(With with, Scope scope)
    {
        var inner = new Scope(scope);
        var values = with.Assignments.Select(one => Evaluate(one.Value, scope)).ToList();
        for (var i = 0; i < values.Count; i++) Assign(with.Assignments[i].Target, values[i], inner);
        return Run(with.Body, inner);
    }

    private void RunCallBlock(CallBlock block, Scope scope)
    {
        var caller = new Macro("caller", block.Signature, block.Body, scope);
        var value = EvaluateCall(block.Call, scope, new("caller", caller));
        PythonPrinting.AppendStr(context, _output, value);
    }

    private void Assign(Target target, object? value, Scope scope)
    {
        switch (target)
        {
            case NameTarget name: scope.Set(name.Name, value); break;
            case NamespaceTarget attribute: NamespaceOf(attribute, scope).Attributes[attribute.Attribute] = value; break;
            case TupleTarget tuple: AssignTuple(tuple, value, scope); break;
        }
    }

    private TemplateNamespace NamespaceOf(NamespaceTarget target, Scope scope) =>
        scope.TryGet(target.Name, out var value) && value is TemplateNamespace space
            ? space
            : throw context.Error($"cannot assign to '{target.Name}.{target.Attribute}': '{target.Name}' is no namespace");

    private void AssignTuple(TupleTarget tuple, object? value, Scope scope)
    {
        var items = PythonSequences.Iterate(context, value);
        if (items.Count != tuple.Items.Count)
            throw context.Error($"{tuple.Items.Count} names cannot take {items.Count} values");
        for (var i = 0; i < items.Count; i++) Assign(tuple.Items[i], items[i], scope);
    }
}
