namespace Stoker.Engine.Tokenization.Regex;

/// <summary>A parsed pattern.</summary>
internal abstract record Node
{
    /// <summary>Whether it can match the empty text.</summary>
    public abstract bool IsNullable { get; }
}

internal sealed record SetNode(CodePointSet Set) : Node
{
    public override bool IsNullable => false;
}

internal sealed record SequenceNode(IReadOnlyList<Node> Items) : Node
{
    public override bool IsNullable => Items.All(item => item.IsNullable);
}

internal sealed record ChoiceNode(IReadOnlyList<Node> Options) : Node
{
    public override bool IsNullable => Options.Any(option => option.IsNullable);
}

internal enum RepeatKind
{
    Greedy,
    Lazy,
    Possessive,
}

/// <param name="Item">What is repeated.</param>
/// <param name="Min">Fewest times.</param>
/// <param name="Max">Most times, or <see cref="Unbounded"/>.</param>
/// <param name="Kind">Which number of times is tried first, and whether others are.</param>
internal sealed record RepeatNode(Node Item, int Min, int Max, RepeatKind Kind) : Node
{
    public const int Unbounded = int.MaxValue;

    public override bool IsNullable => Min == 0 || Item.IsNullable;
}

/// <summary>A look ahead, positive or negative.</summary>
internal sealed record LookNode(Node Item, bool Negative) : Node
{
    public override bool IsNullable => true;
}

/// <summary>A group whose first way to match is its only one.</summary>
internal sealed record AtomicNode(Node Item) : Node
{
    public override bool IsNullable => Item.IsNullable;
}

internal enum Anchor
{
    LineStart,
    LineEnd,
    TextStart,
    TextEnd,
    TextEndOrLastLineBreak,
    WordBoundary,
    NotWordBoundary,
}

internal sealed record AnchorNode(Anchor Anchor) : Node
{
    public override bool IsNullable => true;
}
