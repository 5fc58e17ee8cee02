namespace Stoker.Engine.Tokenization.Regex;

/// <summary>
/// Parses the part of Oniguruma's (Ruby) syntax that tokenizer files use: classes, alternation, greedy, lazy and
/// possessive repetition, <c>(?i:..)</c>, look ahead,
/// atomic groups and anchors. Every other construct is an error that names it.
/// </summary>
internal sealed partial class PatternParser
{
    /// <summary>Groups in groups; real patterns have two or three.</summary>
    private const int MaxDepth = 50;

    /// <summary>
    /// Repetitions of a repetition, as <c>a{2}{3}</c>; each is a level of the tree, and trees are walked by recursion.
    /// </summary>
    private const int MaxStackedRepeats = 8;

    /// <summary>The longest known pattern has some 400 characters.</summary>
    private const int MaxCharacters = 10_000;

    private readonly int[] _pattern;
    private int _at;
    private int _depth;
    private bool _ignoreCase;
    private bool _dotMatchesLineBreak;

    private PatternParser(string pattern) => _pattern = [.. pattern.EnumerateRunes().Select(rune => rune.Value)];

    public static Node Parse(string pattern)
    {
        if (pattern.Length > MaxCharacters)
        {
            throw new PatternSyntaxException($"the pattern has {pattern.Length} characters, at most {MaxCharacters} are supported");
        }
        var parser = new PatternParser(pattern);
        var node = parser.ParseChoice();
        return parser.AtEnd ? node : throw parser.Error("a ')' has no '('");
    }

    private bool AtEnd => _at == _pattern.Length;

    private int Peek => AtEnd ? -1 : _pattern[_at];

    private PatternSyntaxException Error(string reason) => new($"{reason} (at character {_at})");

    private bool Accept(string text)
    {
        if (_pattern.Length - _at < text.Length) return false;
        for (var i = 0; i < text.Length; i++)
        {
            if (_pattern[_at + i] != text[i]) return false;
        }

        _at += text.Length;
        return true;
    }

    private void Expect(string text, string what)
    {
        if (!Accept(text)) throw Error($"'{text}' was expected to end {what}");
    }

    private Node ParseChoice()
    {
        if (++_depth > MaxDepth) throw Error($"groups are nested deeper than {MaxDepth}");
        var options = new List<Node> { ParseSequence() };
        while (Accept("|")) options.Add(ParseSequence());
        _depth--;
        return options.Count == 1 ? options[0] : new ChoiceNode(options);
    }

    private Node ParseSequence()
    {
        var items = new List<Node>();
        while (!AtEnd && Peek is not ('|' or ')')) items.Add(ParseRepeats(ParseAtom()));
        return items.Count == 1 ? items[0] : new SequenceNode(items);
    }

    private Node ParseRepeats(Node node)
    {
        for (var stacked = 0; !AtEnd; stacked++)
        {
            if (ParseCounts(out var interval) is not var (min, max)) break;
            if (stacked == MaxStackedRepeats)
            {
                throw Error($"more than {MaxStackedRepeats} repetitions of one thing are not supported");
            }

            var kind = RepeatKind.Greedy;
            if (Accept("?")) kind = RepeatKind.Lazy;
            else if (!interval && Accept("+")) kind = RepeatKind.Possessive; // in this syntax "{1,2}+" repeats the repetition

            // And "{2}?" is the optional one, not a lazy one.
            var optional = interval && kind == RepeatKind.Lazy && min == max;
            node = Repeat(node, min, max, optional ? RepeatKind.Greedy : kind);
            if (optional) node = Repeat(node, 0, 1, RepeatKind.Greedy);
        }

        return node;
    }

    private RepeatNode Repeat(Node item, int min, int max, RepeatKind kind)
    {
        if (max < min) throw Error($"the repetition {{{min},{max}}} ends below its start");
        if (max == RepeatNode.Unbounded && item.IsNullable)
        {
            throw Error("an endless repetition of something that can be empty is not supported");
        }
        return new RepeatNode(item, min, max, kind);
    }

    private (int Min, int Max)? ParseCounts(out bool interval)
    {
        interval = false;
        if (Accept("*")) return (0, RepeatNode.Unbounded);
        if (Accept("+")) return (1, RepeatNode.Unbounded);
        if (Accept("?")) return (0, 1);
        if (Peek != '{') return null;
        interval = true;
        return ParseInterval();
    }

    /// <summary>
    /// <c>{2}</c>, <c>{2,}</c>, <c>{,3}</c> or <c>{2,3}</c>; anything else after a brace makes the brace a character.
    /// </summary>
    private (int Min, int Max)? ParseInterval()
    {
        var start = _at++;
        var min = ParseNumber();
        var comma = Accept(",");
        var max = comma ? ParseNumber() : min;
        if (Accept("}") && (min ?? max) is not null) return (min ?? 0, max ?? RepeatNode.Unbounded);
        _at = start;
        return null;
    }

    private int? ParseNumber()
    {
        var (start, value) = (_at, 0);
        for (; Peek is >= '0' and <= '9'; _at++)
        {
            value = (value * 10) + Peek - '0';
            if (value > PatternProgram.MaxInstructions)
            {
                throw Error($"a repetition of more than {PatternProgram.MaxInstructions} is not supported");
            }
        }

        return _at == start ? null : value;
    }

    private Node ParseAtom()
    {
        var code = _pattern[_at++];
        switch (code)
        {
            case '(':
                return ParseGroup();
            case '[':
                return new SetNode(ParseClass());
            case '.':
                return new SetNode(_dotMatchesLineBreak ? Everything() : Everything(except: '\n'));
            case '^':
                return new AnchorNode(Anchor.LineStart);
            case '$':
                return new AnchorNode(Anchor.LineEnd);
            case '\\':
                return ParseEscape();
            case '*' or '+' or '?':
                throw Error($"nothing to repeat before '{(char)code}'");
            default:
                return Character(code);
        }
    }

    private SetNode Character(int code) =>
        new(new CodePointSet.Builder { IgnoreCase = _ignoreCase }.With(code).Build());

    private static CodePointSet Everything(int? except = null)
    {
        var set = new CodePointSet.Builder { Negated = true };
        if (except is { } code) set.With(code);
        return set.Build();
    }
}
