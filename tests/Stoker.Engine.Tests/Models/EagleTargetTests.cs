using Stoker.Engine.Kernels;
using Stoker.Engine.KvCache;
using Stoker.Engine.Models;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Models;

/// <summary>What a head needs of its target, and which targets it is refused for.</summary>
public sealed class EagleTargetTests
{
    [Theory]
    [InlineData("gemma2")]
    [InlineData("mixtral")]
    [InlineData("qwen3")]
    [InlineData("phi3")]
    public void Logits_are_the_same_bits_with_states_kept(string architecture)
    {
        var folder = TestData.Architecture(architecture);
        var plain = Logits(folder, keepStates: false, out _);
        var with = Logits(folder, keepStates: true, out var model);
        using (model)
        {
            with.AsSpan().SequenceEqual(plain).ShouldBeTrue();
            model.State(0).ToArray().ShouldNotBe(model.State(1).ToArray());
        }
    }

    [Fact]
    public void States_are_those_of_every_row_whichever_have_logits()
    {
        using var team = new ThreadTeam(2) { MinimumWork = 0 };
        using var model = LanguageModel.Load(TestData.Model("story-3m"), KernelSets.Choose(), team);
        model.KeepStates();
        using var kv = new KvStore(model.Shape, 8, KvFormat.F32);
        var batch = new StepBatch(64, 2);
        float[] Of(LogitRows rows)
        {
            batch.Clear();
            batch.Add([1, 2, 3, 4, 5], 0, [0], rows);
            batch.Add([9, 8, 7], 0, [1], LogitRows.None);
            model.Forward(batch, kv, new float[batch.LogitRowCount * model.Shape.VocabularySize]);
            return [.. Enumerable.Range(0, 8).SelectMany(row => model.State(row).ToArray())];
        }

        var all = Of(LogitRows.All);
        Of(LogitRows.Last).ShouldBe(all);
        Of(LogitRows.None).ShouldBe(all);
    }

    [Fact]
    public void A_head_for_a_model_of_another_width_is_refused_with_both()
    {
        var error = Refused(TestData.Model("story-3m-eagle"), TestData.Model("story-draft-400k"));
        error.File.ShouldBe("story-3m-eagle/config.json");
        error.Item.ShouldBe("hidden_size");
        error.Reason.ShouldContain("is 192, and that of LlamaForCausalLM, which it is to draft for, is 96");
    }

    [Theory]
    [InlineData("\"vocab_size\": 2048", "\"vocab_size\": 2047", "vocab_size")]
    [InlineData("\"num_hidden_layers\": 1", "\"num_hidden_layers\": 2", "num_hidden_layers")]
    [InlineData("\"bias\": true", "\"attention_bias\": true", "attention_bias")]
    [InlineData("\"bias\": true", "\"bias\": false", "fc.bias")]
    [InlineData("\"head_dim\": 32", "\"head_dim\": 64", "layers.0.self_attn.q_proj.weight")]
    public void A_head_whose_config_does_not_fit_is_refused_by_name(string text, string replacement, string item)
    {
        using var folder = TemporaryFolder.CopyOf(TestData.Model("story-3m-eagle"));
        var config = File.ReadAllText(folder.File("config.json"));
        config.ShouldContain(text);
        File.WriteAllText(folder.File("config.json"), config.Replace(text, replacement, StringComparison.Ordinal));
        Refused(folder.Path, TestData.Model("story-3m")).Item.ShouldBe(item);
    }

    private static ModelLoadException Refused(string head, string target)
    {
        using var team = new ThreadTeam(1);
        var kernels = KernelSets.Choose("portable");
        using var model = LanguageModel.Load(target, kernels, team);
        return Should.Throw<ModelLoadException>(() => EagleHead.Load(head, model, kernels, team));
    }

    private static float[] Logits(string folder, bool keepStates, out DecoderModel model)
    {
        using var team = new ThreadTeam(1);
        model = LanguageModel.Load(folder, KernelSets.Choose(), team);
        if (keepStates) model.KeepStates();
        using var kv = new KvStore(model.Shape, 8, KvFormat.F32);
        var batch = new StepBatch(64, 3);
        batch.Add([.. Enumerable.Range(3, 40)], 0, [0, 1], LogitRows.Last);
        batch.Add([1, 2, 3], 0, [2], LogitRows.All);
        batch.Add([4, 4, 4], 0, [3], LogitRows.None);
        var logits = new float[batch.LogitRowCount * model.Shape.VocabularySize];
        model.Forward(batch, kv, logits);
        if (!keepStates) model.Dispose();
        return logits;
    }
}
