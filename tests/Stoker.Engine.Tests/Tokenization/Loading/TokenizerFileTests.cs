using System.Text;
using System.Text.Json.Nodes;
using Stoker.Engine.Tokenization;

namespace Stoker.Engine.Tests.Tokenization.Loading;

/// <summary>Files that are broken or hostile: each ends in an error that names file, place and reason.</summary>
public sealed class TokenizerFileTests
{
    private const string Model = """ "model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]} """;

    [Theory]
    [InlineData("", "not valid JSON")]
    [InlineData("[]", "StartObject was expected")]
    [InlineData("{", "not valid JSON")]
    [InlineData("{" + Model + "} x", "not valid JSON")]
    [InlineData("{}", "model: is missing")]
    [InlineData("{" + Model + "," + Model + "}", "model: occurs twice")]
    [InlineData("{" + Model + ",\"decoder\":null,\"decoder\":null}", "decoder: occurs twice")]
    [InlineData("""{"model":7}""", "model: StartObject was expected")]
    [InlineData("""{"model":{"type":"Unigram","vocab":[],"merges":[]}}""", "the model 'Unigram' is not supported; supported are BPE")]
    [InlineData("""{"model":{"type":"WordPiece","vocab":{}}}""", "'WordPiece' is not supported")]
    [InlineData("""{"model":{"type":"BPE","merges":[]}}""", "model.vocab: is missing")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0}}}""", "model.merges: is missing")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0},"vocab":{"b":0},"merges":[]}}""", "model.vocab: occurs twice")]
    [InlineData("""{"model":{"type":"BPE","vocab":{},"merges":[]}}""", "model.vocab: is empty")]
    [InlineData("""{"model":{"type":"BPE","vocab":[],"merges":[]}}""", "model.vocab: StartObject was expected")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":"0"},"merges":[]}}""", "model.vocab[\"a\"]: the id must be a number")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":-1},"merges":[]}}""", "the id must be a number")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0.5},"merges":[]}}""", "the id must be a number")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":99999999999},"merges":[]}}""", "the id must be a number")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":2000000000},"merges":[]}}""", "the highest id is 2000000000 with only 1 tokens")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0,"b":0},"merges":[]}}""", "the id 0 is given to two tokens")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0,"a":1},"merges":[]}}""", "the token occurs twice")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0},"merges":{}}}""", "model.merges: StartArray was expected")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0},"merges":["a"]}}""", "model.merges[0]: two parts with one space")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0},"merges":["a a a"]}}""", "model.merges[0]: two parts with one space")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0},"merges":[" a"]}}""", "two parts with one space")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0},"merges":["a "]}}""", "two parts with one space")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0},"merges":[["a"]]}}""", "two strings were expected")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0},"merges":[["a","a","a"]]}}""", "exactly two strings")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0},"merges":[["a",""]]}}""", "a part is empty")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0},"merges":[["a",1]]}}""", "two strings were expected")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0},"merges":[1]}}""", "a string or a pair")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0,"ab":1},"merges":["b a"]}}""", "its left part is not in the vocabulary")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0,"ab":1},"merges":["a b"]}}""", "its right part is not in the vocabulary")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":["a b"]}}""", "its result is not in the vocabulary")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0},"merges":[],"dropout":0.1}}""", "model.dropout")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0},"merges":[],"continuing_subword_prefix":"##"}}""", "model.continuing_subword_prefix")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0},"merges":[],"end_of_word_suffix":"</w>"}}""", "model.end_of_word_suffix")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0},"merges":[],"unk_token":"<unk>"}}""", "'<unk>' is not in the vocabulary")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0},"merges":[],"byte_fallback":"yes"}}""", "model.byte_fallback")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a\ud800":0},"merges":[]}}""", "not valid Unicode")]
    [InlineData("{" + Model + ",\"added_tokens\":{}}", "added_tokens: an array was expected")]
    [InlineData("{" + Model + ",\"added_tokens\":[7]}", "added_tokens[0]")]
    [InlineData("{" + Model + ",\"added_tokens\":[{\"content\":\"x\"}]}", "added_tokens[0].id")]
    [InlineData("{" + Model + ",\"added_tokens\":[{\"id\":3}]}", "added_tokens[0].content")]
    [InlineData("{" + Model + ",\"added_tokens\":[{\"id\":1,\"content\":\"x\"}]}", "its id 1 belongs to another token")]
    [InlineData("{" + Model + ",\"added_tokens\":[{\"id\":3,\"content\":\"a\"}]}", "its id is 3 here and 0 in the vocabulary")]
    [InlineData("{" + Model + ",\"added_tokens\":[{\"id\":3,\"content\":\"x\"},{\"id\":3,\"content\":\"y\"}]}", "the id 3 is given to two tokens")]
    [InlineData("{" + Model + ",\"added_tokens\":[{\"id\":3,\"content\":\"x\"},{\"id\":4,\"content\":\"x\"}]}", "the token of id 4 occurs twice")]
    [InlineData("{" + Model + ",\"added_tokens\":[{\"id\":2000000000,\"content\":\"x\"}]}", "the highest id is 2000000000")]
    [InlineData("{" + Model + ",\"post_processor\":{\"type\":\"RobertaProcessing\"}}", "'RobertaProcessing' is not supported")]
    [InlineData("{" + Model + ",\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[]}}", "no place for the sequence A")]
    [InlineData("{" + Model + ",\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":\"B\"}}]}}", "exactly one sequence, A")]
    [InlineData("{" + Model + ",\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"x\"}},{\"Sequence\":{\"id\":\"A\"}}],\"special_tokens\":{}}}", "special_tokens")]
    [InlineData("{" + Model + ",\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"x\"}},{\"Sequence\":{\"id\":\"A\"}}],\"special_tokens\":{\"x\":{\"ids\":[9]}}}}", "post_processor: adds the id 9, which no token has")]
    [InlineData("{" + Model + ",\"decoder\":{\"type\":\"WordPiece\"}}", "'WordPiece' is not supported")]
    [InlineData("{" + Model + ",\"decoder\":{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Fuse\"},{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":\"b\"}]}}", "Replace after ByteLevel, ByteFallback or Fuse")]
    [InlineData("{" + Model + ",\"decoder\":{\"type\":\"Strip\",\"content\":\"ab\",\"start\":1,\"stop\":0}}", "one character")]
    [InlineData("{" + Model + ",\"normalizer\":{\"type\":\"\\ud800\"}}", "normalizer.type: is not valid Unicode")]
    [InlineData("{" + Model + ",\"added_tokens\":[{\"id\":3,\"content\":\"\\udc00\"}]}", "added_tokens[0].content: is not valid Unicode")]
    public void Broken_files_are_errors_that_say_where_and_why(string json, string expected)
    {
        var error = Should.Throw<ModelLoadException>(() => Tokenizer.Parse(Encoding.UTF8.GetBytes(json)));
        error.File.ShouldBe("tokenizer.json");
        error.Message.ShouldContain(expected);
    }

    [Fact]
    public void Bytes_that_are_not_utf8_are_an_error() =>
        Should.Throw<ModelLoadException>(() => Tokenizer.Parse([(byte)'{', 0xFF, (byte)'}'])).Message.ShouldContain("UTF-8");

    [Fact]
    public void Every_cut_of_a_file_is_an_error()
    {
        var whole = Encoding.UTF8.GetBytes(TokenizerJson.Bytes().Merges("a b").Added(300, "<x>", "special").ToString());
        for (var length = 0; length < whole.Length; length += 7)
        {
            Should.Throw<ModelLoadException>(() => Tokenizer.Parse(whole.AsSpan(0, length)));
        }
    }

    [Fact]
    public void Deep_nesting_is_an_error() =>
        Should.Throw<ModelLoadException>(() => Tokenizer.Parse(Encoding.UTF8.GetBytes("{\"x\":" + new string('[', 100_000)))).Message.ShouldContain("JSON");

    [Fact]
    public void Added_tokens_of_any_length_are_an_error_and_fill_no_memory()
    {
        var file = TokenizerJson.Bytes().Added(300, new string('x', 1 << 20)).Added(301, "y");
        Should.Throw<ModelLoadException>(() => file.Load()).Message.ShouldContain("added_tokens: the tokens have more than 1048576 bytes");
    }

    [Theory]
    [InlineData("normalizer", "normalizers")]
    [InlineData("decoder", "decoders")]
    public void Replacements_that_double_a_text_again_and_again_are_an_error(string part, string items)
    {
        const string Doubling = """{"type":"Replace","pattern":{"String":"a"},"content":"aa"}""";
        var chain = string.Join(',', Enumerable.Repeat(Doubling, 40));
        var file = TokenizerJson.Bytes().Part(part, $$"""{"type":"Sequence","{{items}}":[{{chain}}]}""").Added(300, "a-token", "normalized");
        Should.Throw<ModelLoadException>(() => file.Load()).File.ShouldBe("tokenizer.json");
    }

    [Fact]
    public void A_decoder_whose_pattern_runs_away_is_an_error()
    {
        var file = TokenizerJson.Bytes().Added(300, new string('a', 60))
            .Part("decoder", """{"type":"Replace","pattern":{"Regex":"(?:a|a|b)+c"},"content":""}""");
        Should.Throw<ModelLoadException>(() => file.Load()).Message.ShouldContain("steps");
    }

    [Fact]
    public void A_folder_without_the_file_is_an_error() =>
        Should.Throw<ModelLoadException>(() => Tokenizer.Load(AppContext.BaseDirectory)).Message.ShouldBe("tokenizer.json: is missing from the model folder");

    [Fact]
    public void Merges_before_the_vocabulary_and_gaps_between_ids_are_fine()
    {
        var tokenizer = Tokenizer.Parse("""{"model":{"merges":["a b"],"vocab":{"ab":12,"b":1,"a":5}}}"""u8);
        tokenizer.Encode("ab", addSpecialTokens: false).ShouldBe([12]);
        tokenizer.VocabularySize.ShouldBe(13);
        tokenizer.Decode([3], skipSpecialTokens: false).ShouldBe("");
        tokenizer.TokenBytes(3).Length.ShouldBe(0);
    }

    [Fact]
    public void Escapes_in_tokens_are_resolved()
    {
        var tokenizer =
            Tokenizer.Parse("""{"model":{"vocab":{"\"":0,"\u00e9":1,"\\":2,"\"\u00e9":3},"merges":["\" \u00e9"]}}"""u8);
        tokenizer.Encode("\"é\\", addSpecialTokens: false).ShouldBe([3, 2]);
    }

    [Fact]
    public void Unknown_keys_truncation_and_padding_are_passed_over()
    {
        var json = JsonNode.Parse("{" + Model + "}")!.AsObject();
        json["truncation"] = new JsonObject { ["max_length"] = 1 };
        json["padding"] = new JsonObject { ["strategy"] = "BatchLongest" };
        json["version"] = "1.0";
        Tokenizer.Parse(Encoding.UTF8.GetBytes(json.ToJsonString())).Encode("abab", addSpecialTokens: false).ShouldBe([2, 2]);
    }
}
