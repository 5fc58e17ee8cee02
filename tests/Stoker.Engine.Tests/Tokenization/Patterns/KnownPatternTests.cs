using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Stoker.Engine.Tokenization.Patterns;
using Stoker.Engine.Tokenization.Regex;

namespace Stoker.Engine.Tests.Tokenization.Patterns;

public sealed class KnownPatternTests
{
    public static TheoryData<string> All => [.. KnownPatterns.All.Keys];

    /// <summary>Characters that the patterns tell apart, often, and any character, sometimes.</summary>
    private static readonly string[] Alphabet =
    [
        "a", "b", "s", "S", "t", "T", "l", "L", "r", "e", "v", "m", "d", "D", "E", "R", "V", "M", "'", "'", "'", "\u2019", " ", " ", " ", "\n", "\r", "\t", "\u00A0", "\u3000", "\u0085",
        "1", "2", "3", "٣", "Ⅷ", "½", ".", ",", "/", "_", "-", "!", "$", "+", "«", "。", "é", "É", "ß", "\u0301", "\u0903", "\u20DD", "ǅ", "ʰ", "ª", "中", "か", "ー", "ア", "한", "א", "क",
        "\u017F", "\u212A", "\U00010400", "\U00010428", "\U0001D7D8", "\U0001F600", "\u200D", "\u0000", "\uFFFD", "\u0378", "Ⓐ", "\uE000",
    ];

    private static readonly Gen<string> Texts = Gen.Frequency(
            (20, Gen.Elements(Alphabet)),
            (1, Gen.Choose(0, 0x10FFFF).Select(code => code is >= 0xD800 and <= 0xDFFF ? "x" : char.ConvertFromUtf32(code))))
        .ListOf().Select(parts => string.Concat(parts));

    [Theory]
    [MemberData(nameof(All))]
    public void The_scanner_equals_the_pattern_engine(string pattern)
    {
        var (scanner, engine) = (KnownPatterns.Find(pattern).ShouldNotBeNull(), PatternEngine.Compile(pattern));
        Prop.ForAll(Texts.ToArbitrary(), text => Cut(scanner, text) == Cut(engine, text))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(1_500).WithEndSize(60));
    }

    [Fact]
    public void Every_family_of_the_issue_is_recognised() => KnownPatterns.All.Count.ShouldBe(9);

    [Fact]
    public void An_unknown_pattern_has_no_scanner() => KnownPatterns.Find(@"\p{L}+").ShouldBeNull();

    [Theory]
    [InlineData(KnownPatterns.Llama3, "I'Ll 12345 go!!\n\n  now  ", "I|'Ll| |123|45| go|!!\n\n| | now|  ")]
    [InlineData(KnownPatterns.Qwen2, "x=123", "x|=|1|2|3")]
    [InlineData(KnownPatterns.Gpt2, "I'LL don't 12345 go!!\n\n  now", "I|'|LL| don|'t| 12345| go|!!|\n\n | now")]
    [InlineData(KnownPatterns.Qwen35, "क\u0301x\u0301!", "क\u0301x\u0301|!")]
    [InlineData(KnownPatterns.O200k, "helloWorld HTTPServer's don't a/b//\n", "hello|World| HTTPServer's| don't| a|/b|//\n")]
    [InlineData(KnownPatterns.Tekken, "helloWorld's 12", "hello|World|'s| |1|2")]
    public void Cuts_as_derived_by_hand(string pattern, string text, string expected) =>
        Cut(KnownPatterns.Find(pattern)!, text).ShouldBe(expected);

    private static string Cut(PatternMatcher matcher, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        var scratch = new MatchScratch();
        scratch.Allow(bytes.Length);
        var segments = new Engine.Tokenization.Splitting.Segments(bytes, matcher, scratch);
        var pieces = new List<string>();
        while (segments.MoveNext())
        {
            pieces.Add((segments.IsMatch ? "" : "gap:") + Encoding.UTF8.GetString(bytes[segments.Current]));
        }
        return string.Join('|', pieces);
    }
}
