namespace Stoker.Engine.Templates;

/// <summary>
/// What a template may use up. Templates come with uploaded models, so they are hostile until proven otherwise.
/// </summary>
internal sealed record TemplateLimits
{
    public static readonly TemplateLimits Default = new();

    /// <summary>The largest published template has some 20 kB; a megabyte leaves room for embedded examples.</summary>
    public int SourceCharacters { get; init; } = 1 << 20;

    /// <summary>
    /// Depth of the syntax tree. Published templates stay below 40, most of it from long sums of strings.
    /// </summary>
    public int SyntaxDepth { get; init; } = 200;

    /// <summary>
    /// Evaluations on the stack at once, macros included: some 60 levels of a macro over a nested schema.
    /// </summary>
    public int EvaluationDepth { get; init; } = 1000;

    /// <summary>Nesting of values: JSON readers stop at 64, and templates add little.</summary>
    public int ValueDepth { get; init; } = 128;

    /// <summary>
    /// Evaluated nodes and touched items: about a second of work; ten thousand messages need some 600,000.
    /// </summary>
    public long Steps { get; init; } = 5_000_000;

    /// <summary>
    /// One string or the whole output, in UTF-16 units: the size of the largest request body (16 MiB).
    /// </summary>
    public int StringCharacters { get; init; } = 16 << 20;

    /// <summary>
    /// All text read or made by one rendering, in UTF-16 units. It bounds both time and memory (128 MiB).
    /// </summary>
    public long TextWork { get; init; } = 64 << 20;

    /// <summary>
    /// Added to <see cref="TextWork"/> per character of the request: templates copy each message a few times.
    /// </summary>
    public int TextWorkPerInputCharacter { get; init; } = 16;

    /// <summary>Items of one list; also the range limit of the reference's sandbox.</summary>
    public int ListItems { get; init; } = 100_000;
}
