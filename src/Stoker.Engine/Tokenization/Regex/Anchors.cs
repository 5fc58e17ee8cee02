using Stoker.Engine.Tokenization.Unicode;

namespace Stoker.Engine.Tokenization.Regex;

/// <summary>Places in a text. In this syntax <c>^</c> and <c>$</c> always mean lines.</summary>
internal static class Anchors
{
    public static bool Hold(Anchor anchor, ReadOnlySpan<byte> text, int position) => anchor switch
    {
        Anchor.LineStart => position == 0 || (text[position - 1] == '\n' && position < text.Length),
        Anchor.LineEnd => position == text.Length || text[position] == '\n',
        Anchor.TextStart => position == 0,
        Anchor.TextEnd => position == text.Length,
        Anchor.TextEndOrLastLineBreak => position == text.Length || (position == text.Length - 1 && text[position] == '\n'),
        Anchor.WordBoundary => IsBoundary(text, position),
        _ => !IsBoundary(text, position),
    };

    private static bool IsBoundary(ReadOnlySpan<byte> text, int position)
    {
        var before = position > 0 && CharacterClass.IsIn(Utf8.ReadBefore(text, position, out _), CharacterClass.Word);
        var after =
            position < text.Length && CharacterClass.IsIn(Utf8.ReadAt(text, position, out _), CharacterClass.Word);
        return before != after;
    }
}
