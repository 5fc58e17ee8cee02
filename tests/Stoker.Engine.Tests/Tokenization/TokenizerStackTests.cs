using Stoker.Engine.Tokenization;

namespace Stoker.Engine.Tests.Tokenization;

/// <summary>The stacks that real files have, each with ids and texts derived by hand.</summary>
public sealed class TokenizerStackTests
{
    /// <summary>
    /// Llama-2, Mistral-v0.x: spaces become marks in the normalizer, unknown characters become bytes, and one leading
    /// space is cut from answers.
    /// </summary>
    [Fact]
    public void Sentencepiece_stack_with_prepend()
    {
        var tokenizer = SentencePiece()
            .Part("normalizer", """{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]}""")
            .Part("decoder", """{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}""")
            .Load();
        var ids = tokenizer.Encode("hi é hi", addSpecialTokens: true);
        Spell(tokenizer, ids).ShouldBe("<s>|▁hi|▁|<0xC3>|<0xA9>|▁hi");
        tokenizer.Decode(ids, skipSpecialTokens: true).ShouldBe("hi é hi");

        // Strip cuts the start of the joined text: behind a BOS that is kept there is nothing to cut.
        tokenizer.Decode(ids, skipSpecialTokens: false).ShouldBe("<s> hi é hi");
        Spell(tokenizer, tokenizer.Encode("", addSpecialTokens: false)).ShouldBe("");

        // Each part between special tokens is normalised for itself, so it gets its own mark.
        Spell(tokenizer, tokenizer.Encode("hi</s>hi", addSpecialTokens: false)).ShouldBe("▁hi|</s>|▁hi");
    }

    /// <summary>Newer conversions of the same models: only the very start of the text gets a mark.</summary>
    [Fact]
    public void Sentencepiece_stack_with_metaspace_first()
    {
        var tokenizer = SentencePiece()
            .Part("pre_tokenizer", """{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":false}""")
            .Part("decoder", """{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}""")
            .Load();
        Spell(tokenizer, tokenizer.Encode("hi</s>hi", addSpecialTokens: false)).ShouldBe("▁hi|</s>|hi");
        Spell(tokenizer, tokenizer.Encode("</s>hi", addSpecialTokens: false)).ShouldBe("</s>|hi");
        Spell(tokenizer, tokenizer.Encode(" hi", addSpecialTokens: false)).ShouldBe("▁hi");
    }

    /// <summary>Gemma: no mark in front; the split keeps each space with what stands before it.</summary>
    [Fact]
    public void Gemma_stack()
    {
        var tokenizer = SentencePiece()
            .Part("normalizer", """{"type":"Replace","pattern":{"String":" "},"content":"▁"}""")
            .Part("pre_tokenizer", """{"type":"Split","pattern":{"String":" "},"behavior":"MergedWithPrevious","invert":false}""")
            .Part("decoder", """{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"}]}""")
            .Load();
        var ids = tokenizer.Encode("hi hi", addSpecialTokens: false);
        Spell(tokenizer, ids).ShouldBe("hi|▁hi");
        tokenizer.Decode(ids, skipSpecialTokens: true).ShouldBe("hi hi");
    }

    [Fact]
    public void Metaspace_decoder_drops_the_marks_of_the_first_token_only()
    {
        var tokenizer = SentencePiece()
            .Part("pre_tokenizer", """{"type":"Metaspace"}""")
            .Part("decoder", """{"type":"Metaspace","replacement":"▁","prepend_scheme":"always"}""")
            .Load();
        var ids = tokenizer.Encode("hi hi", addSpecialTokens: true);
        tokenizer.Decode(ids, skipSpecialTokens: true).ShouldBe("hi hi");
        tokenizer.Decode(ids, skipSpecialTokens: false).ShouldBe("<s> hi hi"); // the first token is the BOS
        tokenizer.TokenBytes(ids[1]).ToArray().ShouldBe(" hi"u8.ToArray()); // by itself a token keeps its space
    }

    /// <summary>GPT-2: the regular expression and the prefix space are options of ByteLevel.</summary>
    [Fact]
    public void Gpt2_stack()
    {
        var tokenizer = TokenizerJson.Bytes().Merges("h i", "Ġ hi")
            .Part("pre_tokenizer", """{"type":"ByteLevel","add_prefix_space":true}""").Load();
        var ids = tokenizer.Encode("hi hi", addSpecialTokens: false);
        Spell(tokenizer, ids).ShouldBe("Ġhi|Ġhi");
        tokenizer.Decode(ids, skipSpecialTokens: false).ShouldBe(" hi hi");
    }

    /// <summary>
    /// Qwen2: NFC before a byte-level model, so that decomposed accents and jamo give the ids of the composed ones.
    /// </summary>
    [Fact]
    public void Nfc_makes_decomposed_text_equal_to_composed_text()
    {
        var tokenizer = TokenizerJson.Bytes().Merges("Ã ©").Part("normalizer", """{"type":"NFC"}""").Load();
        Spell(tokenizer, tokenizer.Encode("cafe\u0301", addSpecialTokens: false)).ShouldBe("c|a|f|Ã©");
        tokenizer.Encode("\u1112\u1161\u11AB", addSpecialTokens: false).ShouldBe(tokenizer.Encode("\uD55C", addSpecialTokens: false));
        tokenizer.Encode("\u1112\u1161\u11AB", addSpecialTokens: false).Length.ShouldBe(3);
    }

    [Fact]
    public void Byte_level_as_normalizer_gives_a_character_model_of_bytes()
    {
        var tokenizer = new TokenizerJson().ByteVocabulary().Merges("Ã ©")
            .Part("normalizer", """{"type":"ByteLevel"}""").Part("decoder", """{"type":"ByteLevel"}""").Load();
        var ids = tokenizer.Encode("a é", addSpecialTokens: false);
        Spell(tokenizer, ids).ShouldBe("a|Ġ|Ã©");
        tokenizer.Decode(ids, skipSpecialTokens: false).ShouldBe("a é");
    }

    [Fact]
    public void Without_a_decoder_tokens_are_joined_by_spaces() =>
        new TokenizerJson().Vocabulary("a", "b").Load().Decode([0, 1, 0], skipSpecialTokens: false).ShouldBe("a b a");

    [Fact]
    public void Templates_stand_around_the_text_and_nest_in_a_sequence()
    {
        var tokenizer = new TokenizerJson().Vocabulary("a", "<b>", "<e>", "<x>").Part("post_processor", """
            {"type":"Sequence","processors":[
              {"type":"ByteLevel","trim_offsets":true},
              {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"B","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"E","type_id":0}}],
               "pair":[],"special_tokens":{"B":{"id":"B","ids":[1],"tokens":["<b>"]},"E":{"id":"E","ids":[2,2],"tokens":["<e>","<e>"]}}},
              {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"X","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{"X":{"id":"X","ids":[3],"tokens":["<x>"]}}}]}
            """).Load();
        tokenizer.Encode("a", addSpecialTokens: true).ShouldBe([3, 1, 0, 2, 2]);
        tokenizer.Encode("a", addSpecialTokens: false).ShouldBe([0]);
    }

    [Fact]
    public void Encoding_appends_to_a_list_and_may_be_called_from_many_threads()
    {
        var tokenizer = TokenizerJson.Bytes().Merges("h i").Load();
        var ids = new List<int> { 7 };
        tokenizer.Encode("hi".AsSpan(), ids, addSpecialTokens: false);
        ids.ShouldBe([7, 256]);
        Parallel.For(0, 64, i => tokenizer.Encode($"hi{i}", addSpecialTokens: false)[0].ShouldBe(256));
    }

    [Fact]
    public void Lone_surrogates_are_the_replacement_character() =>
        TokenizerJson.Bytes().Load().Encode("\uD800", addSpecialTokens: false).ShouldBe([0xEF, 0xBF, 0xBD]);

    private static TokenizerJson SentencePiece() => new TokenizerJson()
        .Vocabulary("<unk>", "<s>", "</s>")
        .Vocabulary([.. Enumerable.Range(0, 256).Select(value => $"<0x{value:X2}>")])
        .Vocabulary("▁", "h", "i").Merges("h i", "▁ hi")
        .Option("byte_fallback", true).Option("unk_token", "<unk>").Option("fuse_unk", true)
        .Added(0, "<unk>", "special").Added(1, "<s>", "special").Added(2, "</s>", "special")
        .Part("post_processor", """
            {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[],
             "special_tokens":{"<s>":{"id":"<s>","ids":[1],"tokens":["<s>"]}}}
            """);

    /// <summary>Tokens as the vocabulary spells them.</summary>
    private static string Spell(Tokenizer tokenizer, int[] ids) => string.Join('|', ids.Select(tokenizer.Spelling));
}
