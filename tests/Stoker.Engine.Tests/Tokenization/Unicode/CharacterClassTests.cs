using System.Globalization;
using Stoker.Engine.Tokenization.Unicode;

namespace Stoker.Engine.Tests.Tokenization.Unicode;

public sealed class CharacterClassTests
{
    [Theory]
    [InlineData('a', CharacterClass.LowercaseLetter)]
    [InlineData(0x10400, CharacterClass.UppercaseLetter)] // a letter outside the BMP
    [InlineData(0x4E00, CharacterClass.OtherLetter)]
    [InlineData(0x0301, CharacterClass.NonspacingMark)]
    [InlineData('5', CharacterClass.DecimalNumber)]
    [InlineData(0x2167, CharacterClass.Number)] // Ⅷ, a letter number
    [InlineData('\n', CharacterClass.ControlSpace)]
    [InlineData(0x24B6, CharacterClass.AlphabeticSymbol)] // Ⓐ
    [InlineData(0x1F600, CharacterClass.Symbol)]
    internal void Known_characters_have_their_class(int code, uint mask) =>
        CharacterClass.IsIn(code, mask).ShouldBeTrue();

    /// <summary>
    /// .NET's own table is of a later Unicode version: beside characters that ours does not have yet, only a handful
    /// changed their category.
    /// </summary>
    [Fact]
    public void Categories_agree_with_the_runtime_where_both_know_the_character()
    {
        var changed = new List<int>();
        for (var code = 0; code <= 0x10FFFF; code++)
        {
            var bit = uint.Log2(CharacterClass.Of(code));
            var ours = bit switch { 30 => UnicodeCategory.Control, 31 => UnicodeCategory.OtherSymbol, _ => (UnicodeCategory)bit };
            var theirs = CharUnicodeInfo.GetUnicodeCategory(code);
            if (ours != UnicodeCategory.OtherNotAssigned && ours != theirs) changed.Add(code);
        }

        changed.Count.ShouldBeLessThan(20, string.Join(' ', changed.Take(30).Select(code => code.ToString("X4", CultureInfo.InvariantCulture))));
    }

    [Fact]
    public void Space_is_exactly_the_property_white_space()
    {
        int[] expected = [9, 10, 11, 12, 13, 0x20, 0x85, 0xA0, 0x1680, .. Enumerable.Range(0x2000, 11), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000];
        Enumerable.Range(0, 0x110000).Where(code => CharacterClass.IsIn(code, CharacterClass.Space)).ShouldBe(expected);
    }

    [Theory]
    [InlineData('_', true)]
    [InlineData(0x0301, true)]
    [InlineData(0x2167, true)]
    [InlineData(0xB2, false)] // ², a number but neither decimal nor alphabetic
    [InlineData('-', false)]
    [InlineData(' ', false)]
    public void Word_characters(int code, bool expected) =>
        CharacterClass.IsIn(code, CharacterClass.Word).ShouldBe(expected);

    [Theory]
    [InlineData('A', "a")]
    [InlineData(0x130, "i\u0307")] // İ, the one that becomes two
    [InlineData(0x10400, "\U00010428")]
    [InlineData(0x1E9E, "\u00DF")]
    [InlineData('1', "1")]
    public void Lower_case(int code, string expected)
    {
        var target = new Utf8Buffer();
        CaseMapping.AppendLower(code, target);
        System.Text.Encoding.UTF8.GetString(target.Text).ShouldBe(expected);
    }

    [Fact]
    public void Equal_without_case_includes_the_long_s_and_the_kelvin_sign()
    {
        CaseMapping.EqualWithoutCase('S').ToArray().ShouldBe([(int)'s', 'S', 0x17F], ignoreOrder: true);
        CaseMapping.EqualWithoutCase(0x212A).ToArray().ShouldBe([(int)'k', 'K', 0x212A], ignoreOrder: true);
        CaseMapping.EqualWithoutCase('1').Length.ShouldBe(0);
    }
}
