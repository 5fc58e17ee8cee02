using System.Text;

namespace Stoker.Engine.Templates;

/// <summary>Joins text and remembers which parts are user data. Every character is charged to the rendering.</summary>
internal sealed class TextBuilder(RenderContext context)
{
    private readonly StringBuilder _value = new();
    private readonly List<UserSpan> _spans = [];

    public int Length => _value.Length;

    public TextBuilder Append(Text text)
    {
        var offset = _value.Length;
        Add(text.Value);
        foreach (var span in text.UserSpans) AddSpan(span.Start + offset, span.End + offset);
        return this;
    }

    /// <summary>Appends characters that the template or this interpreter made.</summary>
    public TextBuilder Append(string text)
    {
        Add(text);
        return this;
    }

    public TextBuilder Append(char character, int count = 1)
    {
        if (count <= 0) return this;
        Charge(count);
        _value.Append(character, count);
        return this;
    }

    /// <summary>
    /// Counts everything from <paramref name="start"/> to the end as user data: for escaped and reformatted text.
    /// </summary>
    public void MarkUserFrom(int start)
    {
        if (start < _value.Length) AddSpan(start, _value.Length);
    }

    public Text ToText() => _value.Length == 0 ? Text.Empty : new(_value.ToString(), [.. _spans]);

    private void Add(string text)
    {
        Charge(text.Length);
        _value.Append(text);
    }

    private void Charge(int count)
    {
        context.CheckLength((long)_value.Length + count);
        context.ChargeText(count);
    }

    private void AddSpan(int start, int end)
    {
        while (_spans.Count > 0 && _spans[^1].End >= start)
        {
            start = Math.Min(start, _spans[^1].Start);
            end = Math.Max(end, _spans[^1].End);
            _spans.RemoveAt(_spans.Count - 1);
        }
        _spans.Add(new(start, end));
    }
}
