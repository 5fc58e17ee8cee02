using System.Text.Json;
using Stoker.Engine.Tokenization.Loading;

namespace Stoker.Engine.Tests.Tokenization.Normalizers;

public sealed class NormalizerTests
{
    [Theory]
    [InlineData("""{"type":"NFC"}""", "e\u0301\u1112\u1161\u11AB", "\u00E9\uD55C")]
    [InlineData("""{"type":"NFD"}""", "\u00E9\uD55C", "e\u0301\u1112\u1161\u11AB")]
    [InlineData("""{"type":"NFKC"}""", "\uFF21\u2460", "A1")]
    [InlineData("""{"type":"NFKD"}""", "\u00E9\uFB01", "e\u0301fi")]
    [InlineData("""{"type":"Lowercase"}""", "ÀB\u0130Σ", "àbi\u0307σ")]
    [InlineData("""{"type":"StripAccents"}""", "e\u0301\u00E9", "e\u00E9")] // decomposes nothing itself
    [InlineData("""{"type":"StripAccents"}""", "\u0915\u093Ea\u20DD\u0E49", "\u0915a")] // spacing and enclosing marks too
    [InlineData("""{"type":"Sequence","normalizers":[{"type":"NFD"},{"type":"StripAccents"}]}""", "\u00E9a\u0308", "ea")]
    [InlineData("""{"type":"Strip","strip_left":true,"strip_right":false}""", "\u3000 a ", "a ")]
    [InlineData("""{"type":"Strip","strip_left":false,"strip_right":true}""", " a\u00A0\n", " a")]
    [InlineData("""{"type":"Strip","strip_left":true,"strip_right":true}""", " \t ", "")]
    [InlineData("""{"type":"Prepend","prepend":"\u2581"}""", "a", "\u2581a")]
    [InlineData("""{"type":"Prepend","prepend":"\u2581"}""", "", "")]
    [InlineData("""{"type":"Replace","pattern":{"String":" "},"content":"\u2581"}""", " a  b", "\u2581a\u2581\u2581b")]
    [InlineData("""{"type":"Replace","pattern":{"Regex":" {2,}"},"content":" "}""", "a    b c", "a b c")]
    [InlineData("""{"type":"Replace","pattern":{"Regex":"x*"},"content":"-"}""", "axb", "-a-b-")] // empty at both ends, but not again right behind the x
    [InlineData("""{"type":"ByteLevel"}""", " é", "\u0120\u00C3\u00A9")]
    [InlineData("""{"type":"Sequence","normalizers":[]}""", " É", " É")]
    [InlineData("null", " É", " É")]
    public void Changes_a_text_as_named(string json, string text, string expected) =>
        Read(json).Apply(text).ShouldBe(expected);

    [Theory]
    [InlineData("""{"type":"Precompiled","precompiled_charsmap":""}""", "Precompiled")]
    [InlineData("""{"type":"BertNormalizer"}""", "BertNormalizer")]
    [InlineData("""{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Nmt"}]}""", "Nmt")]
    public void Others_are_named_in_the_error(string json, string name)
    {
        var error = Should.Throw<ModelLoadException>(() => Read(json));
        error.Message.ShouldContain($"'{name}' is not supported");
        error.File.ShouldBe("tokenizer.json");
    }

    [Theory]
    [InlineData("""{"type":"Prepend"}""", "normalizer.prepend")]
    [InlineData("""{"type":"Replace","content":"x"}""", "normalizer.pattern")]
    [InlineData("""{"type":"Strip","strip_left":1}""", "normalizer.strip_left")]
    [InlineData("""{"type":"Sequence"}""", "normalizer.normalizers")]
    [InlineData("""{"type":7}""", "normalizer.type")]
    [InlineData("""[]""", "normalizer")]
    [InlineData("""{"type":"Replace","pattern":{"Regex":"(?<=a)b"},"content":""}""", "look behind")]
    public void Broken_ones_are_errors_that_name_the_place(string json, string place) =>
        Should.Throw<ModelLoadException>(() => Read(json)).Message.ShouldContain(place);

    private static Engine.Tokenization.Normalizers.NormalizerChain Read(string json) =>
        NormalizerReader.Read(new ComponentJson(JsonDocument.Parse(json).RootElement, "normalizer"));
}
