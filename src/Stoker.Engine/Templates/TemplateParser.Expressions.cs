namespace Stoker.Engine.Templates;

/// <summary>
/// Expressions, lowest precedence first: inline if, or, and, not, comparison, + -, ~, * / // %, **, unary, postfix,
/// filter.
/// </summary>
internal sealed partial class TemplateParser
{
    private static readonly string[] ComparisonOperators = ["==", "!=", "<", "<=", ">", ">="];

    private Expression ParseExpression(bool withConditional = true)
    {
        Enter();
        var value = withConditional ? ParseConditional() : ParseOr();
        Leave();
        return value;
    }

    /// <summary>An expression, or several with commas between, which make a tuple.</summary>
    private Expression ParseTuple(bool withConditional = true, string? end = null, bool inParentheses = false)
    {
        var line = Current.Line;
        var items = new List<Expression>();
        var isTuple = false;
        while (!EndsTuple(end))
        {
            items.Add(ParseExpression(withConditional));
            if (!SkipOperator(",")) break;
            isTuple = true;
        }
        if (isTuple || (items.Count == 0 && inParentheses))
            return Built(new Sequence(items, IsTuple: true, line), Deepest(items));
        return items.Count == 1 ? items[0] : throw Unexpected("an expression");
    }

    private bool EndsTuple(string? end) =>
        Current.Kind is TokenKind.VariableEnd or TokenKind.BlockEnd || Current.IsOperator(")") || (end is not null && Current.IsName(end));

    private Expression ParseConditional()
    {
        var line = Current.Line;
        var faultsBefore = _unconditionalFaults.Count;
        var value = ParseOr();
        while (SkipName("if"))
        {
            var test = ParseOr();
            var otherwise = SkipName("else") ? ParseExpression() : null;
            value = Built(new Conditional(test, value, otherwise, line), test, value, otherwise);
            _unconditionalFaults.RemoveRange(faultsBefore, _unconditionalFaults.Count - faultsBefore);
        }
        return value;
    }

    private Expression ParseOr()
    {
        var left = ParseAnd();
        while (Current.IsName("or"))
        {
            var line = Advance().Line;
            var right = ParseAnd();
            left = Built(new Binary("or", left, right, line), left, right);
        }
        return left;
    }

    private Expression ParseAnd()
    {
        var left = ParseNot();
        while (Current.IsName("and"))
        {
            var line = Advance().Line;
            var right = ParseNot();
            left = Built(new Binary("and", left, right, line), left, right);
        }
        return left;
    }

    private Expression ParseNot()
    {
        if (!Current.IsName("not")) return ParseComparison();
        var line = Advance().Line;
        Enter();
        var operand = ParseNot();
        Leave();
        return Built(new Unary("not", operand, line), operand);
    }

    private Expression ParseComparison()
    {
        var line = Current.Line;
        var first = ParseSum();
        var rest = new List<(string Operator, Expression Operand)>();
        while (ComparisonOperator() is { } name) rest.Add((name, ParseSum()));
        return rest.Count == 0
            ? first
            : Built(new Comparison(first, rest, line), first, Deepest(rest.Select(pair => pair.Operand)));
    }

    private string? ComparisonOperator()
    {
        if (Current.Kind == TokenKind.Operator && ComparisonOperators.Contains(Current.Text)) return Advance().Text;
        if (SkipName("in")) return "in";
        if (!Current.IsName("not") || !Next.IsName("in")) return null;
        _position += 2;
        return "not in";
    }

    private Expression ParseSum() => ParseLeftToRight(ParseConcatenation, "+", "-");

    private Expression ParseProduct() => ParseLeftToRight(ParsePower, "*", "/", "//", "%");

    // The reference binds ** from left to right, unlike Python.
    private Expression ParsePower() => ParseLeftToRight(() => ParseUnary(), "**");

    private Expression ParseLeftToRight(Func<Expression> parseOperand, params string[] operators)
    {
        var left = parseOperand();
        while (Current.Kind == TokenKind.Operator && operators.Contains(Current.Text))
        {
            var sign = Advance();
            var right = parseOperand();
            left = Built(new Binary(sign.Text, left, right, sign.Line), left, right);
        }
        return left;
    }

    private Expression ParseConcatenation()
    {
        var line = Current.Line;
        var first = ParseProduct();
        if (!Current.IsOperator("~")) return first;
        var parts = new List<Expression> { first };
        while (SkipOperator("~")) parts.Add(ParseProduct());
        return Built(new Concatenation(parts, line), Deepest(parts));
    }

    private Expression ParseUnary(bool withFilter = true)
    {
        Expression node;
        if (Current.IsOperator("-") || Current.IsOperator("+"))
        {
            var sign = Advance();
            Enter();
            var operand = ParseUnary(withFilter: false);
            Leave();
            node = Built(new Unary(sign.Text, operand, sign.Line), operand);
        }
        else
        {
            node = ParsePrimary();
        }
        node = ParsePostfix(node);
        return withFilter ? ParseFiltersAndTests(node) : node;
    }

    private Expression ParsePrimary()
    {
        var token = Current;
        if (token.Kind == TokenKind.Operator) return ParseBracketed(token);
        if (token.Kind is not (TokenKind.Name or TokenKind.String or TokenKind.Integer or TokenKind.Float))
            throw Unexpected("an expression");
        Advance();
        return token.Kind switch
        {
            TokenKind.Name => NameOrConstant(token),
            TokenKind.String => new Constant(Text.Template(ParseAdjacentStrings(token.Text)), token.Line),
            _ => new Constant(token.Number, token.Line),
        };
    }

    private string ParseAdjacentStrings(string first)
    {
        if (Current.Kind != TokenKind.String) return first;
        var parts = new List<string> { first };
        while (Current.Kind == TokenKind.String) parts.Add(Advance().Text);
        return string.Concat(parts);
    }

    private Expression NameOrConstant(TemplateToken token)
    {
        if (token.Text is "true" or "True") return new Constant(true, token.Line);
        if (token.Text is "false" or "False") return new Constant(false, token.Line);
        if (token.Text is "none" or "None") return new Constant(null, token.Line);
        _macro.Caller |= token.Text == "caller";
        _macro.Varargs |= token.Text == "varargs";
        _macro.Kwargs |= token.Text == "kwargs";
        return new Variable(token.Text, token.Line);
    }

    private Expression ParseBracketed(TemplateToken token)
    {
        if (token.Text is not ("(" or "[" or "{")) throw Unexpected("an expression");
        Advance();
        if (token.Text == "[") return ParseList(token.Line);
        if (token.Text == "{") return ParseMap(token.Line);
        var inner = ParseTuple(inParentheses: true);
        ExpectOperator(")");
        return inner;
    }

    private Sequence ParseList(int line)
    {
        var items = new List<Expression>();
        while (!SkipOperator("]"))
        {
            if (items.Count > 0) ExpectOperator(",");
            if (SkipOperator("]")) break;
            items.Add(ParseExpression());
        }
        return Built(new Sequence(items, IsTuple: false, line), Deepest(items));
    }

    private MapLiteral ParseMap(int line)
    {
        var entries = new List<(Expression Key, Expression Value)>();
        while (!SkipOperator("}"))
        {
            if (entries.Count > 0) ExpectOperator(",");
            if (SkipOperator("}")) break;
            var key = ParseExpression();
            ExpectOperator(":");
            entries.Add((key, ParseExpression()));
        }
        return Built(new MapLiteral(entries, line), Deepest(entries.SelectMany(entry => new[] { entry.Key, entry.Value })));
    }
}
