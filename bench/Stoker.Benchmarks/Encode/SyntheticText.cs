using System.Text;

namespace Stoker.Benchmarks.Encode;

/// <summary>
/// Texts for the encode bench: made from a seed, so the same on every machine, with the statistics that matter (word
/// lengths, frequencies, runs of space).
/// </summary>
internal static class SyntheticText
{
    private const int Seed = 20260101;
    private static readonly string[] Onsets = ["b", "br", "c", "ch", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "l", "m", "n", "p", "pl", "qu", "r", "s", "sh", "st", "t", "th", "tr", "v", "w", "y", ""];
    private static readonly string[] Vowels = ["a", "e", "i", "o", "u", "ea", "ou", "ee", "ai"];
    private static readonly string[] Codas = ["", "", "n", "r", "s", "t", "l", "nd", "ng", "ck", "m", "p"];

    private static readonly string[] Foreign =
    [
        "привет", "мир", "сегодня", "погода", "中文", "语言", "模型", "日本語", "テスト", "ひらがな", "안녕하세요", "세계", "مرحبا", "بالعالم", "שלום", "नमस्ते", "दुनिया", "γειά", "κόσμε",
        "café", "naïve", "Straße", "ação", "e\u0301te\u0301", "\U0001F600", "\U0001F468\u200D\U0001F469\u200D\U0001F467", "∑x²≤∞", "①②③", "\U0001D54F",
    ];

    private static readonly string[] Code =
    [
        "for (int i = 0; i < {0}; i++)\n", "    {\n", "        {0}.{1}({2});\n", "    }\n\n", "    if ({0} != null && {1}.Length > 128)\n", "        return \"{0}_{1}\";\n", "\t// {0} the {1} of {2}\n", "public static {0} {1}({2} x)\n",
        "        var {0} = new {1}[{2}];\n",
    ];

    /// <summary>Distinct made-up words, commonest (short) first.</summary>
    public static string[] Words(int count)
    {
        var random = new Random(Seed);
        var words = new HashSet<string>();
        for (var tries = 0; words.Count < count; tries++)
        {
            var word = new StringBuilder();
            var syllables = 1 + Math.Min(4, tries * 4 / count) + random.Next(2);
            for (var i = 0; i < syllables; i++)
            {
                word.Append(Pick(Onsets, random)).Append(Pick(Vowels, random)).Append(Pick(Codas, random));
            }
            words.Add(word.ToString());
        }

        return [.. words];
    }

    /// <summary>Sentences, word frequencies after Zipf.</summary>
    public static string English(string[] words, int characters)
    {
        var (random, text) = (new Random(Seed + 1), new StringBuilder(characters + 64));
        while (text.Length < characters)
        {
            var length = random.Next(4, 18);
            for (var i = 0; i < length; i++)
            {
                var word = Zipf(words, random);
                text.Append(i == 0 ? char.ToUpperInvariant(word[0]) + word[1..] : word).Append(i == length - 1 ? "." : random.Next(9) == 0 ? ", " : " ");
            }

            text.Append(random.Next(6) == 0 ? "\n\n" : " ");
        }

        return text.ToString();
    }

    public static string SourceCode(string[] words, int characters)
    {
        var (random, text) = (new Random(Seed + 2), new StringBuilder(characters + 256));
        while (text.Length < characters)
        {
            var line = Pick(Code, random);
            for (var i = 0; i < 3; i++) line = line.Replace($"{{{i}}}", random.Next(5) == 0 ? $"{random.Next(100_000)}" : Zipf(words, random), StringComparison.Ordinal);
            text.Append(line);
        }

        return text.ToString();
    }

    /// <summary>Half words, half other scripts, emoji, combining marks and mathematics.</summary>
    public static string MixedUnicode(string[] words, int characters)
    {
        var (random, text) = (new Random(Seed + 3), new StringBuilder(characters + 64));
        while (text.Length < characters) text.Append(random.Next(2) == 0 ? Zipf(words, random) : Pick(Foreign, random)).Append(random.Next(4) == 0 ? "、" : " ");
        return text.ToString();
    }

    /// <summary>
    /// One run of letters without a space: the worst case of merging, and no piece of it is in a cache.
    /// </summary>
    public static string OneWord(string[] words, int characters)
    {
        var (random, text) = (new Random(Seed + 4), new StringBuilder(characters + 64));
        while (text.Length < characters) text.Append(Zipf(words, random));
        return text.ToString();
    }

    private static string Zipf(string[] words, Random random) =>
        words[(int)Math.Pow(words.Length, random.NextDouble()) - 1];

    private static string Pick(string[] from, Random random) => from[random.Next(from.Length)];
}
