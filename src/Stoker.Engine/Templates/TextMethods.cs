namespace Stoker.Engine.Templates;

/// <summary>The methods of strings. Parts of the result that come from a user's text stay marked as such.</summary>
internal static partial class TextMethods
{
    internal enum Side
    {
        Left,
        Right,
        Both,
    }

    public static readonly IReadOnlyDictionary<string, Func<RenderContext, Text, Arguments, object?>> All =
        new Dictionary<string, Func<RenderContext, Text, Arguments, object?>>(StringComparer.Ordinal)
        {
            ["strip"] = (c, text, a) => Strip(c, text, a, left: true, right: true),
            ["lstrip"] = (c, text, a) => Strip(c, text, a, left: true, right: false),
            ["rstrip"] = (c, text, a) => Strip(c, text, a, left: false, right: true),
            ["split"] = (c, text, a) => Split(c, text, a, fromEnd: false),
            ["rsplit"] = (c, text, a) => Split(c, text, a, fromEnd: true),
            ["splitlines"] = SplitLines,
            ["partition"] = (c, text, a) => Partition(c, text, a, last: false),
            ["rpartition"] = (c, text, a) => Partition(c, text, a, last: true),
            ["join"] = Join,
            ["replace"] = (c, text, a) => ReplaceMethod(c, text, a.Bind(c, "old", "new", "count")),
            ["startswith"] = (c, text, a) => Affix(c, text, a, (part, affix) => part.StartsWith(affix, StringComparison.Ordinal)),
            ["endswith"] = (c, text, a) => Affix(c, text, a, (part, affix) => part.EndsWith(affix, StringComparison.Ordinal)),
            ["removeprefix"] = (c, text, a) => RemoveAffix(c, text, a.Bind(c, "prefix").Text(0).Value, atEnd: false),
            ["removesuffix"] = (c, text, a) => RemoveAffix(c, text, a.Bind(c, "suffix").Text(0).Value, atEnd: true),
            ["lower"] = (c, text, a) => Mapped(c, text, a, value => value.ToLowerInvariant()),
            ["casefold"] = (c, text, a) => Mapped(c, text, a, value => value.ToLowerInvariant()),
            ["upper"] = (c, text, a) => Mapped(c, text, a, value => value.ToUpperInvariant()),
            ["title"] = (c, text, a) => Mapped(c, text, a, PythonText.Title),
            ["capitalize"] = (c, text, a) => Mapped(c, text, a, PythonText.Capitalize),
            ["swapcase"] = (c, text, a) => Mapped(c, text, a, SwapCase),
            ["find"] = (c, text, a) => Find(c, text, a, last: false, mustExist: false),
            ["rfind"] = (c, text, a) => Find(c, text, a, last: true, mustExist: false),
            ["index"] = (c, text, a) => Find(c, text, a, last: false, mustExist: true),
            ["rindex"] = (c, text, a) => Find(c, text, a, last: true, mustExist: true),
            ["count"] = Count,
            ["format"] = BraceFormat.Format,
            ["center"] = (c, text, a) => PadMethod(c, text, a, Side.Both),
            ["ljust"] = (c, text, a) => PadMethod(c, text, a, Side.Right),
            ["rjust"] = (c, text, a) => PadMethod(c, text, a, Side.Left),
            ["zfill"] = ZeroFill,
            ["isdigit"] = (c, text, a) => Every(c, text, a, char.IsDigit),
            ["isdecimal"] = (c, text, a) => Every(c, text, a, char.IsDigit),
            ["isnumeric"] = (c, text, a) => Every(c, text, a, char.IsNumber),
            ["isalpha"] = (c, text, a) => Every(c, text, a, char.IsLetter),
            ["isalnum"] = (c, text, a) => Every(c, text, a, character => char.IsLetter(character) || char.IsNumber(character)),
            ["isspace"] = (c, text, a) => Every(c, text, a, PythonText.IsSpace),
            ["isascii"] = (c, text, a) => text.Length == 0 || Every(c, text, a, char.IsAscii),
            ["islower"] = (c, text, a) => Cased(c, text, a, value => value.ToLowerInvariant()),
            ["isupper"] = (c, text, a) => Cased(c, text, a, value => value.ToUpperInvariant()),
        };

    private static Text Mapped(RenderContext context, Text text, Arguments arguments, Func<string, string> mapping)
    {
        arguments.Bind(context);
        context.ChargeText(text.Length);
        return text.Mapped(mapping(text.Value));
    }

    private static string SwapCase(string value) =>
        string.Concat(value.Select(character => char.IsUpper(character) ? char.ToLowerInvariant(character) : char.ToUpperInvariant(character)));

    private static bool Every(RenderContext context, Text text, Arguments arguments, Func<char, bool> holds)
    {
        arguments.Bind(context);
        context.ChargeText(text.Length);
        return text.Length > 0 && text.Value.All(holds);
    }

    private static bool Cased(RenderContext context, Text text, Arguments arguments, Func<string, string> fold)
    {
        arguments.Bind(context);
        context.ChargeText(text.Length);
        return text.Value == fold(text.Value) && text.Value.Any(character => char.IsUpper(character) || char.IsLower(character));
    }

    private static Text Strip(RenderContext context, Text text, Arguments arguments, bool left, bool right)
    {
        var set = arguments.Bind(context, "chars").OptionalText(0)?.Value;
        context.ChargeSearch(text.Length, set?.Length ?? 0);
        return PythonText.Strip(text, set, left, right);
    }

    private static Text RemoveAffix(RenderContext context, Text text, string affix, bool atEnd)
    {
        context.ChargeText(text.Length);
        if (atEnd) return text.Value.EndsWith(affix, StringComparison.Ordinal) ? text.Slice(0, text.Length - affix.Length) : text;
        return text.Value.StartsWith(affix, StringComparison.Ordinal) ? text.Slice(affix.Length) : text;
    }

    /// <summary>startswith and endswith: one string or a tuple of them, within optional bounds.</summary>
    private static object? Affix(RenderContext context, Text text, Arguments arguments, Func<string, string, bool> matches)
    {
        var bound = arguments.Bind(context, "affix", "start", "end");
        var part = Part(context, text, bound.Value(1), bound.Value(2)).Value;
        context.ChargeKey(bound.Required(0));
        if (bound.Required(0) is TemplateList { Kind: ListKind.Tuple } tuple)
            return tuple.Items.Any(item => item is Text affix && matches(part, affix.Value));
        return matches(part, bound.Text(0).Value);
    }

    private static Text Part(RenderContext context, Text text, object? start, object? end) =>
        start is null && end is null ? text : (Text)PythonSequences.Slice(context, text, start, end, null)!;

    private static object? Find(RenderContext context, Text text, Arguments arguments, bool last, bool mustExist)
    {
        var bound = arguments.Bind(context, "sub", "start", "end");
        var sub = bound.Text(0).Value;
        var part = Part(context, text, bound.Value(1), bound.Value(2)).Value;
        context.ChargeSearch(part.Length, sub.Length);
        var at = last ? part.LastIndexOf(sub, StringComparison.Ordinal) : part.IndexOf(sub, StringComparison.Ordinal);
        if (at < 0) return mustExist ? throw context.Error("the substring is not found") : -1L;
        var start = bound.OptionalInteger(1) ?? 0;
        var count = PythonText.PointCount(text.Value);
        return PythonText.PointIndex(part, at) + (start < 0 ? Math.Max(start + count, 0) : start);
    }

    private static object? Count(RenderContext context, Text text, Arguments arguments)
    {
        var bound = arguments.Bind(context, "sub", "start", "end");
        var sub = bound.Text(0).Value;
        var part = Part(context, text, bound.Value(1), bound.Value(2)).Value;
        context.ChargeSearch(part.Length, sub.Length);
        if (sub.Length == 0) return (long)PythonText.PointCount(part) + 1;
        var count = 0L;
        for (var at = part.IndexOf(sub, StringComparison.Ordinal); at >= 0; at = part.IndexOf(sub, at + sub.Length, StringComparison.Ordinal)) count++;
        return count;
    }

    private static Text PadMethod(RenderContext context, Text text, Arguments arguments, Side side)
    {
        var bound = arguments.Bind(context, "width", "fillchar");
        var fill = bound.OptionalText(1)?.Value ?? " ";
        if (fill.Length != 1) throw context.Error($"'{arguments.Callee}' needs one character to fill with");
        return Pad(context, text, bound.RequiredInteger(0), fill[0], side);
    }

    public static Text Pad(RenderContext context, Text text, long width, char fill, Side side)
    {
        context.ChargeText(text.Length);
        var missing = width - PythonText.PointCount(text.Value);
        if (missing <= 0) return text;
        context.CheckLength(missing);
        // Python puts the odd character of a centred string to the left only when the width is odd.
        var left = side switch { Side.Left => missing, Side.Right => 0, _ => (missing / 2) + (missing & width & 1) };
        return new TextBuilder(context).Append(fill, (int)left).Append(text).Append(fill, (int)(missing - left)).ToText();
    }

    private static object? ZeroFill(RenderContext context, Text text, Arguments arguments)
    {
        var width = arguments.Bind(context, "width").RequiredInteger(0);
        if (text.Length == 0 || text.Value[0] is not ('+' or '-')) return Pad(context, text, width, '0', Side.Left);
        return new TextBuilder(context).Append(text.Slice(0, 1)).Append(Pad(context, text.Slice(1), width - 1, '0', Side.Left)).ToText();
    }
}
