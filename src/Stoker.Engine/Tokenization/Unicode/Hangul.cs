namespace Stoker.Engine.Tokenization.Unicode;

/// <summary>Hangul syllables are composed by arithmetic: 19 leading, 21 vowel and 27 (or no) trailing jamo.</summary>
internal static class Hangul
{
    private const int Syllables = 0xAC00;
    private const int Leading = 0x1100;
    private const int Vowels = 0x1161;
    private const int Trailing = 0x11A7; // one below the first: 0 is "none"
    private const int LeadingCount = 19;
    private const int VowelCount = 21;
    private const int TrailingCount = 28;
    private const int SyllableCount = LeadingCount * VowelCount * TrailingCount;

    public static bool Decompose(int code, List<int> points)
    {
        var syllable = code - Syllables;
        if ((uint)syllable >= SyllableCount) return false;
        points.Add(Leading + (syllable / (VowelCount * TrailingCount)));
        points.Add(Vowels + (syllable / TrailingCount % VowelCount));
        if (syllable % TrailingCount is not 0 and var trailing) points.Add(Trailing + trailing);
        return true;
    }

    /// <summary>The syllable of the two, or -1.</summary>
    public static int Compose(int first, int second)
    {
        if ((uint)(first - Leading) < LeadingCount && (uint)(second - Vowels) < VowelCount)
        {
            return Syllables + ((((first - Leading) * VowelCount) + second - Vowels) * TrailingCount);
        }

        var open = first - Syllables;
        var takesTrailing = (uint)open < SyllableCount && open % TrailingCount == 0 && second > Trailing && second < Trailing + TrailingCount;
        return takesTrailing ? first + second - Trailing : -1;
    }
}
