using Stoker.Engine.Tokenization.Unicode;

namespace Stoker.Engine.Tokenization.Regex;

/// <content>Escapes, properties and bracket classes.</content>
internal sealed partial class PatternParser
{
    private static readonly Dictionary<string, uint> LongNames = new(StringComparer.OrdinalIgnoreCase)
    {
        ["Letter"] = CharacterClass.Letter,
        ["Mark"] = CharacterClass.Mark,
        ["Number"] = CharacterClass.Number,
        ["Punctuation"] = CharacterClass.Punctuation,
        ["Symbol"] = CharacterClass.Symbol,
        ["Separator"] = CharacterClass.Separator,
        ["White_Space"] = CharacterClass.Space,
        ["Space"] = CharacterClass.Space,
        ["Uppercase_Letter"] = CharacterClass.UppercaseLetter,
        ["Lowercase_Letter"] = CharacterClass.LowercaseLetter,
        ["Titlecase_Letter"] = CharacterClass.TitlecaseLetter,
        ["Modifier_Letter"] = CharacterClass.ModifierLetter,
        ["Other_Letter"] = CharacterClass.OtherLetter,
        ["Nonspacing_Mark"] = CharacterClass.NonspacingMark,
        ["Decimal_Number"] = CharacterClass.DecimalNumber,
    };

    private Node ParseEscape()
    {
        if (AtEnd) throw Error("the pattern ends in a backslash");
        var code = _pattern[_at++];
        Anchor? anchor = code switch
        {
            'b' => Anchor.WordBoundary,
            'B' => Anchor.NotWordBoundary,
            'A' => Anchor.TextStart,
            'z' => Anchor.TextEnd,
            'Z' => Anchor.TextEndOrLastLineBreak,
            _ => null,
        };
        if (anchor is { } place) return new AnchorNode(place);
        var set = new CodePointSet.Builder { IgnoreCase = _ignoreCase };
        if (!AddClassEscape(code, set)) set.With(LiteralEscape(code));
        return new SetNode(set.Build());
    }

    /// <summary>Adds what <c>\s</c>, <c>\p{..}</c> and their like stand for; false for every other escape.</summary>
    private bool AddClassEscape(int code, CodePointSet.Builder set)
    {
        uint? mask = code switch
        {
            's' => CharacterClass.Space,
            'S' => ~CharacterClass.Space,
            'd' => CharacterClass.DecimalNumber,
            'D' => ~CharacterClass.DecimalNumber,
            'w' => CharacterClass.Word,
            'W' => ~CharacterClass.Word,
            _ => null,
        };
        set.Mask |= mask ?? 0;
        if (code is 'p' or 'P') AddProperty(code == 'P', set);
        return mask is not null || code is 'p' or 'P';
    }

    /// <summary><c>\p{L}</c>, <c>\p{^L}</c>, <c>\P{L}</c>: a general category or a script.</summary>
    private void AddProperty(bool negated, CodePointSet.Builder set)
    {
        if (!Accept("{")) throw Error("a property without braces is not supported");
        if (Accept("^")) negated = !negated;
        var name = "";
        for (; Peek is not ('}' or -1); _at++) name += char.ConvertFromUtf32(Peek);
        Expect("}", "the property");
        if ((CharacterClass.FromCategory(name) ?? LongMask(name)) is { } mask) set.Mask |= negated ? ~mask : mask;
        else if (Scripts.Find(name) is { } script) set.Scripts.Add((script, negated));
        else throw Error($"the property '{name}' is not supported; supported are general categories and scripts");
    }

    private static uint? LongMask(string name) => LongNames.TryGetValue(name, out var mask) ? mask : null;

    private int LiteralEscape(int code) => code switch
    {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'f' => '\f',
        'v' => '\v',
        'a' => '\a',
        'e' => 0x1B,
        'x' => Accept("{") ? ParseHex(1, 8, closing: true) : ParseHex(1, 2, closing: false),
        'u' => ParseHex(4, 4, closing: false),
        (>= '0' and <= '9') or (>= 'A' and <= 'Z') or (>= 'a' and <= 'z') => throw Error($"the escape '\\{(char)code}' is not supported"),
        _ => code,
    };

    private int ParseHex(int least, int most, bool closing)
    {
        var (digits, value) = (0, 0L);
        for (; digits < most && Peek is >= 0 and < 128 && char.IsAsciiHexDigit((char)Peek); digits++)
        {
            value = (value * 16) + Convert.ToInt32(((char)_pattern[_at++]).ToString(), 16);
        }
        if (digits < least || (closing && !Accept("}")) || value > 0x10FFFF)
        {
            throw Error("the hexadecimal escape is broken");
        }
        return (int)value;
    }

    /// <summary>What follows an opening bracket.</summary>
    private CodePointSet ParseClass()
    {
        var set = new CodePointSet.Builder { IgnoreCase = _ignoreCase };
        set.Negated = Accept("^");
        for (var first = true; first || Peek != ']'; first = false)
        {
            if (AtEnd) throw Error("the class is not closed");
            if (Peek == '[') throw Error("a class inside a class is not supported");
            if (Accept("&&")) throw Error("the intersection '&&' of classes is not supported");
            AddClassItem(set);
        }

        _at++;
        return set.Build();
    }

    private void AddClassItem(CodePointSet.Builder set)
    {
        if (ParseClassCharacter(set) is not { } first) return;
        var isRange = Peek == '-' && _at + 1 < _pattern.Length && _pattern[_at + 1] != ']';
        if (!isRange)
        {
            set.With(first);
            return;
        }

        _at++;
        var last = ParseClassCharacter(set) ?? throw Error("a range ends in a class");
        if (last < first) throw Error("a range ends below its start");
        set.Ranges.Add((first, last));
    }

    /// <summary>
    /// One character of a class; null when it was an escape for a class of its own, which is in the set then.
    /// </summary>
    private int? ParseClassCharacter(CodePointSet.Builder set)
    {
        var code = _pattern[_at++];
        if (code != '\\') return code;
        if (AtEnd) throw Error("the pattern ends in a backslash");
        code = _pattern[_at++];
        if (code == 'b') return '\b';
        return AddClassEscape(code, set) ? null : LiteralEscape(code);
    }
}
