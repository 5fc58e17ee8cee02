using System.Text.Json;
using Stoker.Engine.Templates;
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
        using var golden = JsonDocument.Parse(File.ReadAllText(TestData.Golden(model)));
        var chats = golden.RootElement.GetProperty("prompts").EnumerateArray()
            .Where(prompt => prompt.TryGetProperty("chat", out var chat) && chat.ValueKind == JsonValueKind.Array).ToList();

        chats.ShouldNotBeEmpty();
        foreach (var prompt in chats)
        {
            var input = new ChatTemplateInput { Messages = prompt.GetProperty("chat"), AddGenerationPrompt = true };
            template.Render(input).ShouldBe(prompt.GetProperty("text").GetString());
            string.Concat(template.RenderPieces(input).Select(piece => piece.Text)).ShouldBe(prompt.GetProperty("text").GetString());
        }
    }

    [Fact]
    public void A_model_folder_without_template_has_none() => ChatTemplate.Load(TestData.Model("story-3m-eagle")).ShouldBeNull();
}
