using static Stoker.Engine.Tokenization.Unicode.CharacterClass;

namespace Stoker.Engine.Tokenization.Patterns;

/// <summary>The split patterns of well-known model families, recognised letter by letter, with a scanner written for each.</summary>
internal static class KnownPatterns
{
    public const string Llama3 =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    public const string Qwen2 =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    public const string Qwen35 =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>Pattern and scanner; the tests walk it.</summary>
    public static IReadOnlyDictionary<string, PatternMatcher> All { get; } = new Dictionary<string, PatternMatcher>(StringComparer.Ordinal)
    {
        [Llama3] = new WordScanner(Letter, 3),
        [Qwen2] = new WordScanner(Letter, 1),
        [Qwen35] = new WordScanner(Letter | Mark, 1),
    };

    public static PatternMatcher? Find(string pattern) => All.GetValueOrDefault(pattern);
}
