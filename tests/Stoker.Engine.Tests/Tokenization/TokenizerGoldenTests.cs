using System.Text.Json;
using Stoker.Engine.Tests.Tokenization.Tables;
using Stoker.Engine.Tokenization;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Tokenization;

public sealed class TokenizerGoldenTests
{
    public static TheoryData<string> Architectures =>
        new("gemma2", "llama31", "mistral", "mixtral", "phi3", "qwen2", "qwen3");

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Every_reference_case_encodes_and_decodes_exactly(bool fromTables)
    {
        var tokenizer = Open(TestData.Model("story-3m"), fromTables);
        var bos = tokenizer.FindToken("<|begin_of_text|>").ShouldNotBeNull();
        var cases = Read(TestData.Golden("story-3m", "tokenizer_cases.json"));
        cases.GetArrayLength().ShouldBe(219);
        foreach (var item in cases.EnumerateArray())
        {
            var text = item.GetProperty("text").GetString()!;
            var ids = Ids(item.GetProperty("ids"));
            tokenizer.Encode(text, addSpecialTokens: false).ShouldBe(ids, text);
            tokenizer.Encode(text, addSpecialTokens: true).ShouldBe([bos, .. ids], text);
            tokenizer.Decode(ids, skipSpecialTokens: false).ShouldBe(item.GetProperty("decoded").GetString());
            tokenizer.Decode(ids, skipSpecialTokens: true).ShouldBe(item.GetProperty("decoded_skip_special").GetString());
        }
    }

    [Theory]
    [InlineData("story-3m", false)]
    [InlineData("story-3m", true)]
    [InlineData("story-draft-400k", false)]
    [InlineData("story-draft-400k", true)]
    public void Golden_prompts_of_a_library_model_encode_to_their_ids(string model, bool fromTables) =>
        PromptsMatch(Open(TestData.Model(model), fromTables), Read(TestData.Golden(model)));

    [Theory]
    [MemberData(nameof(Architectures))]
    public void Golden_prompts_of_an_architecture_encode_to_their_ids(string name)
    {
        var folder = TestData.Architecture(name);
        PromptsMatch(Open(folder, fromTables: false), Read(Path.Combine(folder, "golden.json")));
        PromptsMatch(Open(folder, fromTables: true), Read(Path.Combine(folder, "golden.json")));
    }

    private static Tokenizer Open(string folder, bool fromTables) =>
        fromTables ? TablesSection.Reopen(Tokenizer.Load(folder)) : Tokenizer.Load(folder);

    private static void PromptsMatch(Tokenizer tokenizer, JsonElement golden)
    {
        foreach (var prompt in golden.GetProperty("prompts").EnumerateArray())
        {
            // A rendered chat prompt holds its BOS already; a plain one gets it from the post-processor.
            var chat = prompt.TryGetProperty("chat", out _);
            tokenizer.Encode(prompt.GetProperty("text").GetString()!, addSpecialTokens: !chat).ShouldBe(Ids(prompt.GetProperty("input_ids")));
            tokenizer.Decode(Ids(prompt.GetProperty("greedy_ids")), skipSpecialTokens: false).ShouldBe(prompt.GetProperty("greedy_text").GetString());
        }

        var scored = golden.GetProperty("logprob");
        tokenizer.Encode(scored.GetProperty("text").GetString()!, addSpecialTokens: true).ShouldBe(Ids(scored.GetProperty("input_ids")));
    }

    private static JsonElement Read(string path) => JsonDocument.Parse(File.ReadAllBytes(path)).RootElement;

    private static int[] Ids(JsonElement ids) => [.. ids.EnumerateArray().Select(id => id.GetInt32())];
}
