namespace Stoker.Engine.Tests.Tokenization.AddedTokens;

public sealed class AddedTokenTests
{
    [Fact]
    public void The_leftmost_and_then_the_longest_wins() =>
        Spell(Make().Added(256, "<a>").Added(257, "<a><b>").Added(258, "<b>").Added(259, "b><"), "x<a><b><b><a>").ShouldBe("x|[<a><b>]|[<b>]|[<a>]");

    [Fact]
    public void A_longer_beginning_that_does_not_finish_falls_back_to_the_shorter_token() =>
        Spell(Make().Added(256, "ab").Added(257, "abcd"), "abcab").ShouldBe("[ab]|c|[ab]");

    [Theory]
    [InlineData("cat", "[cat]")]
    [InlineData("a cat!", "a| |[cat]|!")]
    [InlineData("cats", "c|a|t|s")]
    [InlineData("\u00E9cat", "\u00C3|\u00A9|c|a|t")]
    [InlineData("cat_", "c|a|t|_")]
    [InlineData("cat cats", "[cat]| |c|a|t|s")]
    public void Single_word_needs_no_word_character_on_either_side(string text, string expected) =>
        Spell(Make().Added(256, "cat", "single_word !normalized"), text).ShouldBe(expected);

    [Theory]
    [InlineData("lstrip", "a  <m>  b", "a|[<m>]| | |b")]
    [InlineData("rstrip", "a  <m>  b", "a| | |[<m>]|b")]
    [InlineData("lstrip rstrip", "a \u3000<m>\n b", "a|[<m>]|b")]
    [InlineData("lstrip rstrip", "<m> <m>", "[<m>]|[<m>]")] // white space goes to the first that reaches it
    [InlineData("lstrip", "  <m>", "[<m>]")]
    [InlineData("", " <m> ", " |[<m>]| ")]
    public void Strip_flags_swallow_white_space(string flags, string text, string expected) =>
        Spell(Make().Added(256, "<m>", flags), text).ShouldBe(expected);

    [Fact]
    public void A_normalized_token_is_found_in_the_normalised_text_and_in_normalised_form()
    {
        var lower = Make().Part("normalizer", """{"type":"Lowercase"}""");
        Spell(lower.Added(256, "<Yes>", "normalized").Added(257, "<No>", "!normalized"), "<YES><NO><No>").ShouldBe("[<Yes>]|<|n|o|>|[<No>]");
    }

    [Fact]
    public void Tokens_of_the_text_as_given_go_before_those_of_the_normalised_text() =>
        Spell(Make().Added(256, "abc", "normalized").Added(257, "bcd", "!normalized"), "abcd").ShouldBe("a|[bcd]");

    [Fact]
    public void Normalized_is_the_default_unless_the_token_is_special()
    {
        var upper =
            Make().Part("normalizer", """{"type":"Lowercase"}""").Added(256, "<p>").Added(257, "<s>", "special");
        Spell(upper, "<P><S>").ShouldBe("[<p>]|<|s|>");
    }

    [Fact]
    public void Safe_encoding_leaves_special_tokens_text_and_still_finds_the_others()
    {
        var tokenizer = Make().Added(256, "<|end|>", "special").Added(257, "<tool>").Load();
        var ids = tokenizer.Encode("a<|end|><tool>", addSpecialTokens: false, parseSpecialTokens: false);
        ids.ShouldBe([.. "a<|end|>"u8.ToArray().Select(value => (int)value), 257]);
        tokenizer.Encode("a<|end|><tool>", addSpecialTokens: false).ShouldBe(['a', 256, 257]);
    }

    /// <summary>
    /// Nor may the model's own vocabulary give what the matching was told not to give: whole pieces, single characters
    /// and merges.
    /// </summary>
    [Fact]
    public void Safe_encoding_never_yields_a_special_token_by_way_of_the_model()
    {
        var tokenizer = new TokenizerJson().Vocabulary("<", "e", ">", "<e", "<e>", "!").Merges("< e", "<e >").Option("ignore_merges", true)
            .Added(4, "<e>", "special").Added(5, "!", "special").Load();
        tokenizer.Encode("<e>!", addSpecialTokens: false, parseSpecialTokens: false).ShouldBe([3, 2]); // "!" has no other spelling and no unknown token
        tokenizer.Encode("<e>!", addSpecialTokens: false).ShouldBe([4, 5]);

        var wide = Make().Part("normalizer", """{"type":"NFKC"}""").Added(256, "<e>", "special").Load();
        wide.Encode("\uFF1Ce\uFF1E", addSpecialTokens: false).ShouldBe(['<', 'e', '>']);
    }

    [Fact]
    public void Special_tokens_are_left_out_of_decoding_on_demand_and_others_never()
    {
        var tokenizer = Make().Added(256, "<|end|>", "special").Added(257, "<tool>").Load();
        tokenizer.Decode(['a', 256, 257, 'b'], skipSpecialTokens: true).ShouldBe("a<tool>b");
        tokenizer.Decode(['a', 256, 257, 'b'], skipSpecialTokens: false).ShouldBe("a<|end|><tool>b");
        tokenizer.IsSpecial(256).ShouldBeTrue();
        tokenizer.IsSpecial(257).ShouldBeFalse();
        tokenizer.IsSpecial(-1).ShouldBeFalse();
        tokenizer.IsSpecial(int.MaxValue).ShouldBeFalse();
        tokenizer.FindToken("<tool>").ShouldBe(257);
        tokenizer.FindToken("<nothing>").ShouldBeNull();
        tokenizer.VocabularySize.ShouldBe(258);
    }

    [Fact]
    public void An_added_token_outside_the_byte_alphabet_is_decoded_as_it_is_written()
    {
        var tokenizer = Make().Added(256, "<｜begin▁of｜>", "special").Added(257, "a b").Load();
        tokenizer.Decode([256, 257], skipSpecialTokens: false).ShouldBe("<｜begin▁of｜>a b");
        tokenizer.TokenBytes(257).ToArray().ShouldBe("a b"u8.ToArray());
    }

    [Fact]
    public void An_empty_token_matches_nowhere() => Spell(Make().Added(256, ""), "ab").ShouldBe("a|b");

    private static TokenizerJson Make() => TokenizerJson.Bytes();

    /// <summary>Added tokens in brackets, the model's tokens as they are spelled.</summary>
    private static string Spell(TokenizerJson json, string text)
    {
        var tokenizer = json.Load();
        return string.Join('|', tokenizer.Encode(text, addSpecialTokens: false).Select(id => id >= 256 ? $"[{tokenizer.Spelling(id)}]" : Engine.Tokenization.Unicode.ByteAlphabet.ToCharacter((byte)id) == 'Ġ' ? " " : tokenizer.Spelling(id)));
    }
}
