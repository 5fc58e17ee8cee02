namespace Stoker.Engine.Templates;

/// <summary>Builds the syntax tree by recursive descent; every level of nesting is counted.</summary>
internal sealed partial class TemplateParser
{
    private readonly List<TemplateToken> _tokens;
    private readonly TemplateLimits _limits;
    private int _position;
    private int _depth;
    private int _loops; // loops around the current statement, within its macro
    private int _branches; // if statements around the current expression
    // unknown filters and tests outside of any condition
    private readonly List<TemplateException> _unconditionalFaults = [];
    private MacroUses _macro = new();

    private TemplateParser(List<TemplateToken> tokens, TemplateLimits limits) => (_tokens, _limits) = (tokens, limits);

    /// <exception cref="TemplateException">With the line of the fault.</exception>
    public static IReadOnlyList<Statement> Parse(string source, TemplateLimits limits)
    {
        if (source.Length > limits.SourceCharacters)
            throw new TemplateException($"the template has {source.Length} characters; at most {limits.SourceCharacters} are allowed");
        var parser = new TemplateParser(TemplateLexer.Tokenize(source), limits);
        var body = parser.ParseBody();
        return parser._unconditionalFaults is [var fault, ..] ? throw fault : body;
    }

    private TemplateToken Current => _tokens[_position];

    private TemplateToken Next => _tokens[Math.Min(_position + 1, _tokens.Count - 1)];

    private TemplateToken Advance()
    {
        var token = Current;
        if (_position < _tokens.Count - 1) _position++;
        return token;
    }

    private TemplateException Error(string reason, int? line = null) => new(reason, line ?? Current.Line);

    private TemplateException Unexpected(string expected) => Error($"expected {expected}, found {Current.Description}");

    private TemplateToken Expect(TokenKind kind, string what) =>
        Current.Kind == kind ? Advance() : throw Unexpected(what);

    private void ExpectOperator(string name)
    {
        if (!SkipOperator(name)) throw Unexpected($"'{name}'");
    }

    private void ExpectName(string name)
    {
        if (!SkipName(name)) throw Unexpected($"'{name}'");
    }

    private bool SkipOperator(string name)
    {
        if (!Current.IsOperator(name)) return false;
        Advance();
        return true;
    }

    private bool SkipName(string name)
    {
        if (!Current.IsName(name)) return false;
        Advance();
        return true;
    }

    /// <summary>Gives a node the depth of its tree. Chains such as <c>a + b + c</c> grow without any recursion of the parser,
    /// which is why the tree is measured too.</summary>
    private T Built<T>(T node, params ReadOnlySpan<Node?> children) where T : Node
    {
        var depth = 0;
        foreach (var child in children) depth = Math.Max(depth, child?.Depth ?? 0);
        if (depth >= _limits.SyntaxDepth) throw TooDeep(node.Line);
        return node with { Depth = depth + 1 };
    }

    private static Node? Deepest(IEnumerable<Node?> nodes) => nodes.MaxBy(node => node?.Depth ?? 0);

    private TemplateException TooDeep(int line) =>
        Error($"the template is nested deeper than {_limits.SyntaxDepth} levels", line);

    private void Enter()
    {
        if (++_depth > _limits.SyntaxDepth) throw TooDeep(Current.Line);
    }

    private void Leave() => _depth--;

    /// <summary>Which of the implicit variables a macro's body names: they change what the macro accepts.</summary>
    private sealed class MacroUses
    {
        public bool Caller { get; set; }
        public bool Varargs { get; set; }
        public bool Kwargs { get; set; }
    }
}
