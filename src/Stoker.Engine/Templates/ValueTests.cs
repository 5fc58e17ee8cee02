using System.Numerics;

namespace Stoker.Engine.Templates;

/// <summary>A test: <c>value is name(arguments)</c>.</summary>
internal delegate bool ValueTest(Renderer renderer, object? value, Arguments arguments);

/// <summary>The tests by name.</summary>
internal static class ValueTests
{
    public static readonly IReadOnlyDictionary<string, ValueTest> All = new Dictionary<string, ValueTest>(StringComparer.Ordinal)
    {
        ["defined"] = Plain(value => value is not Undefined),
        ["undefined"] = Plain(value => value is Undefined),
        ["none"] = Plain(value => value is null),
        ["true"] = Plain(value => value is true),
        ["false"] = Plain(value => value is false),
        ["boolean"] = Plain(value => value is bool),
        ["string"] = Plain(value => value is Text),
        ["integer"] = Plain(value => value is long or BigInteger),
        ["float"] = Plain(value => value is double),
        ["number"] = Plain(value => PythonOperators.AsDouble(value) is not null),
        ["mapping"] = Plain(value => value is TemplateMap),
        ["sequence"] = Plain(value => value is Text or TemplateMap or Undefined or TemplateList { IsIndexable: true }),
        ["iterable"] = Plain(value => value is Text or TemplateMap or TemplateList or TemplateIterator or Undefined or LoopState),
        ["callable"] = Plain(value => value is ICallable or Undefined),
        ["escaped"] = Plain(_ => false),
        ["lower"] = (r, value, a) => Cased(r, value, a, text => text.ToLowerInvariant()),
        ["upper"] = (r, value, a) => Cased(r, value, a, text => text.ToUpperInvariant()),
        ["even"] = (r, value, a) => { a.Bind(r.Context); return Remainder(r, value, 2L); },
        ["odd"] = (r, value, a) => { a.Bind(r.Context); return !Remainder(r, value, 2L); },
        ["divisibleby"] = (r, value, a) => Remainder(r, value, a.Bind(r.Context, "num").Required(0)),
        ["filter"] = (r, value, a) => { a.Bind(r.Context); r.Context.ChargeKey(value); return value is Text name && Filters.All.ContainsKey(name.Value); },
        ["test"] = (r, value, a) => { a.Bind(r.Context); r.Context.ChargeKey(value); return value is Text name && All!.ContainsKey(name.Value); },
        ["sameas"] = (r, value, a) => SameAs(value, a.Bind(r.Context, "other").Required(0)),
        ["in"] = Operator("in"),
        ["eq"] = Operator("=="),
        ["=="] = Operator("=="),
        ["equalto"] = Operator("=="),
        ["ne"] = Operator("!="),
        ["!="] = Operator("!="),
        ["lt"] = Operator("<"),
        ["<"] = Operator("<"),
        ["lessthan"] = Operator("<"),
        ["le"] = Operator("<="),
        ["<="] = Operator("<="),
        ["gt"] = Operator(">"),
        [">"] = Operator(">"),
        ["greaterthan"] = Operator(">"),
        ["ge"] = Operator(">="),
        [">="] = Operator(">="),
    };

    private static ValueTest Plain(Func<object?, bool> holds) => (r, value, arguments) =>
    {
        arguments.Bind(r.Context);
        return holds(value);
    };

    private static ValueTest Operator(string sign) => (r, value, arguments) =>
        r.Holds(sign, value, arguments.Bind(r.Context, "other").Required(0));

    private static bool Remainder(Renderer r, object? value, object? divisor) =>
        PythonOperators.AreEqual(r.Context, PythonArithmetic.Apply(r.Context, "%", value, divisor), 0L);

    /// <summary>islower and isupper: some letter has a case, and every one that has is in it.</summary>
    private static bool Cased(Renderer r, object? value, Arguments arguments, Func<string, string> fold)
    {
        arguments.Bind(r.Context);
        var text = PythonPrinting.Str(r.Context, value).Value;
        r.Context.ChargeText(text.Length);
        return text == fold(text) && text.Any(character => char.IsUpper(character) || char.IsLower(character));
    }

    /// <summary>Identity; small constants are one object each, as in Python.</summary>
    private static bool SameAs(object? value, object? other) => value switch
    {
        null or bool => Equals(value, other),
        long number => other is long same && same == number,
        Text text => other is Text same && same.Value == text.Value,
        _ => ReferenceEquals(value, other),
    };
}
