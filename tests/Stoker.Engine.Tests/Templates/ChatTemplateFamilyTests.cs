using System.Text.Json;
using System.Text.Json.Nodes;
using Stoker.Engine.Templates;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Templates;

/// <summary>
/// Whole templates, built like those of the model families (our own wording), over conversations with systems, tools,
/// calls and thoughts, against Python's jinja2. <c>Goldens/templates/generate.py</c> wrote what is expected.
/// </summary>
public class ChatTemplateFamilyTests
{
    private static readonly JsonDocument Cases =
        JsonDocument.Parse(File.ReadAllText(TestData.Golden("templates", "families.json")));

    [Theory]
    [InlineData("llama-tools")]
    [InlineData("chatml-tools")]
    [InlineData("thinking")]
    [InlineData("schema-macros")]
    [InlineData("alternating")]
    [InlineData("namespace-flags")]
    [InlineData("model-turns")]
    [InlineData("channels")]
    [InlineData("call-blocks")]
    public void Every_conversation_renders_as_in_the_reference(string family)
    {
        var source = File.ReadAllText(TestData.Golden("templates", $"families/{family}.jinja"));
        var template = ChatTemplate.Parse(source, TemplateLanguageTests.Tokens);
        var cases =
            Cases.RootElement.EnumerateArray().Where(one => one.GetProperty("template").GetString() == family).ToList();
        cases.Count.ShouldBeGreaterThan(30);
        foreach (var one in cases)
        {
            var expected = one.TryGetProperty("expected", out var text) ? text.GetString() : null;
            var name = one.GetProperty("name").GetString();
            Rendered(template, one, one.GetProperty("messages")).ShouldBe(expected, name);
            Rendered(template, one, OnTheWire(one.GetProperty("messages"))).ShouldBe(expected, $"{name}, arguments as JSON text");
        }
    }

    private static string? Rendered(ChatTemplate template, JsonElement one, JsonElement messages)
    {
        var input = new ChatTemplateInput
        {
            Messages = messages,
            Tools = one.TryGetProperty("tools", out var tools) ? tools : null,
            AddGenerationPrompt = one.TryGetProperty("add_generation_prompt", out var add) && add.GetBoolean(),
            Arguments = one.TryGetProperty("arguments", out var arguments) ? arguments : null,
            Time = TemplateLanguageTests.Clock,
        };
        try
        {
            var text = template.Render(input);
            string.Concat(template.RenderPieces(input).Select(piece => piece.Text)).ShouldBe(text);
            return text;
        }
        catch (TemplateException)
        {
            return null;
        }
    }

    /// <summary>OpenAI clients send a call's arguments as JSON text.</summary>
    private static JsonElement OnTheWire(JsonElement messages)
    {
        var copy = JsonNode.Parse(messages.GetRawText())!;
        foreach (var call in copy.AsArray().SelectMany(message => message!["tool_calls"]?.AsArray() ?? []))
            call!["function"]!["arguments"] = call["function"]!["arguments"]!.ToJsonString();
        return JsonSerializer.SerializeToElement(copy);
    }
}
