using Stoker.Engine.Kernels;
using Stoker.Engine.Models;
using Stoker.Engine.Weights;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Weights;

public class WeightPackerTests
{
    [Theory]
    [InlineData(Precision.Auto)]
    [InlineData(Precision.Int8)]
    [InlineData(Precision.Fp8)]
    [InlineData(Precision.Fp4)]
    public void Any_number_of_threads_packs_the_same_bytes(Precision precision)
    {
        using var alone = Pack(TestData.Model("story-3m"), precision, threads: 1);
        using var together = Pack(TestData.Model("story-3m"), precision, threads: 3);
        together.Matrices.Keys.ShouldBe(alone.Matrices.Keys);
        foreach (var (name, matrix) in alone.Matrices)
        {
            Bytes(together.Matrices[name]).SequenceEqual(Bytes(matrix)).ShouldBeTrue(name);
        }
    }

    [Fact]
    public void Rows_of_stacked_sources_stand_one_below_the_other()
    {
        using var checkpoint = Checkpoint.Open(TestData.Model("story-3m"));
        using var packed = Pack(TestData.Model("story-3m"), Precision.Auto, threads: 2);
        var qkv = packed.Matrix("layers.3.qkv", 192 + (2 * 64), 192);
        var value = checkpoint.Matrix("model.layers.3.self_attn.v_proj.weight", 64, 192);
        var (expected, actual) = (new float[192], new float[192]);
        foreach (var row in new[] { 0, 31, 32, 63 })
        {
            value.WidenRow(row, expected);
            qkv.ReadRow(192 + 64 + row, actual);
            actual.ShouldBe(expected);
        }
    }

    [Theory]
    [InlineData(float.NaN, Precision.Int8)]
    [InlineData(float.PositiveInfinity, Precision.Fp8)]
    [InlineData(float.NegativeInfinity, Precision.Fp4)]
    public void A_weight_that_is_no_number_is_refused_by_tensor_where_it_would_be_quantised(float value, Precision precision)
    {
        const string Broken = "model.layers.1.mlp.up_proj.weight";
        using var folder = TemporaryFolder.CopyOf(TestData.Architecture("qwen2"));
        using (var checkpoint = Checkpoint.Open(TestData.Architecture("qwen2")))
        {
            File.WriteAllBytes(folder.File("model.safetensors"), WithValue(checkpoint, Broken, value));
        }

        var error = Should.Throw<ModelLoadException>(() => Pack(folder.Path, precision, threads: 2).Dispose());
        (error.File, error.Item).ShouldBe(("model.safetensors", Broken));
        error.Reason.ShouldStartWith("row 127: a weight is NaN or infinite"); // of the tensor, not of the stack
        Pack(folder.Path, Precision.Auto, threads: 2).Dispose(); // 16 bit holds it as it was stored
    }

    [Fact]
    public void A_missing_or_misshapen_item_is_named()
    {
        using var packed = Pack(TestData.Model("story-3m"), Precision.Auto, threads: 1);
        Should.Throw<ModelLoadException>(() => packed.Matrix("layers.9.qkv", 1, 1)).Item.ShouldBe("layers.9.qkv");
        Should.Throw<ModelLoadException>(() => packed.Matrix("layers.0.qkv", 320, 193)).Reason
            .ShouldBe("has shape [320, 192], the config asks for [320, 193]");
        Should.Throw<ModelLoadException>(() => packed.Vector("final_norm", 191)).Reason
            .ShouldBe("has length 192, the config asks for 191");
    }

    private static PackedWeights Pack(string folder, Precision precision, int threads)
    {
        var spec = Architectures.Read(ConfigObject.Read(folder, LanguageModel.ConfigFile));
        using var team = new ThreadTeam(threads);
        using var checkpoint = Checkpoint.Open(folder);
        var plan = PackPlan.Create(spec, checkpoint, precision);
        return WeightPacker.Pack(plan.Precision, plan.Items, team);
    }

    private static unsafe ReadOnlySpan<byte> Bytes(PanelMatrix matrix) => new(matrix.Panel(0), checked((int)matrix.SizeBytes));

    private static byte[] WithValue(Checkpoint checkpoint, string tensor, float value)
    {
        var file = new SafetensorsBuilder();
        foreach (var entry in checkpoint.Tensors)
        {
            var columns = (int)entry.Shape[^1];
            var rows = (int)(entry.ElementCount / columns);
            var values = new float[rows * columns];
            if (entry.Shape.Count == 1)
            {
                values = checkpoint.Vector(entry.Name, columns);
            }
            else
            {
                var matrix = checkpoint.Matrix(entry.Name, rows, columns);
                for (var row = 0; row < rows; row++)
                {
                    matrix.WidenRow(row, values.AsSpan(row * columns, columns));
                }
            }

            if (entry.Name == tensor)
            {
                values[^3] = value;
            }

            file.Add(entry.Name, [.. entry.Shape], values);
        }

        return file.Build();
    }
}
