using System.Globalization;
using System.Text.RegularExpressions;

namespace Stoker.Engine.Templates;

/// <summary>
/// What follows the colon of a format field: <c>[[fill]align][sign][#][0][width][,][.precision][form]</c>.
/// </summary>
internal sealed partial record FormatSpecification(
    char Fill, char Align, char Sign, bool Prefix, int Width, char Grouping, int? Precision, char Form)
{
    public static FormatSpecification Parse(RenderContext context, string spec)
    {
        var match = Grammar().Match(spec);
        if (!match.Success) throw context.Error("a malformed format specification");
        char Character(string group, char missing) => match.Groups[group] is { Length: > 0 } found ? found.Value[0] : missing;
        var zero = match.Groups["zero"].Length > 0;
        var width = Number(context, match.Groups["width"].Value) ?? 0;
        var precision = Number(context, match.Groups["precision"].Value);
        return new(Character("fill", zero ? '0' : ' '), Character("align", zero ? '=' : '\0'), Character("sign", '-'),
            match.Groups["prefix"].Length > 0, width, Character("grouping", '\0'), precision, Character("form", '\0'));
    }

    [GeneratedRegex(@"^(?:(?<fill>[^\n])?(?<align>[<>=^]))?(?<sign>[-+ ])?(?<prefix>#)?(?<zero>0)?(?<width>[0-9]*)(?<grouping>[,_])?(?:\.(?<precision>[0-9]+))?(?<form>[a-zA-Z%])?$", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex Grammar();

    private static int? Number(RenderContext context, string digits)
    {
        if (digits.Length == 0) return null;
        var parsed = int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var value);
        context.CheckLength(parsed ? value : long.MaxValue);
        return value;
    }

    public Text Apply(RenderContext context, object? value)
    {
        if (Precision > FormatNumber.MaxPrecision && value is not Text)
            throw context.Error($"a format's precision is at most {FormatNumber.MaxPrecision}");
        if (value is Text text) return Padded(context, OfText(context, text), numeric: false);
        if (value is bool && Form == '\0') return Padded(context, PythonPrinting.Str(context, value), numeric: false);
        if (PythonOperators.AsInteger(value) is { } integer && Form is '\0' or 'd' or 'n' or 'x' or 'X' or 'o' or 'b' or 'c')
            return Padded(context, Text.Template(OfInteger(PythonOperators.AsInteger(value)!.Value)), numeric: true);
        if (PythonOperators.AsDouble(value) is { } number)
        {
            return Padded(context, Text.Template(OfFloat(context, number)), numeric: true);
        }

        if (this != new FormatSpecification(' ', '\0', '-', false, 0, '\0', null, '\0'))
            throw context.Error($"a '{PythonOperators.TypeName(value)}' takes no format specification");
        return PythonPrinting.Str(context, value);
    }

    private Text OfText(RenderContext context, Text text)
    {
        if (Form is not ('\0' or 's') || Align == '=' || Grouping != '\0')
        {
            throw context.Error("a format specification for numbers got a string");
        }

        return Precision is { } count ? (Text)PythonSequences.Slice(context, text, null, (long)count, null)! : text;
    }

    private string OfInteger(long value)
    {
        if (Form == 'c') return ((char)value).ToString();
        var digits = FormatNumber.Integer(value, Form == '\0' ? 'd' : Form);
        var sign = digits[0] == '-' ? "-" : "";
        var prefix = Prefix && Form is 'x' or 'X' or 'o' or 'b' ? "0" + Form : "";
        return WithSign(sign + (Prefix ? prefix : "") + Grouped(digits[sign.Length..]));
    }

    private string OfFloat(RenderContext context, double value) => WithSign(Form switch
    {
        'f' or 'F' => GroupedFloat(FormatNumber.Fixed(value, Precision ?? 6)),
        '%' => GroupedFloat(FormatNumber.Fixed(value, Precision ?? 6, percent: true)),
        'e' or 'E' => FormatNumber.Scientific(value, Precision ?? 6, Form == 'E'),
        'g' or 'G' => FormatNumber.General(value, Precision ?? 6, Form == 'G'),
        '\0' when Precision is null => GroupedFloat(PythonPrinting.Float(value)),
        '\0' => FormatNumber.General(value, Precision.Value, upper: false),
        _ => throw context.Error($"the format '{Form}' does not suit a number"),
    });

    private string WithSign(string text) => text[0] != '-' && Sign is '+' or ' ' && text[0] != '-' ? Sign + text : text;

    private string Grouped(string digits)
    {
        if (Grouping == '\0') return digits;
        for (var at = digits.Length - 3; at > 0; at -= 3) digits = digits.Insert(at, Grouping.ToString());
        return digits;
    }

    private string GroupedFloat(string text)
    {
        var start = text[0] == '-' ? 1 : 0;
        var end = start;
        while (end < text.Length && char.IsAsciiDigit(text[end])) end++;
        return text[..start] + Grouped(text[start..end]) + text[end..];
    }

    private Text Padded(RenderContext context, Text text, bool numeric)
    {
        var align = Align != '\0' ? Align : numeric ? '>' : '<';
        var sign = align == '=' && text.Value.Length > 0 && text.Value[0] is '-' or '+' or ' ' && align == '=' ? 1 : 0;
        if (sign == 1)
            return new TextBuilder(context).Append(text.Slice(0, 1)).Append(TextMethods.Pad(context, text.Slice(1), Width - 1, Fill, TextMethods.Side.Left)).ToText();
        if (align == '^') return Centred(context, text);
        return TextMethods.Pad(context, text, Width, Fill, align == '<'
            ? TextMethods.Side.Right
            : TextMethods.Side.Left);
    }

    /// <summary>Unlike str.center, the odd character always goes to the right.</summary>
    private Text Centred(RenderContext context, Text text)
    {
        var count = PythonText.PointCount(text.Value);
        var left = Math.Max(Width - count, 0) / 2;
        var withLeft = TextMethods.Pad(context, text, count + left, Fill, TextMethods.Side.Left);
        return TextMethods.Pad(context, withLeft, Width, Fill, TextMethods.Side.Right);
    }
}
