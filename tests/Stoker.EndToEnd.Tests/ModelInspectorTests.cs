using Stoker.Api.Problems;
using Stoker.ControlPlane.Models;
using Stoker.Server.Serving;
using Stoker.Testing;
using Stoker.Testing.Checkpoints;

namespace Stoker.EndToEnd.Tests;

/// <summary>The engine behind the control plane's question what a folder holds.</summary>
public sealed class ModelInspectorTests
{
    [Theory]
    [InlineData("story-3m", ModelKind.HfBaseModel, "llama")]
    [InlineData("story-3m-eagle", ModelKind.DraftAddon, "llama")]
    [InlineData("story-3m-lora-zog", ModelKind.HfPeftAddon, null)]
    public async Task A_models_type_is_what_its_config_calls_it(string model, ModelKind kind, string? type)
    {
        var seen = (await Inspect(model, baseModel: null)).Value;

        (seen.Kind, seen.ModelType).ShouldBe((kind, type));
    }

    [Fact]
    public async Task What_memory_is_planned_with_is_read_from_the_files()
    {
        var (model, head) = ((await Inspect("story-3m", baseModel: null)).Value, (await Inspect("story-3m-eagle", baseModel: null)).Value);
        model.KvBytesPerToken.ShouldBe(7 * head.KvBytesPerToken);
        (model.AddonBytesPerRank > 0, head.AddonBytesPerRank).ShouldBe((true, null));
    }

    [Fact]
    public async Task A_checkpoint_quantised_in_another_way_is_refused_at_upload_with_what_to_do()
    {
        var folder = Directory.CreateTempSubdirectory("stk").FullName;
        try
        {
            var gptq = QuantizedForm.Fbgemm() with { Config = new() { ["quant_method"] = "gptq", ["bits"] = 4 } };
            QuantizedFolder.Write(TestData.Model("story-3m"), folder, gptq);
            var problem = (await new ModelInspector().InspectAsync(folder, null, TestContext.Current.CancellationToken)).Problem!;
            problem.Code.ShouldBe(Code.InvalidArgument);
            problem.Message.ShouldStartWith("config.json: quantization_config.quant_method: 'gptq' is not supported; supported are fp8,");
            problem.Message.ShouldContain("take the model's 16-bit checkpoint");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task A_checkpoint_that_is_stored_as_fp8_has_that_precision_and_others_have_16_bits()
    {
        var folder = Directory.CreateTempSubdirectory("stk").FullName;
        try
        {
            QuantizedFolder.Write(TestData.Model("story-3m"), folder, QuantizedForm.CompressedTensors("channel"));
            var seen = (await new ModelInspector().InspectAsync(folder, null, TestContext.Current.CancellationToken)).Value;
            seen.Precisions.ShouldBe([Precision.Fp8]);
            var fileBytes = new FileInfo(Path.Combine(folder, "model.safetensors")).Length;
            seen.WeightBytes.ShouldBeInRange(fileBytes - 50_000, fileBytes); // the header
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        (await Inspect("story-3m", baseModel: null)).Value.Precisions.ShouldBe([Precision.Fp16, Precision.Bf16]);
    }

    [Fact]
    public async Task An_addon_is_held_against_its_base()
    {
        (await Inspect("story-3m-lora-zog", "story-3m")).Problem.ShouldBeNull();

        var problem = (await Inspect("story-3m-lora-zog", "story-draft-400k")).Problem!;
        problem.Code.ShouldBe(Code.InvalidArgument);
        problem.Message.ShouldContain("adapter_model.safetensors");
        problem.Message.ShouldContain("base model");
    }

    private static Task<Result<ModelInspection>> Inspect(string model, string? baseModel) => new ModelInspector().InspectAsync(
        TestData.Model(model), baseModel is null ? null : TestData.Model(baseModel), TestContext.Current.CancellationToken);
}
