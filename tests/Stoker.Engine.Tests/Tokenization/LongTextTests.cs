using System.Text;
using Stoker.Engine.Tokenization;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Tokenization;

/// <summary>
/// Texts as long as a request may be. Nothing here looks at a clock: what is quadratic would not come back.
/// </summary>
public sealed class LongTextTests
{
    [Theory]
    [InlineData("a")]
    [InlineData(" ")]
    [InlineData("\n")]
    [InlineData("A\u0301")]
    [InlineData("'")]
    [InlineData("<|im_en")]
    [InlineData("\U0001F600")]
    public void A_megabyte_of_one_thing_comes_back_whole(string unit)
    {
        var tokenizer = Tokenizer.Load(TestData.Model("story-3m"));
        var text = string.Concat(Enumerable.Repeat(unit, 1_000_000 / Encoding.UTF8.GetByteCount(unit)));
        var ids = tokenizer.Encode(text, addSpecialTokens: false);
        tokenizer.Decode(ids, skipSpecialTokens: false).ShouldBe(text);
    }

    [Fact]
    public void A_pattern_that_explodes_on_a_text_fails_that_call_alone()
    {
        var tokenizer = TokenizerJson.Bytes().Part("pre_tokenizer", """
            {"type":"Sequence","pretokenizers":[
              {"type":"Split","pattern":{"Regex":"(?:a|a|b)+c"},"behavior":"Isolated"},{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]}
            """).Load();
        var text = new string('a', 300);
        var error = Should.Throw<TokenizationException>(() => tokenizer.Encode(text, addSpecialTokens: false));
        error.Message.ShouldNotContain("aaa"); // nothing of the text
        tokenizer.Encode("abc", addSpecialTokens: false).ShouldBe(['a', 'b', 'c']);
    }

    [Fact]
    public void Calls_share_no_text()
    {
        var tokenizer = TokenizerJson.Bytes().Load();
        var first = new List<int>();
        tokenizer.Encode("ab".AsSpan(), first, addSpecialTokens: false);
        var second = new List<int>();
        tokenizer.Encode("c".AsSpan(), second, addSpecialTokens: false);
        first.ShouldBe(['a', 'b']);
        second.ShouldBe(['c']);
    }
}
