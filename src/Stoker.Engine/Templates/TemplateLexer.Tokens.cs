using System.Globalization;
using System.Numerics;
using System.Text;

namespace Stoker.Engine.Templates;

/// <summary>The tokens inside a tag: numbers, names, strings and operators.</summary>
internal sealed partial class TemplateLexer
{
    private static readonly string[] TwoCharacterOperators = ["//", "**", "==", "!=", ">=", "<="];

    private void ReadToken()
    {
        var character = _source[_position];
        if (char.IsAsciiDigit(character)) ReadNumber();
        else if (IsNameCharacter(character)) ReadName();
        else if (character is '\'' or '"') ReadString(character);
        else ReadOperator(character);
    }

    private static bool IsNameCharacter(char character) => char.IsLetterOrDigit(character) || character == '_';

    private void Add(TokenKind kind, string text, int end, object? number = null)
    {
        _tokens.Add(new(kind, text, _line, number));
        MoveTo(end);
    }

    private void ReadName()
    {
        var end = _position;
        while (end < _source.Length && IsNameCharacter(_source[end])) end++;
        Add(TokenKind.Name, _source[_position..end], end);
    }

    private void ReadOperator(char character)
    {
        var two = _source.AsSpan(_position, Math.Min(2, _source.Length - _position));
        foreach (var candidate in TwoCharacterOperators)
        {
            if (!two.SequenceEqual(candidate)) continue;
            Add(TokenKind.Operator, candidate, _position + 2);
            return;
        }
        if (!"+-/*%~[](){}<>=.:|,;".Contains(character)) throw Error($"unexpected character '{character}'");
        Balance(character);
        Add(TokenKind.Operator, character.ToString(), _position + 1);
    }

    private void Balance(char character)
    {
        if (character is '(' or '[' or '{') _open.Push(character switch { '(' => ')', '[' => ']', _ => '}' });
        else if (character is ')' or ']' or '}' && (!_open.TryPop(out var expected) || expected != character))
            throw Error(expected == '\0' ? $"unexpected '{character}'" : $"unexpected '{character}', expected '{expected}'");
    }

    private void ReadNumber()
    {
        var digits = _source[_position] == '0' ? char.ToLowerInvariant(At(_position + 1)) : '\0';
        if (digits is 'x' or 'o' or 'b' && TryReadRadix(digits)) return;
        var end = Digits(_position);
        var afterDot = _tokens.Count > 0 && _tokens[^1].IsOperator("."); // a.0.1 is two subscripts
        var fractionEnd = afterDot ? end : Exponent(Fraction(end));
        if (fractionEnd > end)
        {
            var value = double.Parse(Plain(fractionEnd), NumberStyles.Float, CultureInfo.InvariantCulture);
            Add(TokenKind.Float, "", fractionEnd, value);
            return;
        }
        if (_source[_position] == '0') // a leading zero stands alone, as in the reference
            end = _source.AsSpan(_position, end - _position).IndexOfAnyExcept('0', '_') is >= 0 and var zeros ? _position + zeros : end;
        if (!long.TryParse(Plain(end), NumberStyles.None, CultureInfo.InvariantCulture, out var integer))
            throw Error("an integer literal does not fit 64 bits");
        Add(TokenKind.Integer, "", end, integer);
    }

    private string Plain(int end) => _source[_position..end].Replace("_", "", StringComparison.Ordinal);

    private int Digits(int from)
    {
        var end = from;
        while (char.IsAsciiDigit(At(end)) || (At(end) == '_' && end > from && char.IsAsciiDigit(At(end + 1)))) end++;
        return end;
    }

    private int Fraction(int end) => At(end) == '.' && char.IsAsciiDigit(At(end + 1)) ? Digits(end + 1) : end;

    private int Exponent(int end)
    {
        if (At(end) is not ('e' or 'E')) return end;
        var digits = At(end + 1) is '+' or '-' ? end + 2 : end + 1;
        return char.IsAsciiDigit(At(digits)) ? Digits(digits) : end;
    }

    private bool TryReadRadix(char kind)
    {
        var radix = kind switch { 'x' => 16, 'o' => 8, _ => 2 };
        var end = _position + 2;
        var value = BigInteger.Zero;
        while (char.IsAsciiHexDigit(At(end)) || At(end) == '_')
        {
            var digit = At(end) == '_' ? -1 : Convert.ToInt32(At(end).ToString(), 16);
            if (digit >= radix) break;
            if (digit >= 0) value = (value * radix) + digit;
            if (value > long.MaxValue) throw Error("an integer literal does not fit 64 bits");
            end++;
        }
        if (end == _position + 2) return false;
        Add(TokenKind.Integer, "", end, (long)value);
        return true;
    }

    private void ReadString(char quote)
    {
        var value = new StringBuilder();
        var i = _position + 1;
        while (At(i) != quote || i >= _source.Length)
        {
            if (i >= _source.Length) throw Error("a string has no closing quote");
            if (_source[i] != '\\') value.Append(_source[i++]);
            else i = ReadEscape(i + 1, value);
        }
        Add(TokenKind.String, value.ToString(), i + 1);
    }

    /// <summary>Python's escapes; an unknown one keeps its backslash. Returns the position after it.</summary>
    private int ReadEscape(int i, StringBuilder value)
    {
        if (i >= _source.Length) throw Error("a string has no closing quote");
        var character = _source[i];
        if (character is 'x' or 'u' or 'U')
        {
            return ReadCodePoint(i + 1, character switch { 'x' => 2, 'u' => 4, _ => 8 }, value);
        }

        if (character is >= '0' and <= '7') return ReadOctal(i, value);
        if (character == 'N') throw Error(@"the escape \N{...} is not supported; write the character itself");
        const string Known = "\n\\'\"abfnrtv";
        var index = Known.IndexOf(character, StringComparison.Ordinal);
        if (index < 0) value.Append('\\').Append(character);
        else if (index > 0) value.Append("\n\\'\"\a\b\f\n\r\t\v"[index]);
        return i + 1; // index 0: a backslash at the end of a line joins it with the next
    }

    private int ReadOctal(int i, StringBuilder value)
    {
        var code = 0;
        var end = i;
        while (end < i + 3 && At(end) is >= '0' and <= '7') code = (code * 8) + (At(end++) - '0');
        value.Append((char)code);
        return end;
    }

    private int ReadCodePoint(int i, int count, StringBuilder value)
    {
        var digits = _source.AsSpan(i, Math.Min(count, _source.Length - i));
        if (digits.Length < count || !uint.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code)
            || code > 0x10FFFF)
        {
            throw Error("a string has a malformed character escape");
        }
        if (code <= 0xFFFF) value.Append((char)code);
        else value.Append(new Rune(code).ToString());
        return i + count;
    }
}
