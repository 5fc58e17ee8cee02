namespace Stoker.Engine.Templates;

internal enum TokenKind
{
    Data,
    VariableBegin,
    VariableEnd,
    BlockBegin,
    BlockEnd,
    Name,
    String,
    Integer,
    Float,
    Operator,
    End,
}

/// <param name="Text">Data, name, operator, or the unescaped string.</param>
/// <param name="Number">The value of an integer (long) or a float (double).</param>
internal readonly record struct TemplateToken(TokenKind Kind, string Text, int Line, object? Number = null)
{
    public bool IsName(string name) => Kind == TokenKind.Name && Text == name;

    public bool IsOperator(string name) => Kind == TokenKind.Operator && Text == name;

    /// <summary>How an error message calls it.</summary>
    public string Description => Kind switch
    {
        TokenKind.Data => "template data",
        TokenKind.VariableEnd => "the end of the print statement",
        TokenKind.BlockEnd => "the end of the statement block",
        TokenKind.VariableBegin => "the begin of a print statement",
        TokenKind.BlockBegin => "the begin of a statement block",
        TokenKind.End => "the end of the template",
        TokenKind.Integer or TokenKind.Float => "a number",
        TokenKind.String => "a string",
        _ => $"'{Text}'",
    };
}
