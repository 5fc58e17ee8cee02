using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using FsCheck;
using FsCheck.Fluent;
using Stoker.Engine.Models;

namespace Stoker.Engine.Tests.Models;

/// <summary>The settings of an addon by module: as PEFT reads them, and in bounded time whoever wrote them.</summary>
public sealed class ModulePatternsTests
{
    private static readonly string[] Parts = ["model", "layers", "1", "11", "self_attn", "mlp", "q_proj", "up_proj"];

    [Fact]
    public void A_name_that_is_looked_up_says_what_its_expression_says()
    {
        var path = Gen.Elements(Parts).NonEmptyListOf().Select(parts => string.Join('.', parts));
        var end = Gen.Elements(Parts).NonEmptyListOf().Select(parts => string.Join('.', parts.Take(2)));
        var escaped = end.Select(text => text.Replace(".", "\\.", StringComparison.Ordinal));
        var expression = end.Select(text => $"(?:{text}|none)");
        var patterns = Gen.OneOf(end, escaped, expression).ListOf().Select(list => list.Distinct().Take(40).ToList());
        Prop.ForAll(
            Arb.From(path), Arb.From(patterns),
            (where, keys) =>
            {
                var entries = new JsonObject(keys.Select((key, index) => KeyValuePair.Create(key, (JsonNode?)(index + 1))));
                return Ranks(entries).RankOf(where) == Plain(keys, where);
            }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Every_module_of_a_large_model_may_be_named()
    {
        var config = Ranks(new JsonObject(Enumerable.Range(0, 8000).Select(index => KeyValuePair.Create($"model.layers.{index}.q_proj", (JsonNode?)((index % 64) + 1)))));
        for (var index = 0; index < 8000; index++) config.RankOf(string.Create(CultureInfo.InvariantCulture, $"model.layers.{index}.q_proj")).ShouldBe((index % 64) + 1);
    }

    [Theory]
    [InlineData(16_385, "name{0}", "has more than 16384 names")]
    [InlineData(65, "name{0}|x", "has more than 64 expressions")]
    public void More_than_any_model_needs_is_refused_with_the_bound(int count, string form, string reason)
    {
        var entries = new JsonObject(Enumerable.Range(0, count).Select(
            index => KeyValuePair.Create(form.Replace("{0}", index.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal), (JsonNode?)4)));
        var error = Should.Throw<ModelLoadException>(() => Ranks(entries));
        (error.Item, error.Reason.StartsWith(reason, StringComparison.Ordinal)).ShouldBe(("rank_pattern", true));
    }

    [Fact]
    public void A_long_expression_is_refused_with_the_bound() =>
        Should.Throw<ModelLoadException>(() => Ranks(new() { [new string('a', 5000) + "|b"] = 4 })).Reason.ShouldContain("4096 are allowed");

    private static int Plain(List<string> keys, string path)
    {
        var index = keys.FindIndex(key => Regex.IsMatch(path, $@"\A(?:.*\.)?(?:{key})\z", RegexOptions.CultureInvariant));
        return index < 0 ? 8 : index + 1;
    }

    private static PeftConfig Ranks(JsonObject entries)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File(PeftAddon.ConfigFile), new JsonObject { ["peft_type"] = "LORA", ["target_modules"] = "all-linear", ["rank_pattern"] = entries }.ToJsonString());
        return PeftConfig.Read(folder.Path);
    }
}
