using System.Text;

namespace Stoker.Engine.Tokenization.Decoding;

/// <summary>
/// Cuts a <see cref="StripRule"/> from a text that comes in parts: what might be its end is held back.
/// </summary>
internal sealed class StripFilter(StripRule rule)
{
    private int _cutAtStart;
    private bool _started;
    private int _held; // so many of the character stand at the end of what came so far

    public void Append(Rune rune, StringBuilder text)
    {
        if (!_started && rune == rule.Content && _cutAtStart < rule.Start)
        {
            _cutAtStart++;
            return;
        }

        _started = true;
        if (rune == rule.Content && _held < rule.End)
        {
            _held++;
            return;
        }

        if (rune != rule.Content) Release(_held, text);

        text.AppendRune(rune); // one more than may be cut means that the earliest of them is safe
    }

    /// <summary>At the end of the text, what is held is what is cut.</summary>
    public void Flush() => _held = 0;

    private void Release(int count, StringBuilder text)
    {
        for (; count > 0; count--) text.AppendRune(rule.Content);
        _held = 0;
    }
}
