using System.Globalization;
using System.Text.Json.Serialization.Metadata;
using Stoker.Api.Problems;
using Stoker.Api.Time;

namespace Stoker.ControlPlane.Resources;

/// <summary>One comparison of a filter: a field, an operator, and a value of the field's type.</summary>
internal sealed class Comparison
{
    private readonly FieldPath _field;
    private readonly string _operator;
    private readonly FieldValue _value;

    private Comparison(FieldPath field, string comparator, FieldValue value) =>
        (_field, _operator, _value) = (field, comparator, value);

    public static Result<Comparison> From(FieldPath field, string comparator, string text)
    {
        if (field.Type.Kind != JsonTypeInfoKind.None)
        {
            return Bad($"compares {field}, which is a list or an object: only single values can be compared");
        }

        if (FieldValue.Parse(text, field) is not { } value)
        {
            return Bad($"compares {field}, {FieldValue.Rule(field)}, with '{Shown(text)}'");
        }

        return value.Content is bool && comparator is not ("=" or "!=")
            ? Bad($"compares {field} by {comparator}: true and false know = and != only")
            : new Comparison(field, comparator, value);
    }

    public bool Holds(object record)
    {
        var order = FieldValue.Of(_field, record).CompareTo(_value);
        return _operator switch
        {
            "=" => order == 0,
            "!=" => order != 0,
            "<" => order < 0,
            ">" => order > 0,
            "<=" => order is <= 0,
            _ => order is >= 0,
        };
    }

    private static Problem Bad(string description) =>
        new(Code.InvalidArgument, $"filter {description}", [new Violation("filter", description)]);

    private static string Shown(string text) => text.Length <= 60 ? text : text[..60] + "...";
}

/// <summary>A field's value in a form that compares: text, number, truth value or instant.</summary>
internal readonly record struct FieldValue(object? Content) : IComparable<FieldValue>
{
    public static FieldValue Of(FieldPath field, object record)
    {
        var (value, plain) = (field.Read(record), field.Plain);
        if (plain == typeof(bool)) return new(value ?? false);
        if (plain == typeof(DateTimeOffset)) return new(value);
        if (plain == typeof(string)) return new(value ?? "");
        return new(value is null ? 0d : Convert.ToDouble(value, CultureInfo.InvariantCulture));
    }

    /// <summary>The text as a value of the field's type; null when it is none.</summary>
    public static FieldValue? Parse(string text, FieldPath field)
    {
        var plain = field.Plain;
        if (plain == typeof(string)) return new(text);
        if (plain == typeof(bool)) return bool.TryParse(text, out var truth) ? new(truth) : null;
        if (plain == typeof(DateTimeOffset))
        {
            return DateTimeOffset.TryParse(
                text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var instant) ? new(instant) : null;
        }

        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number)
            ? new(number)
            : null;
    }

    public static string Rule(FieldPath field) => field.Plain switch
    {
        var plain when plain == typeof(bool) => "true or false",
        var plain when plain == typeof(DateTimeOffset) => "a time such as \"2030-01-31T12:00:00Z\"",
        _ => "a number",
    };

    /// <summary>Durations are text on the wire, but 600s is more than 60s: two durations compare as such.</summary>
    public int CompareTo(FieldValue other) => (Content, other.Content) switch
    {
        (string left, string right) when left != right && IsDuration(left, out var first) && IsDuration(right, out var second) =>
            first.CompareTo(second),
        (string left, string right) => string.CompareOrdinal(left, right),
        (null, null) => 0,
        (null, _) => -1,
        (_, null) => 1,
        var (left, right) => Comparer<object>.Default.Compare(left, right),
    };

    private static bool IsDuration(string text, out TimeSpan duration)
    {
        duration = default;
        return text.Length > 1 && char.IsAsciiDigit(text[0]) && text[^1] == 's' && ProtoDuration.TryParse(text, out duration);
    }
}
