namespace Stoker.Engine.Tokenization.Regex;

/// <content>Groups and their options.</content>
internal sealed partial class PatternParser
{
    /// <summary>What follows an opening parenthesis.</summary>
    private Node ParseGroup()
    {
        if (!Accept("?")) return CloseGroup(ParseChoice()); // nobody asks for captures here
        if (Accept(":")) return CloseGroup(ParseChoice());
        if (Accept("=")) return new LookNode(CloseGroup(ParseChoice()), Negative: false);
        if (Accept("!")) return new LookNode(CloseGroup(ParseChoice()), Negative: true);
        if (Accept(">")) return new AtomicNode(CloseGroup(ParseChoice()));
        if (Accept("<=") || Accept("<!")) throw Error("look behind '(?<=' is not supported");
        if (Accept("<") || Accept("P<") || Accept("'")) throw Error("a named group is not supported");
        if (Accept("#")) throw Error("a comment group '(?#' is not supported");
        if (Accept("~")) throw Error("an absence group '(?~' is not supported");
        return ParseOptions();
    }

    private Node CloseGroup(Node node)
    {
        Expect(")", "the group");
        return node;
    }

    /// <summary>
    /// <c>(?i:..)</c>, or <c>(?i)</c> for the rest of the group, alternatives included. Options: i, and m, which lets a
    /// dot match a line break.
    /// </summary>
    private Node ParseOptions()
    {
        var before = (_ignoreCase, _dotMatchesLineBreak);
        for (var on = true; Peek is not (':' or ')'); _at++)
        {
            if (AtEnd) throw Error("the group is not closed");
            if (Peek == '-') on = false;
            else if (Peek == 'i') _ignoreCase = on;
            else if (Peek == 'm') _dotMatchesLineBreak = on;
            else throw Error($"the group option '{char.ConvertFromUtf32(Peek)}' is not supported; supported are i and m");
        }

        var forRest = Accept(")");
        if (!forRest) _at++;
        var node = ParseChoice();
        if (!forRest) CloseGroup(node);
        (_ignoreCase, _dotMatchesLineBreak) = before;
        return node;
    }
}
