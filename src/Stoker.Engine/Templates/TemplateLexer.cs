namespace Stoker.Engine.Templates;

/// <summary>Cuts a template into tokens, with the whitespace rules of trim_blocks and lstrip_blocks.</summary>
/// <remarks>
/// Before a tag: <c>-</c> drops all whitespace, <c>+</c> keeps it, and otherwise a block tag or comment that starts its
/// line drops the blanks before it. After a tag: <c>-</c> drops all whitespace, <c>+</c> keeps it, and otherwise a
/// block tag or comment drops one newline. Print tags know only <c>-</c>.
/// </remarks>
internal sealed partial class TemplateLexer
{
    private readonly string _source;
    private readonly List<TemplateToken> _tokens = [];
    private readonly Stack<char> _open = new();
    private int _position;
    private int _line = 1;
    private bool _lineStarting = true; // the last match ended a line

    private TemplateLexer(string source) => _source = source;

    public static List<TemplateToken> Tokenize(string source)
    {
        // A template's text has one kind of newline, and one at the very end is the editor's.
        source = source.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        if (source.EndsWith('\n')) source = source[..^1];
        var lexer = new TemplateLexer(source);
        lexer.Run();
        return lexer._tokens;
    }

    private TemplateException Error(string reason) => new(reason, _line);

    private void Run()
    {
        while (_position < _source.Length)
        {
            var tag = FindTag(_position);
            if (tag < 0)
            {
                AddData(_source[_position..]);
                break;
            }
            var opener = _source[tag + 1];
            var sign = SignAt(tag + 2);
            AddData(DataBefore(_source[_position..tag], sign, strips: opener != '{'));
            MoveTo(tag + (sign == '\0' ? 2 : 3));
            if (opener == '#') SkipComment();
            else if (opener == '{') ReadTag(TokenKind.VariableBegin, TokenKind.VariableEnd);
            else if (RawBodyStart() is { } body) ReadRaw(body);
            else ReadTag(TokenKind.BlockBegin, TokenKind.BlockEnd);
        }
        _tokens.Add(new(TokenKind.End, "", _line));
    }

    private int FindTag(int from)
    {
        for (var i = _source.IndexOf('{', from); i >= 0 && i + 1 < _source.Length; i = _source.IndexOf('{', i + 1))
            if (_source[i + 1] is '{' or '%' or '#') return i;
        return -1;
    }

    private char SignAt(int position) => At(position) is '-' or '+' ? At(position) : '\0';

    private char At(int position) => position < _source.Length ? _source[position] : '\0';

    private void AddData(string text)
    {
        if (text.Length > 0) _tokens.Add(new(TokenKind.Data, text, _line));
    }

    private string DataBefore(string text, char sign, bool strips)
    {
        if (sign == '-') return PythonText.TrimEnd(text);
        if (sign == '+' || !strips) return text;
        var lineStart = text.LastIndexOf('\n') + 1;
        var blank = lineStart < text.Length && PythonText.IsBlank(text.AsSpan(lineStart));
        return blank && (lineStart > 0 || _lineStarting) ? text[..lineStart] : text;
    }

    /// <summary>Moves on and keeps the line count and the line-start flag true.</summary>
    private void MoveTo(int position)
    {
        if (position <= _position) return;
        _line += _source.AsSpan(_position, position - _position).Count('\n');
        _lineStarting = _source[position - 1] == '\n';
        _position = position;
    }

    /// <summary>
    /// Consumes the closing tag at <paramref name="position"/> (sign included) and the whitespace that goes with it.
    /// </summary>
    private void CloseTag(int position, bool trimsNewline)
    {
        var sign = SignAt(position);
        var end = position + (sign == '\0' ? 2 : 3);
        if (sign == '-') end = SkipSpace(end);
        else if (sign == '\0' && trimsNewline && At(end) == '\n') end++;
        MoveTo(end);
    }

    private int SkipSpace(int position)
    {
        while (position < _source.Length && PythonText.IsSpace(_source[position])) position++;
        return position;
    }

    private void SkipComment()
    {
        var end = _source.IndexOf("#}", _position, StringComparison.Ordinal);
        if (end < 0) throw Error("missing end of comment tag");
        var signed = end > _position && _source[end - 1] is '-' or '+';
        CloseTag(signed ? end - 1 : end, trimsNewline: true);
    }

    /// <summary>Where the body of a raw block begins when the tag just opened is <c>{% raw %}</c>.</summary>
    private int? RawBodyStart()
    {
        var i = SkipSpace(_position);
        if (!_source.AsSpan(i).StartsWith("raw")) return null;
        i = SkipSpace(i + 3);
        if (_source.AsSpan(i).StartsWith("-%}")) return SkipSpace(i + 3);
        return _source.AsSpan(i).StartsWith("%}") ? i + 2 : null;
    }

    private void ReadRaw(int body)
    {
        MoveTo(body);
        for (var tag = _source.IndexOf("{%", body, StringComparison.Ordinal); tag >= 0;
             tag = _source.IndexOf("{%", tag + 1, StringComparison.Ordinal))
        {
            var sign = SignAt(tag + 2);
            var i = SkipSpace(tag + (sign == '\0' ? 2 : 3));
            if (!_source.AsSpan(i).StartsWith("endraw")) continue;
            var close = SkipSpace(i + "endraw".Length);
            if (!_source.AsSpan(SignAt(close) == '\0' ? close : close + 1).StartsWith("%}")) continue;
            AddData(DataBefore(_source[body..tag], sign, strips: true));
            MoveTo(close);
            CloseTag(close, trimsNewline: true);
            return;
        }
        throw Error("missing end of raw block");
    }

    private void ReadTag(TokenKind begin, TokenKind end)
    {
        _tokens.Add(new(begin, "", _line));
        var block = end == TokenKind.BlockEnd;
        while (true)
        {
            MoveTo(SkipSpace(_position));
            if (_position >= _source.Length) throw Error("the template ends inside a tag");
            if (_open.Count == 0 && ClosesTag(block))
            {
                _tokens.Add(new(end, "", _line));
                CloseTag(_position, trimsNewline: block);
                return;
            }
            ReadToken();
        }
    }

    private bool ClosesTag(bool block)
    {
        var rest = _source.AsSpan(_position);
        return block
            ? rest.StartsWith("%}") || rest.StartsWith("-%}") || rest.StartsWith("+%}")
            : rest.StartsWith("}}") || rest.StartsWith("-}}");
    }
}
