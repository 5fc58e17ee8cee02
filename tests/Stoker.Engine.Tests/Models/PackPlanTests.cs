using Stoker.Engine.Kernels;
using Stoker.Engine.Models;
using Stoker.Engine.Weights;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Models;

public class PackPlanTests
{
    [Theory]
    [InlineData(Precision.Auto, "bf16", WeightFormat.Bf16, WeightFormat.Bf16)]
    [InlineData(Precision.F32, "f32", WeightFormat.F32, WeightFormat.F32)]
    [InlineData(Precision.Bf16, "bf16", WeightFormat.Bf16, WeightFormat.Bf16)]
    [InlineData(Precision.Int8, "int8", WeightFormat.Int8, WeightFormat.Int8)]
    [InlineData(Precision.Fp8, "fp8", WeightFormat.Fp8, WeightFormat.Int8)]
    [InlineData(Precision.Fp4, "fp4", WeightFormat.Fp4, WeightFormat.Int8)]
    internal void Projections_and_head_take_the_precision(Precision precision, string name, WeightFormat projections, WeightFormat head)
    {
        var plan = Plan("story-3m", precision);
        plan.Precision.ShouldBe(name);
        plan.Items.Single(item => item.Name == "head").Format.ShouldBe(head);
        foreach (var item in plan.Items.Where(item => item.IsMatrix && item.Name != "head"))
        {
            item.Format.ShouldBe(projections, item.Name);
        }
    }

    [Fact]
    public void Tied_head_is_packed_once_and_an_embedding_of_its_own_keeps_16_bit()
    {
        Plan("story-3m", Precision.Int8).Items.ShouldNotContain(item => item.Name == "embedding");
        Plan("mistral", Precision.Fp4).Items.Single(item => item.Name == "embedding").Format.ShouldBe(WeightFormat.Bf16);
    }

    [Fact]
    public void Half_precision_checkpoints_stay_exact_unless_asked_otherwise()
    {
        Plan("qwen2", Precision.Auto).Precision.ShouldBe("f16");
        Plan("qwen2", Precision.Bf16).Items.Single(item => item.Name == "head").Format.ShouldBe(WeightFormat.Bf16);
    }

    [Fact]
    public void Query_key_and_value_are_one_matrix_and_gate_and_up_are_of_one_shape()
    {
        var items = Plan("story-3m", Precision.Auto).Items.ToDictionary(item => item.Name);
        (items["layers.0.qkv"].Rows, items["layers.0.qkv"].Columns).ShouldBe((192 + (2 * 64), 192));
        items["layers.0.qkv"].Sources.Select(source => source.Tensor[^("q_proj.weight".Length)..])
            .ShouldBe(["q_proj.weight", "k_proj.weight", "v_proj.weight"]);
        (items["layers.6.gate"].Rows, items["layers.6.up"].Rows, items["layers.6.down"].Columns).ShouldBe((512, 512, 512));
        items["layers.0.attention_norm"].Vector!.Length.ShouldBe(192);
    }

    /// <summary>A packed file says of itself what format each matrix has.</summary>
    [Fact]
    public void Gate_and_up_of_two_formats_are_no_model()
    {
        var folder = TestData.Model("story-3m");
        var spec = Architectures.Read(ConfigObject.Read(folder, LanguageModel.ConfigFile));
        using var checkpoint = Checkpoint.Open(folder);
        using var team = new ThreadTeam(1);
        var items = PackPlan.Create(spec, checkpoint, Precision.Auto).Items
            .Select(item => item.Name == "layers.2.up" ? item with { Format = WeightFormat.Int8 } : item).ToList();
        using var packed = WeightPacker.Pack("bf16", items, team);
        var error = Should.Throw<ModelLoadException>(() => DecoderWeights.From(spec, packed));
        error.Item.ShouldBe("layers.2.up");
        error.Message.ShouldContain("is Int8, its gate Bf16");
    }

    [Fact]
    public void Fused_inputs_of_phi3_are_taken_as_they_are()
    {
        var items = Plan("phi3", Precision.Int8).Items.ToDictionary(item => item.Name);
        items["layers.0.qkv"].Sources.Single().Tensor.ShouldBe("model.layers.0.self_attn.qkv_proj.weight");
        items["layers.0.gate"].Sources.Single().Tensor.ShouldBe("model.layers.0.mlp.gate_up_proj.weight");
        items["layers.0.up"].Sources.Single().Tensor.ShouldBe("model.layers.0.mlp.gate_up_proj.weight");
    }

    [Fact]
    public void Mixtures_have_a_matrix_pair_for_each_expert_and_an_exact_router()
    {
        var items = Plan("mixtral", Precision.Fp4).Items.ToDictionary(item => item.Name);
        items["layers.1.router"].Format.ShouldBe(WeightFormat.F32);
        items["layers.1.experts.3.gate"].Sources.Single().Tensor.ShouldBe("model.layers.1.block_sparse_moe.experts.3.w1.weight");
        items["layers.1.experts.3.up"].Sources.Single().Tensor.ShouldBe("model.layers.1.block_sparse_moe.experts.3.w3.weight");
        items["layers.1.experts.3.down"].Format.ShouldBe(WeightFormat.Fp4);
    }

    [Fact]
    public void Biases_of_fused_projections_stand_behind_each_other()
    {
        var items = Plan("qwen2", Precision.Int8).Items.ToDictionary(item => item.Name);
        items["layers.0.qkv_bias"].Vector!.Length.ShouldBe(items["layers.0.qkv"].Rows);
    }

    [Fact]
    public void Gemma_norms_hold_one_more_and_the_factor_of_the_embedding_is_packed()
    {
        var items = Plan("gemma2", Precision.Auto).Items.ToDictionary(item => item.Name);
        using var checkpoint = Checkpoint.Open(TestData.Architecture("gemma2"));
        var stored = checkpoint.Vector("model.norm.weight", items["final_norm"].Columns);
        items["final_norm"].Vector.ShouldBe(stored.Select(value => 1 + value));
        items["embedding_factor"].Vector!.Length.ShouldBe(1);
    }

    private static PackPlan Plan(string model, Precision precision)
    {
        var folder = model.StartsWith("story", StringComparison.Ordinal) ? TestData.Model(model) : TestData.Architecture(model);
        var spec = Architectures.Read(ConfigObject.Read(folder, LanguageModel.ConfigFile));
        using var checkpoint = Checkpoint.Open(folder);
        return PackPlan.Create(spec, checkpoint, precision);
    }
}
