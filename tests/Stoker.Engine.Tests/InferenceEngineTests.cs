using System.Text.Json;
using Stoker.Testing;

namespace Stoker.Engine.Tests;

/// <summary>The engine on a real model, through its public face.</summary>
public sealed class InferenceEngineTests
{
    private static readonly SamplingOptions Greedy = new() { Temperature = 0 };

    [Fact]
    public async Task Greedy_answers_are_the_reference_answers()
    {
        await using var engine = StoryEngine.Open();
        var running = StoryEngine.Prompts.Select(prompt => (prompt, engine.CompleteAsync(Request(prompt)))).ToList();
        foreach (var (prompt, answer) in running)
        {
            var expected = StoryEngine.Ids(prompt.GetProperty("greedy_ids"));
            var choice = (await answer).Choices[0];
            var sure = prompt.GetProperty("greedy_first_gap_below_0_01") is { ValueKind: JsonValueKind.Number } first
                ? first.GetInt32()
                : expected.Length;
            choice.Tokens.Select(token => token.Id).Take(sure).ShouldBe(expected.Take(sure));
            if (sure == expected.Length) choice.Text.ShouldBe(prompt.GetProperty("greedy_text").GetString());
            choice.Finish.ShouldBe(FinishReason.Length);
        }
    }

    [Fact]
    public void A_missing_file_is_a_load_error_that_names_it() =>
        Should.Throw<ModelLoadException>(() => InferenceEngine.Open(TestData.Model("story-3m-eagle"))).Message.ShouldContain("tokenizer.json");

    private static GenerationRequest Request(JsonElement prompt) => new()
    {
        PromptTokens = StoryEngine.Ids(prompt.GetProperty("input_ids")),
        Sampling = Greedy,
        MaxTokens = prompt.GetProperty("greedy_ids").GetArrayLength(),
        IgnoreEos = true,
        SkipSpecialTokens = false,
    };
}
