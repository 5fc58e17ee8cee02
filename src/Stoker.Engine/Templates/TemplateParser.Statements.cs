namespace Stoker.Engine.Templates;

/// <summary>Statements, assignment targets and macro signatures.</summary>
internal sealed partial class TemplateParser
{
    // A chat template is one self-contained file, so the tags that reach for others are refused by name.
    private static readonly string[] OtherFileTags = ["include", "import", "from", "extends", "block"];

    /// <summary>
    /// Statements up to a block that starts with one of the names; the name is the current token then.
    /// </summary>
    private List<Statement> ParseBody(params string[] ends)
    {
        Enter();
        var body = new List<Statement>();
        while (Current.Kind != TokenKind.End)
        {
            var token = Advance();
            if (token.Kind == TokenKind.Data) body.Add(new Data(Text.Template(token.Text), token.Line));
            else if (token.Kind == TokenKind.VariableBegin) body.Add(ParsePrintTag(token.Line));
            else if (Current.Kind == TokenKind.Name && ends.Contains(Current.Text)) return Left(body);
            else ParseStatement(body);
        }
        return ends.Length == 0 ? Left(body) : throw Error($"the template ends before '{ends[^1]}'");
    }

    private List<Statement> Left(List<Statement> body)
    {
        Leave();
        return body;
    }

    private Print ParsePrintTag(int line)
    {
        var value = ParseTuple();
        Expect(TokenKind.VariableEnd, "the end of the print statement");
        return Built(new Print(value, line), value);
    }

    private void ParseStatement(List<Statement> body)
    {
        var tag = Expect(TokenKind.Name, "a tag name");
        if (tag.Text == "print") ParsePrint(body);
        else body.Add(ParseTag(tag));
        Expect(TokenKind.BlockEnd, "the end of the statement block");
    }

    private Statement ParseTag(TemplateToken tag) => tag.Text switch
    {
        "if" => ParseIf(tag.Line),
        "for" => ParseFor(tag.Line),
        "set" => ParseSet(tag.Line),
        "macro" => ParseMacro(tag.Line),
        "call" => ParseCallBlock(tag.Line),
        "filter" => ParseFilterBlock(tag.Line),
        "with" => ParseWith(tag.Line),
        "generation" => ParseGeneration(tag.Line),
        "break" or "continue" => ParseLoopControl(tag),
        _ when OtherFileTags.Contains(tag.Text) =>
            throw Error($"'{tag.Text}' is not supported: a chat template is one file without others", tag.Line),
        _ => throw Error($"unknown tag '{tag.Text}'; known are if, for, set, macro, call, filter, with, print, raw, generation, " +
            "break and continue", tag.Line),
    };

    private void ParsePrint(List<Statement> body)
    {
        while (Current.Kind != TokenKind.BlockEnd)
        {
            var value = ParseExpression();
            body.Add(Built(new Print(value, value.Line), value));
            if (Current.Kind != TokenKind.BlockEnd) ExpectOperator(",");
        }
    }

    private void EndBlock() => Expect(TokenKind.BlockEnd, "the end of the statement block");

    /// <summary>The body of a tag up to its end tag, whose name is consumed.</summary>
    private List<Statement> ParseTagBody(string end)
    {
        EndBlock();
        var body = ParseBody(end);
        Advance();
        return body;
    }

    private If ParseIf(int line)
    {
        var branches = new List<(Expression Test, IReadOnlyList<Statement> Body)>();
        List<Statement> otherwise = [];
        _branches++;
        while (true)
        {
            var test = ParseTuple(withConditional: false);
            EndBlock();
            branches.Add((test, ParseBody("elif", "else", "endif")));
            var end = Advance();
            if (end.Text == "elif") continue;
            if (end.Text == "else") otherwise = ParseTagBody("endif");
            break;
        }
        _branches--;
        return Built(new If(branches, otherwise, line), Deepest(branches.Select(branch => branch.Test)),
            Deepest(branches.SelectMany(branch => branch.Body)), Deepest(otherwise));
    }

    private For ParseFor(int line)
    {
        var target = ParseTarget(end: "in");
        ExpectName("in");
        var items = ParseTuple(withConditional: false, end: "recursive");
        var filter = SkipName("if") ? ParseExpression() : null;
        if (Current.IsName("recursive")) throw Error("recursive loops are not supported; use a macro");
        EndBlock();
        _loops++;
        var body = ParseBody("endfor", "else");
        _loops--;
        var otherwise = Advance().Text == "else" ? ParseTagBody("endfor") : [];
        return Built(new For(target, items, filter, body, otherwise, line), target, items, filter, Deepest(body), Deepest(otherwise));
    }

    private Statement ParseSet(int line)
    {
        var target = ParseTarget(end: null, allowsNamespace: true);
        if (SkipOperator("="))
        {
            var value = ParseTuple();
            return Built(new Set(target, value, line), target, value);
        }
        var filter = ParseFilters(null) as FilterCall;
        var body = ParseTagBody("endset");
        return Built(new SetBlock(target, filter, body, line), target, filter, Deepest(body));
    }

    private MacroDefinition ParseMacro(int line)
    {
        var name = Expect(TokenKind.Name, "the macro's name").Text;
        var (signature, body) = ParseMacroBody(() => ParseTagBody("endmacro"));
        return Built(new MacroDefinition(name, signature, body, line), Deepest(signature.Defaults), Deepest(body));
    }

    private CallBlock ParseCallBlock(int line)
    {
        Call? call = null;
        var (signature, body) = ParseMacroBody(() =>
        {
            call = ParseExpression() as Call ?? throw Error("'call' must be followed by a call of a macro", line);
            return ParseTagBody("endcall");
        });
        return Built(new CallBlock(call!, signature, body, line), call, Deepest(signature.Defaults), Deepest(body));
    }

    private (MacroSignature Signature, List<Statement> Body) ParseMacroBody(Func<List<Statement>> parseBody)
    {
        var (outer, outerLoops) = (_macro, _loops);
        (_macro, _loops) = (new(), 0);
        List<string> names = [];
        List<Expression> defaults = [];
        if (SkipOperator("(")) ParseSignature(names, defaults);
        var body = parseBody();
        var uses = _macro;
        (_macro, _loops) = (outer, outerLoops);
        return (new(names, defaults, uses.Caller || names.Contains("caller"), uses.Varargs, uses.Kwargs), body);
    }

    private void ParseSignature(List<string> names, List<Expression> defaults)
    {
        while (!SkipOperator(")"))
        {
            if (names.Count > 0) ExpectOperator(",");
            if (names.Count == MaxParameters) throw Error($"a macro has more than {MaxParameters} parameters");
            var name = Expect(TokenKind.Name, "an argument's name");
            if (names.Contains(name.Text)) throw Error($"the argument '{name.Text}' is named twice", name.Line);
            names.Add(name.Text);
            if (SkipOperator("=")) defaults.Add(ParseExpression());
            else if (name.Text == "caller") throw Error("the argument 'caller' needs a default", name.Line);
            else if (defaults.Count > 0) throw Error("an argument without default follows one with a default", name.Line);
        }
    }

    private FilterBlock ParseFilterBlock(int line)
    {
        var filter = (FilterCall)ParseFilters(null, startsInline: true)!;
        var body = ParseTagBody("endfilter");
        return Built(new FilterBlock(filter, body, line), filter, Deepest(body));
    }

    private With ParseWith(int line)
    {
        var assignments = new List<(Target Target, Expression Value)>();
        while (Current.Kind != TokenKind.BlockEnd)
        {
            if (assignments.Count > 0) ExpectOperator(",");
            var target = ParseTarget(end: null);
            ExpectOperator("=");
            assignments.Add((target, ParseExpression()));
        }
        var body = ParseTagBody("endwith");
        return Built(new With(assignments, body, line), Deepest(assignments.Select(one => one.Value)), Deepest(body));
    }

    private Scoped ParseGeneration(int line)
    {
        var loops = _loops;
        _loops = 0; // the reference renders the body in a function of its own, which no break can leave
        var body = ParseTagBody("endgeneration");
        _loops = loops;
        return Built(new Scoped(body, line), Deepest(body));
    }

    private LoopControl ParseLoopControl(TemplateToken tag) => _loops > 0
        ? new LoopControl(tag.Text == "break", tag.Line)
        : throw Error($"'{tag.Text}' outside of a loop", tag.Line);

    private Target ParseTarget(string? end, bool allowsNamespace = false)
    {
        var line = Current.Line;
        var items = new List<Target>();
        var isTuple = false;
        do
        {
            if (items.Count > 0 && EndsTarget(end)) break;
            items.Add(ParseSingleTarget(allowsNamespace));
            isTuple |= Current.IsOperator(",");
        }
        while (SkipOperator(","));
        return isTuple ? Built(new TupleTarget(items, line), Deepest(items)) : items[0];
    }

    private bool EndsTarget(string? end) =>
        Current.Kind == TokenKind.BlockEnd || Current.IsOperator(")") || Current.IsOperator("=") || (end is not null && Current.IsName(end));

    private Target ParseSingleTarget(bool allowsNamespace)
    {
        if (SkipOperator("("))
        {
            Enter();
            var inner = ParseTarget(end: null, allowsNamespace);
            ExpectOperator(")");
            Leave();
            return inner;
        }
        var name = Expect(TokenKind.Name, "a name to assign to");
        if (name.Text is "true" or "false" or "none" or "True" or "False" or "None")
            throw Error($"cannot assign to '{name.Text}'", name.Line);
        if (allowsNamespace && SkipOperator("."))
            return new NamespaceTarget(name.Text, Expect(TokenKind.Name, "an attribute's name").Text, name.Line);
        return new NameTarget(name.Text, name.Line);
    }
}
