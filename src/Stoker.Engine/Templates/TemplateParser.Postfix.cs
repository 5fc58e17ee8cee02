namespace Stoker.Engine.Templates;

/// <summary>What follows an operand: attributes, subscripts, calls, filters and tests.</summary>
internal sealed partial class TemplateParser
{
    /// <summary>Of a macro, and named arguments of a call. Each is compared with those before it.</summary>
    private const int MaxParameters = 256;

    private Expression ParsePostfix(Expression node)
    {
        while (Current.Kind == TokenKind.Operator)
        {
            if (Current.Text == ".") node = ParseAttribute(node);
            else if (Current.Text == "[") node = ParseSubscript(node);
            else if (Current.Text == "(") node = ParseCall(node);
            else break;
        }
        return node;
    }

    private Expression ParseFiltersAndTests(Expression node)
    {
        while (true)
        {
            if (Current.IsOperator("|")) node = ParseFilters(node)!;
            else if (Current.IsName("is")) node = ParseTest(node);
            else if (Current.IsOperator("(")) node = ParseCall(node);
            else return node;
        }
    }

    private Expression ParseAttribute(Expression target)
    {
        var line = Advance().Line;
        var token = Advance();
        if (token.Kind == TokenKind.Name) return Built(new Attribute(target, token.Text, line), target);
        if (token.Kind != TokenKind.Integer)
        {
            throw Error($"expected a name or a number after '.', found {token.Description}", line);
        }

        return Built(new Subscript(target, new Constant(token.Number, line), line), target);
    }

    private Subscript ParseSubscript(Expression target)
    {
        var line = Advance().Line;
        var items = new List<Expression>();
        while (!SkipOperator("]"))
        {
            if (items.Count > 0) ExpectOperator(",");
            items.Add(ParseSliceOrIndex());
        }
        if (items.Count == 0) throw Error("an empty subscript", line);
        if (items.Count > 1 && items.Any(item => item is Slice)) throw Error("a subscript takes one slice", line);
        var index = items.Count == 1 ? items[0] : Built(new Sequence(items, IsTuple: true, line), Deepest(items));
        return Built(new Subscript(target, index, line), target, index);
    }

    private Expression ParseSliceOrIndex()
    {
        var line = Current.Line;
        Expression? start = null;
        if (!Current.IsOperator(":"))
        {
            start = ParseExpression();
            if (!Current.IsOperator(":")) return start;
        }
        Advance();
        var stop = ParseSlicePart();
        var step = SkipOperator(":") ? ParseSlicePart() : null;
        return Built(new Slice(start, stop, step, line), start, stop, step);
    }

    private Expression? ParseSlicePart() =>
        Current.IsOperator(":") || Current.IsOperator("]") || Current.IsOperator(",") ? null : ParseExpression();

    private Call ParseCall(Expression target)
    {
        var line = Current.Line;
        var arguments = ParseArguments();
        return Built(new Call(target, arguments, line), target, Deepest(Children(arguments)));
    }

    private static IEnumerable<Node?> Children(ArgumentNodes arguments) =>
        arguments.Positional.Concat(arguments.Named.Select(named => named.Value)).Append(arguments.Spread).Append(arguments.SpreadNamed);

    private ArgumentNodes ParseArguments()
    {
        var line = Current.Line;
        ExpectOperator("(");
        var positional = new List<Expression>();
        var named = new List<(string Name, Expression Value)>();
        Expression? spread = null, spreadNamed = null;
        for (var first = true; !SkipOperator(")"); first = false)
        {
            if (!first)
            {
                ExpectOperator(",");
                if (SkipOperator(")")) break;
            }
            if (spreadNamed is not null) throw Error("nothing may follow '**' in a call", line);
            if (SkipOperator("**")) spreadNamed = ParseExpression();
            else if (spread is null && SkipOperator("*")) spread = ParseExpression();
            else if (Current.Kind == TokenKind.Name && Next.IsOperator("=")) named.Add(ParseNamed(named));
            else if (spread is null && named.Count == 0) positional.Add(ParseExpression());
            else throw PositionalAfterNamed(line);
        }
        return new(positional, named, spread, spreadNamed);
    }

    private TemplateException PositionalAfterNamed(int line) =>
        Error("a positional argument follows a named one", line);

    private (string Name, Expression Value) ParseNamed(List<(string Name, Expression Value)> named)
    {
        if (named.Count == MaxParameters) throw Error($"a call has more than {MaxParameters} named arguments");
        var name = Advance();
        Advance();
        if (named.Any(other => other.Name == name.Text))
        {
            throw Error($"the argument '{name.Text}' is given twice", name.Line);
        }

        return (name.Text, ParseExpression());
    }

    /// <param name="startsInline">The first filter has no bar before it, as in <c>{% filter trim %}</c>.</param>
    private Expression? ParseFilters(Expression? node, bool startsInline = false)
    {
        while (startsInline || Current.IsOperator("|"))
        {
            if (!startsInline) Advance();
            startsInline = false;
            var name = Expect(TokenKind.Name, "a filter's name");
            if (!Filters.All.ContainsKey(name.Text)) RefuseUnlessConditional($"no filter named '{name.Text}'", name.Line);
            var arguments = Current.IsOperator("(") ? ParseArguments() : ArgumentNodes.None;
            node = Built(new FilterCall(node, name.Text, arguments, name.Line), node, Deepest(Children(arguments)));
        }
        return node;
    }

    private Expression ParseTest(Expression target)
    {
        Advance();
        var negated = SkipName("not");
        var name = Expect(TokenKind.Name, "a test's name");
        if (!ValueTests.All.ContainsKey(name.Text)) RefuseUnlessConditional($"no test named '{name.Text}'", name.Line);
        var arguments = ParseTestArguments();
        var test = Built(new TestCall(target, name.Text, arguments, name.Line), target, Deepest(Children(arguments)));
        return negated ? Built(new Unary("not", test, name.Line), test) : test;
    }

    private ArgumentNodes ParseTestArguments()
    {
        if (Current.IsOperator("(")) return ParseArguments();
        var takesOne = Current.Kind is TokenKind.Name or TokenKind.String or TokenKind.Integer or TokenKind.Float
            || Current.IsOperator("[") || Current.IsOperator("{");
        if (!takesOne || Current.IsName("else") || Current.IsName("or") || Current.IsName("and")) return ArgumentNodes.None;
        if (Current.IsName("is")) throw Error("tests cannot be chained with 'is'");
        return new([ParsePostfix(ParsePrimary())], [], null, null);
    }

    /// <summary>
    /// Templates guard what only some interpreters have by a condition; then the fault shows only when it is reached.
    /// </summary>
    private void RefuseUnlessConditional(string reason, int line)
    {
        if (_branches == 0) _unconditionalFaults.Add(Error(reason, line));
    }
}
