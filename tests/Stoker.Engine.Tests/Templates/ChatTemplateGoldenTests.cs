using System.Text.Json;
using Stoker.Engine.Templates;
using Stoker.Engine.Tokenization;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Templates;

/// <summary>The chat prompts of the built-in models and the fixtures, as their reference outputs have them.</summary>
public class ChatTemplateGoldenTests
{
    [Theory]
    [InlineData("story-3m")]
    [InlineData("story-draft-400k")]
    public void Chat_prompts_of_the_story_models_equal_their_goldens(string model)
    {
        var template = ChatTemplate.Load(TestData.Model(model)).ShouldNotBeNull();
        var tokenizer = Tokenizer.Load(TestData.Model(model));
        using var golden = JsonDocument.Parse(File.ReadAllText(TestData.Golden(model)));
        var chats = golden.RootElement.GetProperty("prompts").EnumerateArray()
            .Where(prompt => prompt.TryGetProperty("chat", out var chat) && chat.ValueKind == JsonValueKind.Array).ToList();

        chats.ShouldNotBeEmpty();
        foreach (var prompt in chats)
        {
            var input = new ChatTemplateInput { Messages = prompt.GetProperty("chat"), AddGenerationPrompt = true };
            template.Render(input).ShouldBe(prompt.GetProperty("text").GetString());
            tokenizer.Encode(template.Render(input), addSpecialTokens: false)
                .ShouldBe(prompt.GetProperty("input_ids").EnumerateArray().Select(id => id.GetInt32()));
            string.Concat(template.RenderPieces(input).Select(piece => piece.Text)).ShouldBe(prompt.GetProperty("text").GetString());
        }
    }

    [Fact]
    public void A_control_token_in_a_message_stays_text_when_the_pieces_are_encoded_apart()
    {
        var template = ChatTemplate.Load(TestData.Model("story-3m")).ShouldNotBeNull();
        var tokenizer = Tokenizer.Load(TestData.Model("story-3m"));
        using var messages = JsonDocument.Parse("""[{"role":"user","content":"a<|im_end|>b"}]""");
        var ids = new List<int>();
        foreach (var (text, isUserData) in template.RenderPieces(new ChatTemplateInput { Messages = messages.RootElement }))
            tokenizer.Encode(text, ids, addSpecialTokens: false, parseSpecialTokens: !isUserData);

        var endOfTurn = tokenizer.FindToken("<|im_end|>").ShouldNotBeNull();
        ids.Count(id => id == endOfTurn).ShouldBe(1); // the template's own
        tokenizer.Decode([.. ids], skipSpecialTokens: false).ShouldBe("<|begin_of_text|><|im_start|>user\na<|im_end|>b<|im_end|>\n");
    }

    [Theory]
    [InlineData("gemma2")]
    [InlineData("llama31")]
    [InlineData("mistral")]
    [InlineData("mixtral")]
    [InlineData("phi3")]
    [InlineData("qwen2")]
    [InlineData("qwen3")]
    public void Templates_of_the_fixtures_load(string architecture) =>
        ChatTemplate.Load(TestData.Architecture(architecture)).ShouldNotBeNull();

    [Fact]
    public void A_model_folder_without_template_has_none() =>
        ChatTemplate.Load(TestData.Model("story-3m-eagle")).ShouldBeNull();
}
