using System.Globalization;

namespace Stoker.Engine.Templates;

/// <summary>printf-style formatting: the <c>%</c> operator on strings and the <c>format</c> filter.</summary>
internal sealed class PercentFormat
{
    private readonly RenderContext _context;
    private readonly Text _format;
    private readonly TemplateMap? _named;
    private readonly IReadOnlyList<object?> _values;
    private readonly TextBuilder _result;
    private int _at;
    private int _next;

    private PercentFormat(RenderContext context, Text format, object? values)
    {
        (_context, _format, _result) = (context, format, new(context));
        _named = values as TemplateMap;
        _values = values is TemplateList { Kind: ListKind.Tuple } tuple ? tuple.Items : [values];
    }

    public static Text Format(RenderContext context, Text format, object? values) =>
        new PercentFormat(context, format, values).Run();

    private Text Run()
    {
        _context.ChargeText(_format.Length);
        while (_at < _format.Length)
        {
            var percent = _format.Value.IndexOf('%', _at);
            var end = percent < 0 ? _format.Length : percent;
            _result.Append(_format.Slice(_at, end - _at));
            _at = end + 1;
            if (percent >= 0) Convert();
        }
        if (_named is null && _next < _values.Count)
        {
            throw _context.Error("not all values are used by the format string");
        }

        return _result.ToText();
    }

    private char Peek() =>
        _at < _format.Length ? _format.Value[_at] : throw _context.Error("the format string ends inside a conversion");

    private void Convert()
    {
        _context.Step();
        var keyed = Peek() == '(' ? Keyed() : BoundArguments.Missing;
        var flags = "";
        for (; Peek() is '-' or '+' or ' ' or '0' or '#'; _at++)
        {
            if (!flags.Contains(Peek())) flags += Peek(); // each counts once, however long the row of them
        }
        var width = Number() ?? 0;
        if (width < 0) (flags, width) = (flags + "-", -width);
        int? precision = null;
        if (Peek() == '.')
        {
            _at++;
            precision = Number() ?? 0;
        }
        while (Peek() is 'h' or 'l' or 'L') _at++;
        var form = _format.Value[_at++];
        if (form == '%') { _result.Append("%"); return; }
        Pad(Converted(form, keyed == BoundArguments.Missing ? Next() : keyed, flags, precision), flags, width, form);
    }

    private object? Keyed()
    {
        var close = _format.Value.IndexOf(')', _at);
        if (close < 0 || _named is null)
        {
            throw _context.Error("the format string needs a dict for its named conversions");
        }

        var name = _format.Value[(_at + 1)..close];
        _at = close + 1;
        return _named.Contains(name) ? _named.Get(name) : throw _context.Error("the format string names a key that is not given");
    }

    private object? Next() =>
        _next < _values.Count ? _values[_next++] : throw _context.Error("not enough values for the format string");

    private int? Number()
    {
        if (Peek() == '*')
        {
            _at++;
            var given =
                PythonOperators.AsInteger(Next()) ?? throw _context.Error("'*' in a format string needs an integer");
            _context.CheckLength(Math.Abs(Math.Max(given, -int.MaxValue)));
            return (int)given;
        }
        var start = _at;
        while (char.IsAsciiDigit(Peek())) _at++;
        if (start == _at) return null;
        var parsed = int.TryParse(_format.Value.AsSpan(start, _at - start), NumberStyles.None, CultureInfo.InvariantCulture, out var value);
        _context.CheckLength(parsed ? value : long.MaxValue);
        return value;
    }

    private Text Converted(char form, object? value, string flags, int? precision)
    {
        if (precision > FormatNumber.MaxPrecision && form is not ('s' or 'r' or 'a'))
            throw _context.Error($"a format's precision is at most {FormatNumber.MaxPrecision}");
        switch (form)
        {
            case 's': return Cut(PythonPrinting.Str(_context, value), precision);
            case 'r' or 'a': return Cut(PythonPrinting.Repr(_context, value), precision);
            case 'c': return Character(value);
            case 'd' or 'i' or 'u' or 'x' or 'X' or 'o': return Signed(Integer(form, value, flags, precision), flags);
        }
        var number = PythonOperators.AsDouble(value) ?? throw Wrong(form, "a number", value);
        return form switch
        {
            'f' or 'F' => Signed(FormatNumber.Fixed(number, precision ?? 6), flags),
            'e' or 'E' => Signed(FormatNumber.Scientific(number, precision ?? 6, form == 'E'), flags),
            'g' or 'G' => Signed(FormatNumber.General(number, precision ?? 6, form == 'G'), flags),
            _ => throw _context.Error($"the format conversion '%{form}' does not exist"),
        };
    }

    private TemplateException Wrong(char form, string wanted, object? value) =>
        _context.Error($"'%{form}' needs {wanted}, not '{PythonOperators.TypeName(value)}'");

    private Text Cut(Text text, int? precision) =>
        precision is { } count ? (Text)PythonSequences.Slice(_context, text, null, (long)count, null)! : text;

    private Text Character(object? value)
    {
        if (value is Text text && PythonText.PointCount(text.Value) == 1) return text;
        return PythonOperators.AsInteger(value) is >= 0 and < 0xD800 and var point ? Text.Template(((char)point).ToString()) : throw Wrong('c', "one character", value);
    }

    private string Integer(char form, object? value, string flags, int? precision)
    {
        if (value is System.Numerics.BigInteger big && form is 'd' or 'i' or 'u')
        {
            return ((IFormattable)value!).ToString(null, CultureInfo.InvariantCulture);
        }

        var whole = value is double real && double.IsFinite(real) && Math.Abs(real) < 9e18 && form is 'd' or 'i' or 'u'
            ? (long)(double)value!
            : PythonOperators.AsInteger(value);
        var digits = FormatNumber.Integer(whole ?? throw Wrong(form, "an integer", value), form);
        var sign = digits[0] == '-' ? "-" : "";
        digits = digits[sign.Length..].PadLeft(precision ?? 0, '0');
        var prefix = flags.Contains('#', StringComparison.Ordinal) && form is 'x' or 'X' or 'o' ? "0" + form : "";
        return sign + (flags.Contains('#', StringComparison.Ordinal) ? prefix : "") + digits;
    }

    private static Text Signed(string text, string flags)
    {
        if (text[0] == '-') return Text.Template(text);
        return Text.Template((flags.Contains('+', StringComparison.Ordinal) ? "+" : flags.Contains(' ', StringComparison.Ordinal) ? " " : "") + text);
    }

    private void Pad(Text text, string flags, int width, char form)
    {
        if (flags.Contains('-', StringComparison.Ordinal)) { _result.Append(TextMethods.Pad(_context, text, width, ' ', TextMethods.Side.Right)); return; }
        var zeros = flags.Contains('0', StringComparison.Ordinal) && form is not ('s' or 'r' or 'a' or 'c');
        var sign = zeros && text.Value[0] is '-' or '+' or ' ' ? 1 : 0;
        if (!zeros) sign = 0;
        _result.Append(text.Slice(0, sign));
        _result.Append(TextMethods.Pad(_context, text.Slice(sign), width - sign, zeros ? '0' : ' ', TextMethods.Side.Left));
    }
}
