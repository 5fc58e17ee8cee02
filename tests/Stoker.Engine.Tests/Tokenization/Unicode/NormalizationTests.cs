using System.Globalization;
using System.Text;
using Stoker.Engine.Tokenization.Unicode;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Tokenization.Unicode;

public sealed class NormalizationTests
{
    [Theory]
    [InlineData("e\u0301", "\u00E9", "e\u0301", "\u00E9", "e\u0301")] // é from its parts
    [InlineData("\u1E9B\u0323", "\u1E9B\u0323", "\u017F\u0323\u0307", "\u1E69", "s\u0323\u0307")] // long s with dots: four different results
    [InlineData("\uD55C\uAE00", "\uD55C\uAE00", "\u1112\u1161\u11AB\u1100\u1173\u11AF", "\uD55C\uAE00", "\u1112\u1161\u11AB\u1100\u1173\u11AF")] // 한글
    [InlineData("\uFB01 \u2460 \uFF21", "\uFB01 \u2460 \uFF21", "\uFB01 \u2460 \uFF21", "fi 1 A", "fi 1 A")] // compatibility forms
    [InlineData("\u212B", "\u00C5", "A\u030A", "\u00C5", "A\u030A")] // the ångström sign is excluded from composition
    [InlineData("\U0001D15E", "\U0001D157\U0001D165", "\U0001D157\U0001D165", "\U0001D157\U0001D165", "\U0001D157\U0001D165")] // a musical note, outside the BMP
    public void Forms_of_known_texts(string text, string nfc, string nfd, string nfkc, string nfkd)
    {
        Apply(UnicodeForm.Nfc, text).ShouldBe(nfc);
        Apply(UnicodeForm.Nfd, text).ShouldBe(nfd);
        Apply(UnicodeForm.Nfkc, text).ShouldBe(nfkc);
        Apply(UnicodeForm.Nfkd, text).ShouldBe(nfkd);
    }

    /// <summary>The invariants that the conformance file states: each form of each of the five columns.</summary>
    [Fact]
    public void Sampled_conformance_cases_hold()
    {
        var lines = File.ReadLines(TestData.Fixture("unicode/NormalizationTest.sample.txt"))
            .Where(line => line.Contains(';', StringComparison.Ordinal) && line[0] != '#').ToList();
        lines.Count.ShouldBeGreaterThan(400);
        foreach (var line in lines)
        {
            var c = line.Split(';').Select(ToText).ToArray();
            foreach (var (from, text) in c.Index())
            {
                Apply(UnicodeForm.Nfc, text).ShouldBe(from < 3 ? c[1] : c[3], line);
                Apply(UnicodeForm.Nfd, text).ShouldBe(from < 3 ? c[2] : c[4], line);
                Apply(UnicodeForm.Nfkc, text).ShouldBe(c[3], line);
                Apply(UnicodeForm.Nfkd, text).ShouldBe(c[4], line);
            }
        }
    }

    /// <summary>So a text that the quick check lets pass is one that normalising would not have changed.</summary>
    [Theory]
    [InlineData(UnicodeForm.Nfc)]
    [InlineData(UnicodeForm.Nfd)]
    [InlineData(UnicodeForm.Nfkc)]
    [InlineData(UnicodeForm.Nfkd)]
    internal void Quick_check_agrees_with_the_full_form_for_every_character(UnicodeForm form)
    {
        for (var code = 0; code <= 0x10FFFF; code++)
        {
            if (code is >= 0xD800 and <= 0xDFFF) continue;
            var text = char.ConvertFromUtf32(code);
            if (Normalization.IsSurely(form, Encoding.UTF8.GetBytes(text)) && Full(form, text) != text) Assert.Fail($"U+{code:X4}");
        }
    }

    [Fact]
    public void A_long_run_of_marks_is_ordered_by_class_and_keeps_equal_classes_in_place()
    {
        // Below-marks (220) and above-marks (230) in turn, 200,000 of them: quadratic ordering would take minutes.
        var marks = string.Concat(Enumerable.Repeat("\u0301\u0323\u0300\u0316", 50_000));
        var ordered = Apply(UnicodeForm.Nfd, "x" + marks);
        ordered.ShouldBe("x" + string.Concat(Enumerable.Repeat("\u0323\u0316", 50_000)) + string.Concat(Enumerable.Repeat("\u0301\u0300", 50_000)));
    }

    private static string Apply(UnicodeForm form, string text) =>
        Normalization.IsSurely(form, Encoding.UTF8.GetBytes(text)) ? text : Full(form, text);

    private static string Full(UnicodeForm form, string text)
    {
        var target = new Utf8Buffer();
        Normalization.Apply(form, Encoding.UTF8.GetBytes(text), target);
        return Encoding.UTF8.GetString(target.Text);
    }

    private static string ToText(string codes) =>
        string.Concat(codes.Split(' ').Select(code => char.ConvertFromUtf32(int.Parse(code, NumberStyles.HexNumber, CultureInfo.InvariantCulture))));
}
