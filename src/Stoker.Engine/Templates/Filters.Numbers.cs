using System.Globalization;
using System.Numerics;

namespace Stoker.Engine.Templates;

/// <summary>Filters that make numbers.</summary>
internal static partial class Filters
{
    private static object? ToInteger(Renderer r, object? value, Arguments arguments)
    {
        var bound = arguments.Bind(r.Context, "default", "base");
        var missing = bound.Value(0, 0L);
        switch (value)
        {
            case Undefined undefined: throw r.Context.Error(undefined.Reason);
            case bool or long: return PythonOperators.AsInteger(value);
            case BigInteger: return value;
            case double number: return Truncated(r.Context, number) ?? missing;
            case Text text:
                r.Context.ChargeText(text.Length);
                return ParseInteger(text.Value, bound.Integer(1, 10)) ?? Truncated(r.Context, ParseFloat(text.Value) ?? double.NaN) ?? missing;
            default: return missing;
        }
    }

    private static long? Truncated(RenderContext context, double number)
    {
        if (!double.IsFinite(number)) return null;
        if (Math.Abs(number) >= 9.2e18) throw context.Error("integer overflow: integers have 64 bits here");
        return (long)number;
    }

    private static long? ParseInteger(string text, long radix)
    {
        var digits = text.Trim().Replace("_", "", StringComparison.Ordinal);
        if (radix == 10)
            return long.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) ? value : null;
        var prefix = radix switch { 16 => "0x", 8 => "0o", 2 => "0b", _ => "" };
        if (digits.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)) digits = digits[prefix.Length..];
        if (digits.Length is 0 or > 12) return null; // 12 digits of any base up to 36 fit 64 bits
        var result = 0L;
        foreach (var character in digits)
        {
            var digit = char.IsAsciiDigit(character) ? character - '0' : char.IsAsciiLetter(character) ? (character | 32) - 'a' + 10 : 99;
            if (digit >= radix) return null;
            result = (result * radix) + digit;
        }
        return result;
    }

    private static double? ParseFloat(string text) =>
        double.TryParse(text.Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? value : null;

    private static object? ToFloat(Renderer r, object? value, Arguments arguments)
    {
        var missing = arguments.Bind(r.Context, "default").Value(0, 0.0);
        if (value is Undefined undefined) throw r.Context.Error(undefined.Reason);
        if (value is Text given) r.Context.ChargeText(given.Length);
        return PythonOperators.AsDouble(value) ?? (value is Text text ? ParseFloat(text.Value) : null) ?? missing;
    }

    private static object? Absolute(Renderer r, object? value, Arguments arguments)
    {
        arguments.Bind(r.Context);
        if (value is double number) return Math.Abs(number);
        return PythonOperators.AsInteger(value) is { } integer
            ? integer < 0 ? PythonArithmetic.Negate(r.Context, integer, "-") : integer
            : throw r.Context.Error($"'abs' needs a number, not '{PythonOperators.TypeName(value)}'");
    }

    private static object? Round(Renderer r, object? value, Arguments arguments)
    {
        var bound = arguments.Bind(r.Context, "precision", "method");
        var (precision, method) = (bound.Integer(0, 0), bound.OptionalText(1)?.Value ?? "common");
        if (PythonOperators.AsDouble(value) is not { } number)
            throw r.Context.Error($"'round' needs a number, not '{PythonOperators.TypeName(value)}'");
        if (precision is < 0 or > 15) throw r.Context.Error("'round' takes a precision of 0 to 15");
        var scale = Math.Pow(10, precision);
        return method switch
        {
            "common" when value is long or bool => PythonOperators.AsInteger(value), // round() of an int is an int
            "common" => Math.Round(number, (int)precision, MidpointRounding.ToEven),
            "ceil" => Math.Ceiling(number * scale) / scale,
            "floor" => Math.Floor(number * scale) / scale,
            _ => throw r.Context.Error("'round' knows the methods common, ceil and floor"),
        };
    }

    private static object? Sum(Renderer r, object? value, Arguments arguments)
    {
        var bound = arguments.Bind(r.Context, "attribute", "start");
        var total = bound.Value(1, 0L);
        foreach (var item in PythonSequences.Iterate(r.Context, value))
            total = PythonArithmetic.Apply(r.Context, "+", total, bound.Value(0) is null ? item : AttributePath.Get(r.Context, item, bound.Value(0)));
        return total;
    }

    private static object? Extreme(Renderer r, object? value, Arguments arguments, int wanted)
    {
        var bound = arguments.Bind(r.Context, "case_sensitive", "attribute");
        var items = PythonSequences.Iterate(r.Context, value);
        if (items.Count == 0) return new Undefined("an empty sequence has no least and no greatest item");
        var (best, bestKey) = (items[0], SortKey(r.Context, items[0], bound.Value(1), bound.Flag(0)));
        for (var i = 1; i < items.Count; i++)
        {
            var key = SortKey(r.Context, items[i], bound.Value(1), bound.Flag(0));
            if (PythonOperators.Compare(r.Context, key, bestKey, "<") * wanted > 0) (best, bestKey) = (items[i], key);
        }
        return best;
    }
}
