using System.Text;

namespace Stoker.Engine.Tokenization.Decoding;

/// <summary>Code points into text.</summary>
internal static class RuneText
{
    /// <summary>Without the object and the string that <see cref="StringBuilder.Append(object)"/> makes of each.</summary>
    public static void AppendRune(this StringBuilder text, Rune rune)
    {
        Span<char> units = stackalloc char[2];
        text.Append(units[..rune.EncodeToUtf16(units)]);
    }
}
