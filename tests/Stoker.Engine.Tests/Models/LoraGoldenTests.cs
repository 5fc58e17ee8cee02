using System.Text.Json;
using Stoker.Engine.Models;
using Stoker.Engine.Tests.Weights;
using Stoker.Engine.Weights;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Models;

/// <summary>
/// The addons' goldens, with each adapter merged into a float32 checkpoint: W + alpha/r · B A. Shows F32 loading too.
/// </summary>
public class LoraGoldenTests
{
    [Theory]
    [InlineData("story-3m-lora-zog", "reference")]
    [InlineData("story-3m-lora-zog", "portable")]
    [InlineData("story-3m-lora-bolt", "reference")]
    [InlineData("story-3m-lora-bolt", "portable")]
    public void Merged_adapter_equals_its_reference(string addon, string kernels)
    {
        using var folder = Merge(TestData.Model("story-3m"), TestData.Model(addon));
        using var runner = new ModelRunner(folder.Path, kernels, precision: Precision.F32); // the product is no bf16
        var golden = GoldenFile.Read(TestData.Golden(addon));
        foreach (var prompt in golden.Prompts)
        {
            GoldenTests.CheckLogits(prompt, runner.Run(prompt.InputIds, LogitRows.Last), GoldenTolerance.Of(kernels));
            var count = prompt.FirstNearTie ?? prompt.GreedyIds.Length;
            runner.Greedy(prompt.InputIds, count).ShouldBe(prompt.GreedyIds[..count], prompt.Text);
        }

        runner.LogProbabilities(golden.LogProbabilities.InputIds).Sum().ShouldBe(golden.LogProbabilities.Sum, 2e-3);
    }

    /// <summary>In memory, while the weights are packed, as with a checkpoint that was merged before: in every format.</summary>
    [Theory]
    [InlineData("story-3m-lora-zog", Precision.F32)]
    [InlineData("story-3m-lora-zog", Precision.Int8)]
    [InlineData("story-3m-lora-bolt", Precision.Bf16)]
    [InlineData("story-3m-lora-bolt", Precision.Fp8)]
    [InlineData("story-3m-lora-bolt", Precision.Fp4)]
    public void Merging_at_load_equals_a_merged_checkpoint_bit_for_bit(string addon, Precision precision)
    {
        var baseFolder = TestData.Model("story-3m");
        using var folder = Merge(baseFolder, TestData.Model(addon));
        using var before = new ModelRunner(folder.Path, "portable", precision: precision);
        using var atLoad = new ModelRunner(baseFolder, "portable", threads: 2, precision: precision, mergeAddon: TestData.Model(addon));
        using var plain = new ModelRunner(baseFolder, "portable", precision: precision);
        var prompt = GoldenFile.Read(TestData.Golden(addon)).Prompts[0].InputIds;
        var expected = before.Run(prompt, LogitRows.All);
        atLoad.Run(prompt, LogitRows.All).ShouldBe(expected);
        plain.Run(prompt, LogitRows.All).ShouldNotBe(expected);
    }

    private static TemporaryFolder Merge(string baseFolder, string addonFolder)
    {
        using var weights = Checkpoint.Open(baseFolder);
        using var adapter = Checkpoint.OpenFile(addonFolder, "adapter_model.safetensors");
        using var config = JsonDocument.Parse(File.ReadAllText(Path.Combine(addonFolder, "adapter_config.json")));
        var scale =
            config.RootElement.GetProperty("lora_alpha").GetSingle() / config.RootElement.GetProperty("r").GetSingle();
        var file = new SafetensorsBuilder();
        foreach (var tensor in weights.Tensors)
        {
            var values = Values(weights, tensor);
            var prefix = "base_model.model." + tensor.Name[..^".weight".Length];
            if (adapter.Contains(prefix + ".lora_A.weight"))
            {
                AddProduct(values, tensor, adapter, prefix, scale);
            }

            file.Add(tensor.Name, [.. tensor.Shape], values);
        }

        var folder = TemporaryFolder.CopyOf(baseFolder);
        File.WriteAllBytes(folder.File("model.safetensors"), file.Build());
        return folder;
    }

    private static void AddProduct(float[] values, TensorEntry tensor, Checkpoint adapter, string prefix, float scale)
    {
        var tensors = adapter.Tensors.ToDictionary(entry => entry.Name);
        var (a, b) = (tensors[prefix + ".lora_A.weight"], tensors[prefix + ".lora_B.weight"]);
        var (down, up) = (Values(adapter, a), Values(adapter, b));
        var (rank, inputs) = ((int)a.Shape[0], (int)a.Shape[1]);
        tensor.Shape.ShouldBe([b.Shape[0], a.Shape[1]]);
        for (var i = 0; i < values.Length; i++)
        {
            var sum = 0f;
            for (var r = 0; r < rank; r++)
            {
                sum += up[(i / inputs * rank) + r] * down[(r * inputs) + (i % inputs)];
            }

            values[i] += scale * sum;
        }
    }

    private static float[] Values(Checkpoint checkpoint, TensorEntry tensor)
    {
        if (tensor.Shape is [var length])
        {
            return checkpoint.Vector(tensor.Name, (int)length);
        }

        var matrix = checkpoint.Matrix(tensor.Name, (int)tensor.Shape[0], (int)tensor.Shape[1]);
        var values = new float[matrix.Rows * matrix.Columns];
        for (var row = 0; row < matrix.Rows; row++)
        {
            matrix.WidenRow(row, values.AsSpan(row * matrix.Columns, matrix.Columns));
        }

        return values;
    }
}
