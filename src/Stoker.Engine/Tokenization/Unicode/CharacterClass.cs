namespace Stoker.Engine.Tokenization.Unicode;

/// <summary>
/// Classes of characters, Unicode 15.0, as sets of bits. A character has exactly one of 32 classes: its general
/// category, except that control characters
/// that are white space, and symbols that are alphabetic, have classes of their own. So every <c>\p{..}</c> of a
/// category, <c>\s</c>, <c>\d</c> and <c>\w</c> is one mask.
/// </summary>
internal static class CharacterClass
{
    public const uint UppercaseLetter = 1u << 0;
    public const uint LowercaseLetter = 1u << 1;
    public const uint TitlecaseLetter = 1u << 2;
    public const uint ModifierLetter = 1u << 3;
    public const uint OtherLetter = 1u << 4;
    public const uint NonspacingMark = 1u << 5;
    public const uint Mark = 7u << 5;
    public const uint DecimalNumber = 1u << 8;
    public const uint Number = 7u << 8;
    public const uint Separator = 7u << 11;
    public const uint ConnectorPunctuation = 1u << 18;
    public const uint Punctuation = 0x7Fu << 18;
    public const uint AlphabeticSymbol = 1u << 31;
    public const uint Symbol = (0xFu << 25) | AlphabeticSymbol;
    public const uint ControlSpace = 1u << 30;
    public const uint Letter = 0x1Fu;

    /// <summary>The property White_Space, which is <c>\s</c>.</summary>
    public const uint Space = Separator | ControlSpace;

    /// <summary>
    /// <c>\w</c>: alphabetic, mark, decimal number, connector punctuation (letter numbers are alphabetic).
    /// </summary>
    public const uint Word = Letter | Mark | DecimalNumber | (1u << 9) | ConnectorPunctuation | AlphabeticSymbol;

    private const int Categories = 30;
    private static readonly string[] Names =
    [
        "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po",
        "Sm", "Sc", "Sk", "So", "Cn",
    ];

    /// <summary>The one bit of the character's class.</summary>
    public static uint Of(int codePoint) =>
        1u << ClassTable.ClassBlocks[(ClassTable.ClassIndex[codePoint >> 7] << 7) | (codePoint & 127)];

    public static bool IsIn(int codePoint, uint mask) => (Of(codePoint) & mask) != 0;

    /// <summary>
    /// The mask of a general category by its short name, such as <c>Lu</c>, <c>L</c> or <c>LC</c>; null when there is
    /// none.
    /// </summary>
    public static uint? FromCategory(string name)
    {
        if (name.Equals("LC", StringComparison.OrdinalIgnoreCase))
        {
            return UppercaseLetter | LowercaseLetter | TitlecaseLetter;
        }
        var mask = 0u;
        for (var i = 0; i < Categories && name.Length is 1 or 2; i++)
        {
            if (Names[i].StartsWith(name, StringComparison.OrdinalIgnoreCase)) mask |= 1u << i;
        }

        if ((mask & (1u << 14)) != 0) mask |= ControlSpace;
        if ((mask & (1u << 28)) != 0) mask |= AlphabeticSymbol;
        return mask == 0 ? null : mask;
    }
}
