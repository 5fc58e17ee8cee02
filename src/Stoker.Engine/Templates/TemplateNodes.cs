namespace Stoker.Engine.Templates;

/// <summary>
/// A node of the syntax tree. The depth of the tree below it is known, so that no tree is too deep to walk.
/// </summary>
internal abstract record Node(int Line)
{
    public int Depth { get; init; } = 1;
}

// Expressions
internal abstract record Expression(int Line) : Node(Line);

/// <param name="Value">Text, long, double, bool or null.</param>
internal sealed record Constant(object? Value, int Line) : Expression(Line);

internal sealed record Variable(string Name, int Line) : Expression(Line);

internal sealed record Sequence(IReadOnlyList<Expression> Items, bool IsTuple, int Line) : Expression(Line);

internal sealed record MapLiteral(IReadOnlyList<(Expression Key, Expression Value)> Entries, int Line) : Expression(Line);

/// <summary>Unary <c>-</c>, <c>+</c> and <c>not</c>.</summary>
internal sealed record Unary(string Operator, Expression Operand, int Line) : Expression(Line);

/// <summary>Arithmetic, <c>and</c> and <c>or</c>.</summary>
internal sealed record Binary(string Operator, Expression Left, Expression Right, int Line) : Expression(Line);

/// <summary><c>a ~ b ~ c</c>: everything becomes text.</summary>
internal sealed record Concatenation(IReadOnlyList<Expression> Parts, int Line) : Expression(Line);

/// <summary><c>a &lt; b &lt;= c</c>: each pair must hold.</summary>
internal sealed record Comparison(Expression First, IReadOnlyList<(string Operator, Expression Operand)> Rest, int Line)
    : Expression(Line);

internal sealed record Conditional(Expression Test, Expression Then, Expression? Else, int Line) : Expression(Line);

internal sealed record Attribute(Expression Target, string Name, int Line) : Expression(Line);

internal sealed record Subscript(Expression Target, Expression Index, int Line) : Expression(Line);

internal sealed record Slice(Expression? Start, Expression? Stop, Expression? Step, int Line) : Expression(Line);

internal sealed record Call(Expression Target, ArgumentNodes Arguments, int Line) : Expression(Line);

/// <param name="Target">Null only as the head of a filter block, where the body is the value.</param>
internal sealed record FilterCall(Expression? Target, string Name, ArgumentNodes Arguments, int Line) : Expression(Line);

internal sealed record TestCall(Expression Target, string Name, ArgumentNodes Arguments, int Line) : Expression(Line);

/// <param name="Spread">The operand of <c>*</c>.</param>
/// <param name="SpreadNamed">The operand of <c>**</c>.</param>
internal sealed record ArgumentNodes(
    IReadOnlyList<Expression> Positional, IReadOnlyList<(string Name, Expression Value)> Named,
    Expression? Spread, Expression? SpreadNamed)
{
    public static readonly ArgumentNodes None = new([], [], null, null);
}

// Statements
internal abstract record Statement(int Line) : Node(Line);

internal sealed record Data(Text Value, int Line) : Statement(Line);

internal sealed record Print(Expression Value, int Line) : Statement(Line);

internal sealed record If(IReadOnlyList<(Expression Test, IReadOnlyList<Statement> Body)> Branches,
    IReadOnlyList<Statement> Else, int Line) : Statement(Line);

internal sealed record For(Target Target, Expression Items, Expression? Filter, IReadOnlyList<Statement> Body,
    IReadOnlyList<Statement> Else, int Line) : Statement(Line);

internal sealed record Set(Target Target, Expression Value, int Line) : Statement(Line);

/// <param name="Filter">Applied to the rendered body before it is assigned.</param>
internal sealed record SetBlock(Target Target, FilterCall? Filter, IReadOnlyList<Statement> Body, int Line) : Statement(Line);

internal sealed record FilterBlock(FilterCall Filter, IReadOnlyList<Statement> Body, int Line) : Statement(Line);

internal sealed record With(IReadOnlyList<(Target Target, Expression Value)> Assignments, IReadOnlyList<Statement> Body, int Line)
    : Statement(Line);

internal sealed record MacroDefinition(string Name, MacroSignature Signature, IReadOnlyList<Statement> Body, int Line)
    : Statement(Line);

internal sealed record CallBlock(Call Call, MacroSignature Signature, IReadOnlyList<Statement> Body, int Line) : Statement(Line);

/// <summary>The body of <c>generation</c>: rendered as it is, in a scope of its own.</summary>
internal sealed record Scoped(IReadOnlyList<Statement> Body, int Line) : Statement(Line);

internal sealed record LoopControl(bool IsBreak, int Line) : Statement(Line);

/// <param name="UsesCaller">The body names <c>caller</c>; only such a macro may be the target of a call block.</param>
internal sealed record MacroSignature(
    IReadOnlyList<string> Names, IReadOnlyList<Expression> Defaults, bool UsesCaller, bool UsesVarargs, bool UsesKwargs);

// Assignment targets
internal abstract record Target(int Line) : Node(Line);

internal sealed record NameTarget(string Name, int Line) : Target(Line);

internal sealed record NamespaceTarget(string Name, string Attribute, int Line) : Target(Line);

internal sealed record TupleTarget(IReadOnlyList<Target> Items, int Line) : Target(Line);
