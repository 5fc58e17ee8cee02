using System.Text.Json;
using Stoker.Engine.Templates;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Templates;

/// <summary>
/// The template language against Python's jinja2: several hundred small templates, each with what jinja2 rendered or
/// that it failed. <c>Goldens/templates/generate.py</c> wrote the expected values and can write them again; the tests
/// do not need it.
/// </summary>
public class TemplateLanguageTests
{
    /// <summary>The clock of the reference run.</summary>
    internal static readonly TimeProvider Clock =
        new ManualTime(new DateTimeOffset(2025, 3, 9, 14, 5, 7, TimeSpan.Zero));

    internal static readonly Dictionary<string, string> Tokens =
        new() { ["bos_token"] = "<s>", ["eos_token"] = "</s>" };

    private static readonly JsonDocument Cases =
        JsonDocument.Parse(File.ReadAllText(TestData.Golden("templates", "expressions.json")));

    [Theory]
    [InlineData("printing")]
    [InlineData("operators")]
    [InlineData("access")]
    [InlineData("undefined")]
    [InlineData("statements")]
    [InlineData("macros")]
    [InlineData("filters")]
    [InlineData("tests")]
    [InlineData("methods")]
    [InlineData("functions")]
    [InlineData("whitespace")]
    public void Every_rule_of_the_language_gives_what_the_reference_gives(string group)
    {
        var cases =
            Cases.RootElement.EnumerateArray().Where(one => one.GetProperty("group").GetString() == group).ToList();
        cases.Count.ShouldBeGreaterThan(5);
        var differences = cases.Select(Difference).OfType<string>().ToList();
        // one line each reads better than a string diff
        Assert.True(differences.Count == 0, string.Join("\n", differences));
    }

    [Fact]
    public void No_case_is_left_out() =>
        Cases.RootElement.EnumerateArray().Select(one => one.GetProperty("group").GetString()).Distinct().Count().ShouldBe(11);

    private static string? Difference(JsonElement one)
    {
        var source = one.GetProperty("template").GetString()!;
        var expected = one.TryGetProperty("expected", out var text) ? text.GetString() : null;
        var actual = Rendered(source, one, out var failure);
        if (actual == expected) return null;
        return $"{source}\n  expected {Shown(expected)}\n  actual   {Shown(actual)} {failure}";
    }

    private static string Shown(string? text) => text is null ? "a failure" : JsonSerializer.Serialize(text);

    private static string? Rendered(string source, JsonElement one, out string? failure)
    {
        failure = null;
        try
        {
            return ChatTemplate.Parse(source, Tokens).Render(new ChatTemplateInput
            {
                Messages = JsonDocument.Parse("[]").RootElement,
                Arguments = one.TryGetProperty("variables", out var variables) ? variables : null,
                Time = Clock,
            });
        }
        catch (TemplateException error)
        {
            failure = error.Message;
            error.Message.ShouldNotBeNullOrWhiteSpace();
            return null;
        }
    }
}
