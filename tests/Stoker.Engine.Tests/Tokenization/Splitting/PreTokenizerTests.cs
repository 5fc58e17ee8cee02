using System.Text;
using System.Text.Json;
using Stoker.Engine.Tokenization;
using Stoker.Engine.Tokenization.Loading;
using Stoker.Engine.Tokenization.Splitting;

namespace Stoker.Engine.Tests.Tokenization.Splitting;

public sealed class PreTokenizerTests
{
    [Theory]
    [InlineData("Removed", "The|final|countdown")]
    [InlineData("Isolated", "The|-|final|-|-|countdown")]
    [InlineData("MergedWithPrevious", "The-|final-|-|countdown")]
    [InlineData("MergedWithNext", "The|-final|-|-countdown")]
    [InlineData("Contiguous", "The|-|final|--|countdown")]
    public void Split_behaviours(string behavior, string expected) =>
        Split($$"""{"type":"Split","pattern":{"String":"-"},"behavior":"{{behavior}}","invert":false}""", "The-final--countdown").ShouldBe(expected);

    [Theory]
    [InlineData("Removed", "-|--")]
    [InlineData("MergedWithPrevious", "The|-final|--countdown")]
    public void Inverted_split_swaps_matches_and_gaps(string behavior, string expected) =>
        Split($$"""{"type":"Split","pattern":{"Regex":"-+"},"behavior":"{{behavior}}","invert":true}""", "The-final--countdown").ShouldBe(expected);

    [Theory]
    [InlineData("MergedWithPrevious", "--a-", "-|-|a-")]
    [InlineData("MergedWithNext", "-a--", "-a|-|-")]
    [InlineData("Isolated", "-", "-")]
    public void Matches_at_the_ends_have_no_neighbour_to_join(string behavior, string text, string expected) =>
        Split($$"""{"type":"Split","pattern":{"String":"-"},"behavior":"{{behavior}}"}""", text).ShouldBe(expected);

    [Fact]
    public void An_empty_match_cuts_where_it_stands() =>
        Split("""{"type":"Split","pattern":{"Regex":"(?=[A-Z])"},"behavior":"Isolated"}""", "oneTwoThree").ShouldBe("one|Two|Three");

    [Fact]
    public void An_empty_literal_matches_nowhere() =>
        Split("""{"type":"Split","pattern":{"String":""},"behavior":"Isolated"}""", "a b").ShouldBe("a b");

    [Theory]
    [InlineData("true", "a|1|2|Ⅷ|b")]
    [InlineData("false", "a|12Ⅷ|b")]
    public void Digits(string individual, string expected) =>
        Split($$"""{"type":"Digits","individual_digits":{{individual}}}""", "a12Ⅷb").ShouldBe(expected);

    [Fact]
    public void Punctuation_is_the_category_and_all_of_ascii() =>
        Split("""{"type":"Punctuation"}""", "a+b，c±d").ShouldBe("a|+|b|，|c±d");

    [Theory]
    [InlineData("""{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}""", "a  b", "▁a|▁|▁b")]
    [InlineData("""{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":false}""", "a b", "▁a▁b")]
    [InlineData("""{"type":"Metaspace","replacement":"▁","prepend_scheme":"never","split":true}""", "a b", "a|▁b")]
    [InlineData("""{"type":"Metaspace","replacement":"▁","add_prefix_space":false}""", "a b", "a|▁b")]
    [InlineData("""{"type":"Metaspace"}""", " a", "▁a")]
    [InlineData("""{"type":"Metaspace"}""", "▁a", "▁a")]
    [InlineData("""{"type":"Sequence","pretokenizers":[{"type":"Digits"},{"type":"Metaspace","prepend_scheme":"first"}]}""", "a1b", "▁a|1|b")]
    public void Metaspace(string json, string text, string expected) => Split(json, text).ShouldBe(expected);

    [Theory]
    [InlineData("""{"type":"ByteLevel"}""", "Hello world's", " Hello| world|'s")] // both options are on when absent
    [InlineData("""{"type":"ByteLevel","add_prefix_space":true,"use_regex":false}""", " a b", " a b")]
    [InlineData("""{"type":"ByteLevel","add_prefix_space":false,"use_regex":true}""", "a b", "a| b")]
    [InlineData("""{"type":"Sequence","pretokenizers":[{"type":"ByteLevel","add_prefix_space":false,"use_regex":false},{"type":"Split","pattern":{"String":"Ġ"},"behavior":"Isolated"}]}""", "é b", "Ã©|Ġ|b")]
    public void Byte_level(string json, string text, string expected) => Split(json, text).ShouldBe(expected);

    [Fact]
    public void The_deepseek_sequence()
    {
        var json = """
            {"type":"Sequence","pretokenizers":[
              {"type":"Split","pattern":{"Regex":"\\p{N}{1,3}"},"behavior":"Isolated"},
              {"type":"Split","pattern":{"Regex":"[一-龥぀-ゟ゠-ヿ]+"},"behavior":"Isolated"},
              {"type":"Split","pattern":{"Regex":"[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},"behavior":"Isolated"},
              {"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]}
            """;
        Split(json, "Das Jahr 12345 日本語です。x=_y\n\n  z").ShouldBe("Das| Jahr| |123|45| |日本語です|。|x|=_|y|\n\n| | z");
        PreTokenizerReader.Read(Component(json)).BytesLast.ShouldBeTrue();
    }

    [Theory]
    [InlineData("""{"type":"UnicodeScripts"}""", "'UnicodeScripts' is not supported")]
    [InlineData("""{"type":"Sequence","pretokenizers":[{"type":"BertPreTokenizer"}]}""", "pre_tokenizer.pretokenizers[0]: the pre-tokenizer 'BertPreTokenizer' is not supported")]
    [InlineData("""{"type":"Split","pattern":{"String":"-"},"behavior":"1"}""", "'1' is not one of Removed")]
    [InlineData("""{"type":"Split","pattern":{"String":"-"}}""", "pre_tokenizer.behavior")]
    [InlineData("""{"type":"Split","pattern":{},"behavior":"Isolated"}""", "String or Regex")]
    [InlineData("""{"type":"Split","pattern":{"Regex":"(a"},"behavior":"Isolated"}""", "pre_tokenizer.pattern.Regex")]
    [InlineData("""{"type":"Metaspace","replacement":"ab"}""", "one character")]
    [InlineData("""{"type":"Metaspace","prepend_scheme":"often"}""", "'often' is not one of always")]
    public void Others_and_broken_ones_are_named_in_the_error(string json, string expected) =>
        Should.Throw<ModelLoadException>(() => Split(json, "a")).Message.ShouldContain(expected);

    private static string Split(string json, string text)
    {
        var pieces = new RecordingStep();
        var reader = PreTokenizerReader.Read(Component(json));
        var first = reader.Build(pieces);
        var state = new EncodeState(reader.TransformingSteps);
        state.Matching.Allow(100);
        first.Process(Encoding.UTF8.GetBytes(text), atStart: true, state);
        return string.Join('|', pieces.Pieces);
    }

    private static ComponentJson Component(string json) => new(JsonDocument.Parse(json).RootElement, "pre_tokenizer");

    private sealed class RecordingStep : PieceStep
    {
        public List<string> Pieces { get; } = [];

        public override void Process(ReadOnlySpan<byte> piece, bool atStart, EncodeState state) =>
            Pieces.Add(Encoding.UTF8.GetString(piece));
    }
}
