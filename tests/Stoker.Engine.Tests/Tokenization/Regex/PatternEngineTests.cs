using System.Text;
using Stoker.Engine.Tokenization;
using Stoker.Engine.Tokenization.Patterns;
using Stoker.Engine.Tokenization.Regex;

namespace Stoker.Engine.Tests.Tokenization.Regex;

public sealed class PatternEngineTests
{
    [Theory]
    [InlineData("a|ab", "ab", "a")] // the first alternative that matches, not the longest
    [InlineData("(?:a|ab)c", "abc", "abc")]
    [InlineData("a*?b", "aab", "aab")]
    [InlineData("a+?", "aaa", "a")]
    [InlineData("a{2}", "aaa", "aa")]
    [InlineData("a{,2}b", "aab", "aab")]
    [InlineData("a{1,2}?b", "aab", "aab")]
    [InlineData("(ab){2,3}", "ababababab", "ababab")]
    [InlineData("(?:ab){1,2}?", "abab", "ab")]
    [InlineData("a{x", "a{x", "a{x")] // a brace that counts nothing is a brace
    [InlineData("a++a", "aaa", null)] // possessive: gives nothing back
    [InlineData("(?:ab)*+ab", "abab", null)]
    [InlineData("(?>a|ab)c", "abc", null)]
    [InlineData("a{1,2}+", "aaaaa", "aaaaa")] // not possessive in this syntax: a repetition of a repetition
    [InlineData("a{2}?b", "b", "b")] // nor is this lazy: it is optional
    [InlineData(@"\s+(?!\S)", "  x", " ")]
    [InlineData("a(?=b)", "ab", "a")]
    [InlineData("a(?=b)", "ac", null)]
    [InlineData("(?i:straße)", "STRAßE", "STRAßE")]
    [InlineData("(?i:'s)x", "'\u017Fx", "'\u017Fx")]
    [InlineData("(?i)a|b", "B", "B")] // the option holds for the rest, alternatives included
    [InlineData("(?i:a)b", "AB", null)]
    [InlineData("(?i:[a-z]+)", "Abc\u212A1", "Abc\u212A")]
    [InlineData("(?i:(?-i:a)b)", "aB", "aB")]
    [InlineData(".+", "a\nb", "a")]
    [InlineData("(?m:.+)", "a\nb", "a\nb")]
    [InlineData(@"[^\s\p{L}]+", "12,a", "12,")]
    [InlineData(@"[\S\n]+", "a\nb c", "a\nb")]
    [InlineData(@"[]a]+", "a]a", "a]a")]
    [InlineData(@"[a\-z]+", "a-zb", "a-z")]
    [InlineData(@"[a-]+", "a-b", "a-")]
    [InlineData(@"\p{Han}+", "漢字かな", "漢字")]
    [InlineData(@"\P{Han}+", "かな漢", "かな")]
    [InlineData(@"\p{^L}+", "12a", "12")]
    [InlineData(@"\p{Letter}\p{lu}?", "aB", "aB")] // names in any case
    [InlineData(@"\w+", "aé\u0301_9-", "aé\u0301_9")]
    [InlineData(@"\d+", "1٣x", "1٣")]
    [InlineData(@"\x41\x{1F600}\u0042\n", "A\U0001F600B\n", "A\U0001F600B\n")]
    [InlineData(@"\p{L}+", "\U00010400\U00010401!", "\U00010400\U00010401")] // letters outside the BMP
    [InlineData("[一-龥]+", "中文x", "中文")]
    [InlineData(@"\.\[\]", ".[]", ".[]")]
    [InlineData("", "a", "")]
    public void Matches_at_the_start(string pattern, string text, string? expected) =>
        MatchAt(Known(pattern), text, 0).ShouldBe(expected);

    [Theory]
    [InlineData("^b", "a\nb", 2, "b")]
    [InlineData("^b", "ab", 1, null)]
    [InlineData("a$", "a\nb", 0, "a")]
    [InlineData(@"\Ab", "a\nb", 2, null)]
    [InlineData(@"a\z", "a\n", 0, null)]
    [InlineData(@"a\Z", "a\n", 0, "a")]
    [InlineData(@"\bcd", "ab cd", 3, "cd")]
    [InlineData(@"\bb", "ab", 1, null)]
    [InlineData(@"\Bb", "ab", 1, "b")]
    public void Anchors_hold_at_their_places(string pattern, string text, int start, string? expected) =>
        MatchAt(Known(pattern), text, start).ShouldBe(expected);

    [Theory]
    [InlineData(@"(?<=a)b", "look behind")]
    [InlineData(@"(?<!a)b", "look behind")]
    [InlineData(@"(?<n>a)", "named group")]
    [InlineData(@"(a)\1", @"escape '\1'")]
    [InlineData(@"\R", @"escape '\R'")]
    [InlineData(@"[a[b]]", "class inside a class")]
    [InlineData(@"[[:alpha:]]", "class inside a class")]
    [InlineData(@"[a&&b]", "'&&'")]
    [InlineData(@"\p{Alphabetic}", "property 'Alphabetic'")]
    [InlineData(@"\pL", "without braces")]
    [InlineData(@"(?x:a)", "option 'x'")]
    [InlineData(@"(a*)*", "endless repetition")]
    [InlineData(@"(?#x)", "comment")]
    [InlineData(@"(?~a)", "absence")]
    [InlineData("(a", "')' was expected")]
    [InlineData("a)", "no '('")]
    [InlineData("[a", "class is not closed")]
    [InlineData("*a", "nothing to repeat")]
    [InlineData("[b-a]", "range ends below")]
    [InlineData("a{3,2}", "ends below its start")]
    [InlineData(@"a\", "backslash")]
    [InlineData(@"\x{110000}", "hexadecimal")]
    [InlineData("a{99999}", "repetition of more than")]
    [InlineData("(?:(?:ab){100}){101}", "instructions")]
    public void What_is_not_supported_is_an_error_that_names_it(string pattern, string expected) =>
        Should.Throw<PatternSyntaxException>(() => PatternEngine.Compile(pattern)).Message.ShouldContain(expected);

    [Fact]
    public void Deep_nesting_is_an_error() =>
        Should.Throw<PatternSyntaxException>(() => PatternEngine.Compile(new string('(', 4_000) + new string(')', 4_000))).Message.ShouldContain("nested");

    [Theory]
    [InlineData("{1}")]
    [InlineData("??+")]
    public void Repetitions_stacked_on_each_other_are_an_error_and_not_the_end_of_the_stack(string repeat)
    {
        foreach (var count in (int[])[20, 3_000, 1_000_000])
        {
            var pattern = "a" + string.Concat(Enumerable.Repeat(repeat, count));
            Should.Throw<PatternSyntaxException>(() => PatternEngine.Compile(pattern));
        }
    }

    [Fact]
    public void Empty_groups_repeated_in_each_other_are_an_error_in_no_time() =>
        Should.Throw<PatternSyntaxException>(() => PatternEngine.Compile("(((((){9999}){9999}){9999}){9999})")).Message.ShouldContain("too large");

    [Fact]
    public void A_pattern_that_explodes_ends_in_an_error_within_its_budget()
    {
        var engine = PatternEngine.Compile("(?:a|a|b)+c");
        Should.Throw<TokenizationException>(() => MatchAt(engine, new string('a', 200), 0)).Message.ShouldContain("steps");
    }

    [Fact]
    public void A_long_run_needs_no_deep_stack()
    {
        var text = new string('a', 1_000_000);
        MatchAt(PatternEngine.Compile("(?:a|b)+"), text, 0).ShouldBe(text);
    }

    private static PatternEngine Known(string pattern) => PatternEngine.Compile(pattern);

    private static string? MatchAt(PatternEngine engine, string text, int start)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        var scratch = new MatchScratch();
        scratch.Allow(bytes.Length);
        var end = engine.Match(bytes, start, scratch);
        return end < 0 ? null : Encoding.UTF8.GetString(bytes[start..end]);
    }
}
