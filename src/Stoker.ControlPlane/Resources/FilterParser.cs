using System.Buffers;
using System.Text;
using System.Text.Json.Serialization.Metadata;
using Stoker.Api.Problems;

namespace Stoker.ControlPlane.Resources;

/// <summary>
/// Reads a filter into its comparisons. With AND as the only joint, parentheses change nothing: they are checked and
/// dropped, by a counter and not by recursion, so that their depth costs nothing.
/// </summary>
internal ref struct FilterParser
{
    private const int MaxLength = 2_000; // characters; a name is at most some 150
    private const int MaxComparisons = 50;
    private const string Allowed = "allowed are comparisons with = != < > <= >=, AND, and parentheses";

    private static readonly SearchValues<char> TimeCharacters = SearchValues.Create("0123456789:.+-TZtz");

    private readonly JsonTypeInfo _json;
    private readonly string _text;
    private int _at;

    private FilterParser(string text, JsonTypeInfo json) => (_text, _json) = (text, json);

    public static Result<List<Comparison>> Parse(string text, JsonTypeInfo json) => text.Length > MaxLength
        ? Bad($"is {text.Length} characters long, at most {MaxLength} are allowed")
        : new FilterParser(text, json).Parse();

    private Result<List<Comparison>> Parse()
    {
        var (comparisons, open) = (new List<Comparison>(), 0);
        while (true)
        {
            // 1. An operand: opening parentheses, then a comparison.
            for (; Take("("); open++) { }
            if (!Comparison().TryGet(out var comparison, out var problem)) return problem;
            comparisons.Add(comparison);
            if (comparisons.Count > MaxComparisons) return Bad($"has more than {MaxComparisons} comparisons");

            // 2. What may follow it: closing parentheses, then the end or AND.
            for (; open > 0 && Take(")"); open--) { }
            SkipSpace();
            if (_at == _text.Length)
            {
                return open == 0 ? comparisons : Bad($"lacks {open} closing parenthesis at its end");
            }

            if (Word() is not "AND") return Unexpected();
        }
    }

    private Result<Comparison> Comparison()
    {
        SkipSpace();
        var start = _at;
        var name = Word();
        if (name.Length == 0 || name is "NOT") return Unexpected(start);
        if (!FieldPath.Resolve(_json, name, "filter").TryGet(out var field, out var unknown)) return unknown;
        if (Operator() is not { } comparator) return Unexpected();
        if (!Value().TryGet(out var value, out var problem)) return problem;
        return Resources.Comparison.From(field, comparator, value);
    }

    private string? Operator()
    {
        foreach (var candidate in (ReadOnlySpan<string>)["!=", "<=", ">=", "=", "<", ">"])
        {
            if (Take(candidate)) return candidate;
        }

        return null;
    }

    private Result<string> Value()
    {
        SkipSpace();
        if (_at < _text.Length && _text[_at] is '"' or '\'') return Quoted(_text[_at]);
        var word = Word();
        return word.Length > 0 ? word : Unexpected();
    }

    private Result<string> Quoted(char quote)
    {
        var value = new StringBuilder();
        for (_at++; _at < _text.Length; _at++)
        {
            var c = _text[_at];
            if (c == quote)
            {
                _at++;
                return value.ToString();
            }

            if (c == '\\' && ++_at == _text.Length) break;
            value.Append(_text[_at]);
        }

        return Bad("has a quotation that does not end");
    }

    /// <summary>A field name or a bare value, empty when there is none.</summary>
    private string Word()
    {
        SkipSpace();
        var start = _at;
        while (_at < _text.Length && (char.IsLetterOrDigit(_text[_at]) || _text[_at] is '_' or '-' or '.' or '/' or '+' or '*')) _at++;

        // A bare time such as 2030-01-31T12:00:00Z holds colons; elsewhere a colon is the "has" operator, which is
        // refused.
        if (_at > start && char.IsAsciiDigit(_text[start])) _at += LengthOfTime(_text.AsSpan(_at));
        return _text[start.._at];
    }

    private static int LengthOfTime(ReadOnlySpan<char> rest)
    {
        var end = rest.IndexOfAnyExcept(TimeCharacters);
        return end < 0 ? rest.Length : end;
    }

    private bool Take(string token)
    {
        SkipSpace();
        if (string.CompareOrdinal(_text, _at, token, 0, token.Length) != 0) return false;
        _at += token.Length;
        return true;
    }

    private void SkipSpace()
    {
        while (_at < _text.Length && char.IsWhiteSpace(_text[_at])) _at++;
    }

    private readonly Problem Unexpected(int? at = null)
    {
        var place = at ?? _at;
        var rest = _text[place..];
        var seen = rest.Length == 0 ? "its end" : $"'{(rest.Length <= 20 ? rest : rest[..20] + "...")}'";
        return Bad($"is not understood at character {place + 1}, before {seen}; {Allowed}");
    }

    private static Problem Bad(string description) =>
        new(Code.InvalidArgument, $"filter {description}", [new Violation("filter", description)]);
}
