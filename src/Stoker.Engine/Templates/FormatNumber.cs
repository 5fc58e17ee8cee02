using System.Globalization;

namespace Stoker.Engine.Templates;

/// <summary>The number forms that both kinds of format strings share.</summary>
internal static class FormatNumber
{
    /// <summary>Digits beyond this are no text for a model; the bound keeps format strings cheap.</summary>
    public const int MaxPrecision = 100;

    public static string Fixed(double value, int precision, bool percent = false)
    {
        if (!double.IsFinite(value)) return PythonPrinting.Float(value);
        return (percent ? value * 100 : value).ToString("F" + precision, CultureInfo.InvariantCulture) + (percent ? "%" : "");
    }

    public static string Scientific(double value, int precision, bool upper)
    {
        if (!double.IsFinite(value)) return PythonPrinting.Float(value);
        var pattern = "0." + new string('0', precision) + "e+00";
        var text = value.ToString(precision == 0 ? "0e+00" : pattern, CultureInfo.InvariantCulture);
        return upper ? text.ToUpperInvariant() : text;
    }

    /// <summary>
    /// %g: so many significant digits, without trailing zeros, with an exponent when it is small or large.
    /// </summary>
    public static string General(double value, int precision, bool upper)
    {
        if (!double.IsFinite(value) || value == 0)
        {
            return value == 0 ? (double.IsNegative(value) ? "-0" : "0") : PythonPrinting.Float(value);
        }

        precision = Math.Max(precision, 1);
        var scientific = Scientific(value, precision - 1, upper: false);
        var at = scientific.IndexOf('e', StringComparison.Ordinal);
        var exponent =
            int.Parse(scientific.AsSpan(at + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        if (exponent >= -4 && exponent < precision) return WithoutZeros(Fixed(value, precision - 1 - exponent));
        var text = WithoutZeros(scientific[..at]) + scientific[at..];
        return upper ? text.ToUpperInvariant() : text;
    }

    private static string WithoutZeros(string text) =>
        text.Contains('.', StringComparison.Ordinal) ? text.TrimEnd('0').TrimEnd('.') : text;

    /// <summary>An integer in base 2, 8, 10 or 16 without prefix.</summary>
    public static string Integer(long value, char form)
    {
        if (form is 'd' or 'i' or 'u' or 'n') return value.ToString(CultureInfo.InvariantCulture);
        var magnitude = value < 0 ? (ulong)-(value + 1) + 1 : (ulong)value;
        var digits = form switch
        {
            'x' => magnitude.ToString("x", CultureInfo.InvariantCulture),
            'X' => magnitude.ToString("X", CultureInfo.InvariantCulture),
            'o' => Convert.ToString(unchecked((long)magnitude), 8),
            _ => magnitude.ToString("b", CultureInfo.InvariantCulture),
        };
        return value < 0 ? "-" + digits : digits;
    }
}
