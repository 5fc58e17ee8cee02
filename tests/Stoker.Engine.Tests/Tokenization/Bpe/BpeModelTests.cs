namespace Stoker.Engine.Tests.Tokenization.Bpe;

public sealed class BpeModelTests
{
    [Fact]
    public void The_lowest_rank_goes_first_and_the_leftmost_on_ties()
    {
        var tokenizer = new TokenizerJson().Vocabulary("a", "b", "c").Merges("b c", "a b").Load();
        tokenizer.Encode("abc", addSpecialTokens: false).Select(tokenizer.Spelling).ShouldBe(["a", "bc"]);
        var ties = new TokenizerJson().Vocabulary("a").Merges("a a").Load();
        ties.Encode("aaa", addSpecialTokens: false).Select(ties.Spelling).ShouldBe(["aa", "a"]);
    }

    [Theory]
    [InlineData(true, "abc")]
    [InlineData(false, "ab|c")]
    public void Ignore_merges_takes_a_whole_piece_that_is_in_the_vocabulary(bool ignore, string expected)
    {
        var tokenizer =
            new TokenizerJson().Vocabulary("a", "b", "c", "abc").Merges("a b").Option("ignore_merges", ignore).Load();
        string.Join('|', tokenizer.Encode("abc", addSpecialTokens: false).Select(tokenizer.Spelling)).ShouldBe(expected);
    }

    [Fact]
    public void Merges_may_be_pairs_whose_parts_hold_spaces()
    {
        var json = new TokenizerJson().Vocabulary("a ", "b", "a b", "a", " ").Option("merges", System.Text.Json.Nodes.JsonNode.Parse("""[["a"," "],["a ","b"]]"""));
        var tokenizer = json.Load();
        tokenizer.Encode("a b", addSpecialTokens: false).Select(tokenizer.Spelling).ShouldBe(["a b"]);
    }

    [Theory]
    [InlineData(true, "a|<unk>|b")]
    [InlineData(false, "a|<unk>|<unk>|b")]
    public void Unknown_characters_are_the_unknown_token_and_fuse_on_demand(bool fuse, string expected)
    {
        var tokenizer = new TokenizerJson().Vocabulary("<unk>", "a", "b").Option("unk_token", "<unk>").Option("fuse_unk", fuse).Load();
        string.Join('|', tokenizer.Encode("axéb", addSpecialTokens: false).Select(tokenizer.Spelling)).ShouldBe(expected);
    }

    [Fact]
    public void Without_an_unknown_token_unknown_characters_give_nothing() =>
        new TokenizerJson().Vocabulary("a").Load().Encode("axa", addSpecialTokens: false).ShouldBe([0, 0]);

    [Fact]
    public void Byte_fallback_needs_all_bytes_of_the_character()
    {
        var tokenizer = new TokenizerJson().Vocabulary("<unk>", "<0xC3>", "<0xA9>").Option("unk_token", "<unk>").Option("byte_fallback", true).Load();
        tokenizer.Encode("éè", addSpecialTokens: false).Select(tokenizer.Spelling).ShouldBe(["<0xC3>", "<0xA9>", "<unk>"]);
    }

    [Fact]
    public void A_byte_that_a_byte_level_vocabulary_lacks_is_the_unknown_token()
    {
        var tokenizer = new TokenizerJson().Vocabulary("<unk>", "a").Option("unk_token", "<unk>").Part("pre_tokenizer", """{"type":"ByteLevel","add_prefix_space":false}""").Load();
        tokenizer.Encode("a!a", addSpecialTokens: false).ShouldBe([1, 0, 1]);
    }

    [Fact]
    public void The_piece_cache_gives_what_merging_gives()
    {
        var tokenizer = TokenizerJson.Bytes().Merges("a b", "c d").Part("pre_tokenizer", """{"type":"ByteLevel","add_prefix_space":false,"use_regex":true}""").Load();
        var words = Enumerable.Range(0, 40_000).Select(i => $" ab{i:x}cd").ToArray(); // more than the cache has places
        var first = tokenizer.Encode(string.Concat(words), addSpecialTokens: false);
        tokenizer.Encode(string.Concat(words), addSpecialTokens: false).ShouldBe(first);
        words.SelectMany(word => tokenizer.Encode(word, addSpecialTokens: false)).ShouldBe(first);
    }
}
