using System.Globalization;
using System.Numerics;

namespace Stoker.Engine.Templates;

/// <summary>Python's str() and repr().</summary>
internal static class PythonPrinting
{
    public static Text Str(RenderContext context, object? value)
    {
        if (value is Text text) return text;
        var builder = new TextBuilder(context);
        AppendStr(context, builder, value);
        return builder.ToText();
    }

    public static void AppendStr(RenderContext context, TextBuilder builder, object? value)
    {
        if (value is Text text) builder.Append(text);
        else if (value is not Undefined) AppendRepr(context, builder, value, 0);
    }

    public static Text Repr(RenderContext context, object? value)
    {
        var builder = new TextBuilder(context);
        AppendRepr(context, builder, value, 0);
        return builder.ToText();
    }

    private static void AppendRepr(RenderContext context, TextBuilder builder, object? value, int depth)
    {
        context.Step();
        context.CheckValueDepth(depth);
        switch (value)
        {
            case Text text: AppendQuoted(builder, text); break;
            case TemplateList list: AppendList(context, builder, list, depth); break;
            case TemplateMap map: AppendMap(context, builder, map, depth); break;
            case TemplateNamespace space: AppendNamespace(context, builder, space, depth); break;
            default: builder.Append(Scalar(value)); break;
        }
    }

    private static string Scalar(object? value) => value switch
    {
        null => "None",
        bool flag => flag ? "True" : "False",
        long or BigInteger => ((IFormattable)value).ToString(null, CultureInfo.InvariantCulture),
        double number => Float(number),
        Undefined => "Undefined",
        TemplateIterator => "<generator object>",
        LoopState loop => string.Create(CultureInfo.InvariantCulture, $"<LoopContext {loop.Index}/{loop.Length}>"),
        Macro macro => $"<Macro '{macro.Name}'>",
        ICallable callable => $"<function {callable.Name}>",
        _ => throw new InvalidOperationException($"{value.GetType()} is no template value"),
    };

    private static void AppendList(RenderContext context, TextBuilder builder, TemplateList list, int depth)
    {
        if (list is { Kind: ListKind.Range }) { AppendRange(builder, list); return; }
        var (open, close) = list.Kind switch
        {
            ListKind.Tuple => ("(", list.Count == 1 ? ",)" : ")"),
            ListKind.Keys => ("dict_keys([", "])"),
            ListKind.Values => ("dict_values([", "])"),
            ListKind.Items => ("dict_items([", "])"),
            _ => ("[", "]"),
        };
        builder.Append(open);
        for (var i = 0; i < list.Count; i++)
        {
            if (i > 0) builder.Append(", ");
            AppendRepr(context, builder, list.Items[i], depth + 1);
        }
        builder.Append(close);
    }

    private static void AppendRange(TextBuilder builder, TemplateList range)
    {
        var start = range.Count > 0 ? (long)range.Items[0]! : 0;
        var step = range.Count > 1 ? (long)range.Items[1]! - start : 1;
        var stop = range.Count > 0 ? (long)range.Items[^1]! + step : 0;
        var tail = step == 1 ? ")" : string.Create(CultureInfo.InvariantCulture, $", {step})");
        builder.Append(string.Create(CultureInfo.InvariantCulture, $"range({start}, {stop}{tail}"));
    }

    private static void AppendMap(RenderContext context, TextBuilder builder, TemplateMap map, int depth)
    {
        builder.Append("{");
        var first = true;
        foreach (var (key, value) in map)
        {
            if (!first) builder.Append(", ");
            first = false;
            AppendRepr(context, builder, key, depth + 1);
            builder.Append(": ");
            AppendRepr(context, builder, value, depth + 1);
        }
        builder.Append("}");
    }

    private static void AppendNamespace(RenderContext context, TextBuilder builder, TemplateNamespace space, int depth)
    {
        var map = new TemplateMap();
        foreach (var (name, value) in space.Attributes) map.Set(Text.Template(name), value);
        builder.Append("<Namespace ");
        AppendMap(context, builder, map, depth + 1);
        builder.Append(">");
    }

    /// <summary>A string literal: single quotes unless only single quotes are inside.</summary>
    private static void AppendQuoted(TextBuilder builder, Text text)
    {
        var start = builder.Length;
        var quote = text.Value.Contains('\'') && !text.Value.Contains('"') ? '"' : '\'';
        builder.Append(quote);
        foreach (var rune in text.Value.EnumerateRunes())
        {
            if (rune.Value == quote || rune.Value == '\\') builder.Append('\\').Append((char)rune.Value);
            else if (IsPrintable(rune.Value)) builder.Append(rune.ToString());
            else builder.Append(Escape(rune.Value));
        }
        builder.Append(quote);
        if (text.HasUserData) builder.MarkUserFrom(start);
    }

    private static bool IsPrintable(int point) => point is >= ' ' and < 0x7f || (point >= 0x7f && CharUnicodeInfo.GetUnicodeCategory(point)
        is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse
            or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
            or UnicodeCategory.SpaceSeparator));

    private static string Escape(int point) => point switch
    {
        '\n' => @"\n",
        '\r' => @"\r",
        '\t' => @"\t",
        <= 0xff => string.Create(CultureInfo.InvariantCulture, $@"\x{point:x2}"),
        <= 0xffff => string.Create(CultureInfo.InvariantCulture, $@"\u{point:x4}"),
        _ => string.Create(CultureInfo.InvariantCulture, $@"\U{point:x8}"),
    };

    /// <summary>
    /// float.__repr__: the shortest digits that read back, with an exponent below 1e-4 and from 1e16 on.
    /// </summary>
    public static string Float(double number)
    {
        if (double.IsNaN(number)) return "nan";
        if (double.IsInfinity(number)) return number > 0 ? "inf" : "-inf";
        var shortest = number.ToString("R", CultureInfo.InvariantCulture);
        var exponent = Math.Abs(number) > 0 ? FirstDigitExponent(shortest) : 0;
        var sign = double.IsNegative(number) ? "-" : "";
        var digits = Digits(shortest);
        if (exponent is >= -4 and < 16) return sign + Fixed(digits, exponent);
        var mantissa = digits.Length == 1 ? digits : $"{digits[0]}.{digits[1..]}";
        var exponentSign = exponent < 0 ? '-' : '+';
        return string.Create(CultureInfo.InvariantCulture, $"{sign}{mantissa}e{exponentSign}{Math.Abs(exponent):00}");
    }

    /// <summary>The significant digits, without leading and trailing zeros.</summary>
    private static string Digits(string shortest)
    {
        var end = shortest.IndexOf('E', StringComparison.Ordinal) is >= 0 and var at ? at : shortest.Length;
        var digits =
            shortest[..end].Replace("-", "", StringComparison.Ordinal).Replace(".", "", StringComparison.Ordinal);
        digits = digits.TrimStart('0').TrimEnd('0');
        return digits.Length == 0 ? "0" : digits;
    }

    /// <summary>The power of ten of the first significant digit.</summary>
    private static int FirstDigitExponent(string shortest)
    {
        var at = shortest.IndexOf('E', StringComparison.Ordinal);
        if (at >= 0)
        {
            return int.Parse(shortest.AsSpan(at + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        }

        var plain = shortest.TrimStart('-');
        var dot = plain.IndexOf('.', StringComparison.Ordinal) is >= 0 and var found ? found : plain.Length;
        return plain[0] != '0' ? dot - 1 : -plain.AsSpan(dot + 1).IndexOfAnyExcept('0') - 1;
    }

    private static string Fixed(string digits, int exponent)
    {
        if (exponent < 0) return "0." + new string('0', -exponent - 1) + digits;
        if (digits.Length <= exponent + 1) return digits.PadRight(exponent + 1, '0') + ".0";
        return $"{digits[..(exponent + 1)]}.{digits[(exponent + 1)..]}";
    }
}
