using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Stoker.Engine.Tokenization;
using TestData = Stoker.Testing.TestData;

namespace Stoker.Engine.Tests.Tokenization;

public sealed class TokenTextStreamTests
{
    private const string Llama2Decoder =
        """{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}""";

    [Fact]
    public void A_character_in_four_tokens_comes_with_the_last_of_them()
    {
        var stream = TokenizerJson.Bytes().Load().NewStream(skipSpecialTokens: false);
        Append(stream, 0xF0, 0x9F, 0x98, 0x80, 'a').ShouldBe(["", "", "", "\U0001F600", "a"]);
        stream.Flush().ShouldBe("");
    }

    [Fact]
    public void Bytes_that_can_never_become_valid_are_replaced_at_once()
    {
        var stream = TokenizerJson.Bytes().Load().NewStream(skipSpecialTokens: false);
        Append(stream, 0xFF, 0xC3, 'a', 0x80, 0xE2, 0x82, 0xE2).ShouldBe(["\uFFFD", "", "\uFFFDa", "\uFFFD", "", "", "\uFFFD"]);
        stream.Flush().ShouldBe("\uFFFD");
        stream.Flush().ShouldBe("");
    }

    [Fact]
    public void Ids_that_do_not_exist_and_skipped_tokens_give_nothing_and_end_no_character()
    {
        var stream = TokenizerJson.Bytes().Added(300, "<e>", "special").Load().NewStream(skipSpecialTokens: true);
        Append(stream, 0xC3, -1, 280, 100_000, 300, 0xA9).ShouldBe(["", "", "", "", "", "\u00E9"]);
    }

    [Fact]
    public void Fallback_bytes_join_and_text_ends_them()
    {
        var tokenizer = Fallback(Llama2Decoder);
        Append(tokenizer.NewStream(false), 0xC3, 0xA9).ShouldBe(["", "\u00E9"]);
        // one replacement for each byte
        Append(tokenizer.NewStream(false), 0xE2, 0x82, 256).ShouldBe(["", "", "\uFFFD\uFFFDa"]);
        Append(tokenizer.NewStream(false), 0xFF, 0x41).ShouldBe(["\uFFFD", "A"]);
    }

    [Fact]
    public void The_first_space_is_cut_once_and_only_at_the_start()
    {
        var tokenizer = Fallback(Llama2Decoder);
        Append(tokenizer.NewStream(false), 257, 257, 256).ShouldBe(["", " ", "a"]);
        Append(tokenizer.NewStream(false), 256, 257).ShouldBe(["a", " "]);
        Append(tokenizer.NewStream(false), 0x20, 0x20).ShouldBe(["", " "]); // a space spelled as a byte is a space
    }

    [Fact]
    public void What_may_be_cut_from_the_end_is_held_back()
    {
        var tokenizer = Fallback("""{"type":"Sequence","decoders":[{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":"a","start":0,"stop":2}]}""");
        var stream = tokenizer.NewStream(false);
        Append(stream, 256, 256, 256, 0x42, 256).ShouldBe(["", "", "a", "aaB", ""]);
        stream.Flush().ShouldBe("");
        tokenizer.Decode([256, 256, 256], skipSpecialTokens: false).ShouldBe("a");
    }

    /// <summary>Against an independent form: all bytes of all tokens, decoded by the framework in one go.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Random_ids_streamed_equal_their_bytes_decoded_at_once(bool skipSpecial)
    {
        var tokenizer = Tokenizer.Load(TestData.Model("story-3m"));
        Prop.ForAll(Gen.Choose(-5, tokenizer.VocabularySize + 5).ListOf().ToArbitrary(), ids =>
        {
            var bytes = ids.Where(id => !(skipSpecial && tokenizer.IsSpecial(id))).SelectMany(id => tokenizer.TokenBytes(id).ToArray()).ToArray();
            return Stream(tokenizer, ids, skipSpecial) == Encoding.UTF8.GetString(bytes);
        }).QuickCheckThrowOnFailure();
    }

    /// <summary>Bytes alone, so that most of it is broken UTF-8.</summary>
    [Fact]
    public void Random_bytes_streamed_equal_the_framework_s_decoding()
    {
        var tokenizer = TokenizerJson.Bytes().Load();
        var bytes = Gen.Frequency((3, Gen.Elements(0xC3, 0xE2, 0x82, 0xAC, 0xF0, 0x9F, 0x98, 0x80, 0xED, 0xA0, 0xF4, 0x90, 0x61)), (1, Gen.Choose(0, 255)));
        Prop.ForAll(bytes.ListOf().ToArbitrary(), ids =>
            Stream(tokenizer, ids, skipSpecial: false) == Encoding.UTF8.GetString([.. ids.Select(id => (byte)id)])).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData(Llama2Decoder)]
    [InlineData("""{"type":"Metaspace","replacement":"▁","prepend_scheme":"always"}""")]
    [InlineData("null")]
    public void Random_ids_streamed_equal_one_shot_decoding_and_no_part_is_half_a_character(string decoder)
    {
        var tokenizer = Fallback(decoder);
        Prop.ForAll(Gen.Choose(0, 259).ListOf().ToArbitrary(), ids =>
        {
            var stream = tokenizer.NewStream(skipSpecialTokens: false);
            var parts = ids.Select(stream.Append).ToList();
            parts.Add(stream.Flush());
            return string.Concat(parts) == tokenizer.Decode([.. ids], skipSpecialTokens: false)
                && parts.All(part => part.Length == 0 || (!char.IsLowSurrogate(part[0]) && !char.IsHighSurrogate(part[^1])));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Text_survives_a_round_trip()
    {
        var tokenizer = Tokenizer.Load(TestData.Model("story-3m"));
        Prop.ForAll<NonNull<string>>(text =>
        {
            var valid = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text.Get)); // lone surrogates become U+FFFD
            return tokenizer.Decode(tokenizer.Encode(text.Get, addSpecialTokens: true), skipSpecialTokens: true) == valid;
        }).QuickCheckThrowOnFailure();
    }

    private static string Stream(Tokenizer tokenizer, IEnumerable<int> ids, bool skipSpecial)
    {
        var stream = tokenizer.NewStream(skipSpecial);
        return string.Concat(ids.Select(stream.Append).ToList()) + stream.Flush();
    }

    private static string[] Append(TokenTextStream stream, params int[] ids) => [.. ids.Select(stream.Append)];

    /// <summary>Ids 0 to 255 are fallback bytes, 256 is a, 257 a mark, 258 é, 259 a mark with an a.</summary>
    private static Tokenizer Fallback(string decoder) => new TokenizerJson()
        .Vocabulary([.. Enumerable.Range(0, 256).Select(value => $"<0x{value:X2}>")]).Vocabulary("a", "▁", "é", "▁a")
        .Option("byte_fallback", true).Part("decoder", decoder).Load();

    [Fact]
    public void Text_that_a_token_gives_again_is_the_same_string_and_costs_nothing()
    {
        var tokenizer = Tokenizer.Load(Stoker.Testing.TestData.Model("story-3m"));
        var ids = tokenizer.Encode("Once upon a time there was a little girl named Lily. She lived in a house.", addSpecialTokens: false);
        var stream = tokenizer.NewStream(skipSpecialTokens: true);
        foreach (var id in ids) stream.Append(id);
        var before = GC.GetAllocatedBytesForCurrentThread();
        foreach (var id in ids)
        {
            stream.Append(id);
            tokenizer.TokenBytes(id);
        }
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }
}
