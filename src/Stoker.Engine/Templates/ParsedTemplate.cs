namespace Stoker.Engine.Templates;

/// <summary>A syntax tree and what rendering must know of it beforehand.</summary>
/// <param name="IteratesContent">The template loops over the parts of a message's content. Then content lists are
/// passed as they are;
/// otherwise their texts are joined by newlines.</param>
internal sealed record ParsedTemplate(IReadOnlyList<Statement> Statements, bool IteratesContent)
{
    public static ParsedTemplate Parse(string source, TemplateLimits limits)
    {
        var statements = TemplateParser.Parse(source, limits);
        var contentNames = new HashSet<string>(StringComparer.Ordinal);
        // Names that stand for a message's content: assigned from it, or parameters called so, as in macros over
        // content.
        foreach (var statement in All(statements))
        {
            if (statement is Set { Target: NameTarget name } set && IsContent(set.Value, contentNames)) contentNames.Add(name.Name);
            if (statement is MacroDefinition macro && macro.Signature.Names.Contains("content")) contentNames.Add("content");
        }
        return new(statements, All(statements).Any(statement => statement is For loop && IsContent(loop.Items, contentNames)));
    }

    private static bool IsContent(Expression expression, HashSet<string> names) => expression switch
    {
        Attribute attribute => attribute.Name == "content",
        Subscript { Index: Constant { Value: Text key } } => key.Value == "content",
        Subscript { Index: Slice } sliced => IsContent(sliced.Target, names),
        FilterCall { Target: { } target, Name: not ("items" or "dictsort" or "split") } => IsContent(target, names),
        Variable variable => names.Contains(variable.Name),
        _ => false,
    };

    private static IEnumerable<Statement> All(IEnumerable<Statement> statements) =>
        statements.SelectMany(statement => All(Bodies(statement)).Prepend(statement));

    private static IEnumerable<Statement> Bodies(Statement statement) => statement switch
    {
        If branches => branches.Branches.SelectMany(branch => branch.Body).Concat(branches.Else),
        For loop => loop.Body.Concat(loop.Else),
        SetBlock block => block.Body,
        FilterBlock block => block.Body,
        With block => block.Body,
        Scoped block => block.Body,
        MacroDefinition block => block.Body,
        CallBlock block => block.Body,
        _ => [],
    };
}
