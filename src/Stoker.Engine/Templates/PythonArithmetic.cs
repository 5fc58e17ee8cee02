using System.Numerics;

namespace Stoker.Engine.Templates;

/// <summary>
/// The arithmetic operators. Integers have 64 bits here; leaving them is an error, never a wrapped value.
/// </summary>
internal static class PythonArithmetic
{
    public static object? Apply(RenderContext context, string sign, object? left, object? right)
    {
        if (sign == "%" && left is Text format) return PercentFormat.Format(context, format, right);
        if (left is Undefined || right is Undefined)
        {
            throw context.Error(((left as Undefined) ?? (Undefined)right!).Reason);
        }

        if (left is BigInteger || right is BigInteger)
        {
            throw context.Error("an integer beyond 64 bits cannot be calculated with");
        }

        if (PythonOperators.AsInteger(left) is { } a && PythonOperators.AsInteger(right) is { } b)
        {
            return Integers(context, sign, a, b);
        }

        if (PythonOperators.AsDouble(left) is { } x && PythonOperators.AsDouble(right) is { } y)
        {
            return Floats(context, sign, x, y);
        }

        return Sequences(context, sign, left, right) ?? throw context.Error($"'{sign}' is not supported between " +
            $"'{PythonOperators.TypeName(left)}' and '{PythonOperators.TypeName(right)}'");
    }

    public static object Negate(RenderContext context, object? value, string sign)
    {
        if (value is Undefined undefined) throw context.Error(undefined.Reason);
        if (value is double number) return sign == "-" ? -number : number;
        if (PythonOperators.AsInteger(value) is not { } integer)
            throw context.Error($"unary '{sign}' is not supported for '{PythonOperators.TypeName(value)}'");
        return sign == "+" ? integer : integer == long.MinValue ? throw Overflow(context) : -integer;
    }

    private static TemplateException Overflow(RenderContext context) =>
        context.Error("integer overflow: integers have 64 bits here");

    private static object Integers(RenderContext context, string sign, long a, long b)
    {
        if (b == 0 && (sign is "/" or "//" or "%")) throw context.Error("division by zero");
        try
        {
            return sign switch
            {
                "+" => (object)checked(a + b), // the cast keeps the other arms from becoming doubles
                "-" => checked(a - b),
                "*" => checked(a * b),
                "/" => (double)a / b,
                "//" => FloorDivide(a, b),
                "%" => b == -1 ? 0L : ((a % b) + b) % b,
                _ => b >= 0 ? (object)Power(a, b) : Floats(context, sign, a, b),
            };
        }
        catch (OverflowException)
        {
            throw Overflow(context);
        }
    }

    private static long FloorDivide(long a, long b)
    {
        if (b == -1) return checked(-a);
        var quotient = a / b;
        return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
    }

    private static long Power(long value, long exponent)
    {
        if (value is 0 or 1 || exponent == 0) return exponent == 0 ? 1 : value;
        if (value == -1) return exponent % 2 == 0 ? 1 : -1;
        if (exponent > 63) throw new OverflowException();
        var result = 1L;
        for (var i = 0; i < exponent; i++) result = checked(result * value);
        return result;
    }

    private static double Floats(RenderContext context, string sign, double a, double b)
    {
        if (b == 0 && (sign is "/" or "//" or "%")) throw context.Error("division by zero");
        return sign switch
        {
            "+" => a + b,
            "-" => a - b,
            "*" => a * b,
            "/" => a / b,
            "//" => Math.Floor((a - Modulo(a, b)) / b),
            "%" => Modulo(a, b),
            _ => Power(context, a, b),
        };
    }

    private static double Modulo(double a, double b)
    {
        var rest = a % b;
        return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
    }

    private static double Power(RenderContext context, double a, double b)
    {
        if (a == 0 && b < 0) throw context.Error("division by zero");
        var result = Math.Pow(a, b);
        if (double.IsFinite(result) || !double.IsFinite(a) || !double.IsFinite(b)) return result;
        throw context.Error("the result of '**' is no finite number");
    }

    private static object? Sequences(RenderContext context, string sign, object? left, object? right) => (sign, left, right) switch
    {
        ("+", Text a, Text b) => new TextBuilder(context).Append(a).Append(b).ToText(),
        ("+", TemplateList a, TemplateList b) when a.Kind is ListKind.List or ListKind.Tuple => Join(context, a, b),
        ("*", Text text, _) when PythonOperators.AsInteger(right) is { } count => Repeat(context, text, count),
        ("*", _, Text text) when PythonOperators.AsInteger(left) is { } count => Repeat(context, text, count),
        ("*", TemplateList list, _) when PythonOperators.AsInteger(right) is { } count => Repeat(context, list, count),
        ("*", _, TemplateList list) when PythonOperators.AsInteger(left) is { } count => Repeat(context, list, count),
        _ => null,
    };

    private static TemplateList? Join(RenderContext context, TemplateList a, TemplateList b)
    {
        if (a.Kind != b.Kind) return null;
        context.CheckItems((long)a.Count + b.Count);
        return new TemplateList([.. a.Items, .. b.Items], a.Kind);
    }

    private static Text Repeat(RenderContext context, Text text, long count)
    {
        if (text.Length == 0 || count <= 0) return Text.Empty;
        context.CheckLength(count > int.MaxValue ? long.MaxValue : count * text.Length);
        var result = new TextBuilder(context);
        if (text is { Length: 1, HasUserData: false }) return result.Append(text.Value[0], (int)count).ToText();
        for (var i = 0; i < count; i++) result.Append(text);
        return result.ToText();
    }

    private static TemplateList? Repeat(RenderContext context, TemplateList list, long count)
    {
        if (list.Kind is not (ListKind.List or ListKind.Tuple)) return null;
        if (list.Count == 0 || count <= 0) return new TemplateList([], list.Kind);
        context.CheckItems(count > int.MaxValue ? long.MaxValue : count * list.Count);
        var items = new List<object?>(list.Count * (int)count);
        for (var i = 0; i < count; i++) items.AddRange(list.Items);
        return new TemplateList(items, list.Kind);
    }
}
